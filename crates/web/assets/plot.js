// Plots of the last hours: lines over time, with what they say at the place of the pointer.

import { fill, h, s } from "./dom.js";
import { clock, number, span } from "./format.js";

const WIDTH = 600;
const HEIGHT = 120;
const FOOT = 100;

// A plot: its title, lines as {name, kind, of(sample)}, and how a value is written.
export function plot(title, lines, write = (value) => number(Math.round(value * 10) / 10)) {
  const svg = s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", tabindex: "0" });
  const said = h("p.legend");
  const axis = h("p.axis-ends.faint");
  const top = h("span.peak.faint");
  const card = h("figure.card.plot", h("figcaption", h("h3", title), said), h("div.canvas", svg, top), axis);
  let samples = [];
  let at = -1;

  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    at = Math.round(((event.clientX - box.left) / box.width) * (samples.length - 1));
    tell();
  });
  svg.addEventListener("pointerleave", () => { at = -1; tell(); });
  svg.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    event.preventDefault();
    at = Math.min(samples.length - 1, Math.max(0, (at < 0 ? samples.length - 1 : at) + (event.key === "ArrowLeft" ? -1 : 1)));
    tell();
  });

  function tell() {
    const sample = samples[at] ?? samples.at(-1);
    fill(said, sample && [lines.map(({ name, kind, of }) => h(`span.key.${kind}`, `${name} ${write(of(sample))}`)), h("span.faint", samples[at] ? clock(sample.at) : "now")]);
    svg.querySelector(".cursor")?.remove();
    if (samples[at] && samples.length > 1) {
      const x = (at / (samples.length - 1)) * WIDTH;
      svg.append(s("line", { class: "cursor", x1: x, x2: x, y1: 0, y2: FOOT + 8 }));
    }
  }

  card.show = (all) => {
    samples = all;
    const peak = Math.max(1, ...samples.flatMap((sample) => lines.map(({ of }) => of(sample))));
    const x = (place) => (samples.length > 1 ? (place / (samples.length - 1)) * WIDTH : WIDTH);
    const y = (value) => FOOT + 8 - (value / peak) * FOOT;
    const drawn = lines.map(({ kind, of }, place) => {
      const points = samples.map((sample, index) => `${x(index).toFixed(1)},${y(of(sample)).toFixed(1)}`);
      const area = place === 0 && points.length > 1 && s(`polygon.area.${kind}`, { points: `0,${FOOT + 8} ${points.join(" ")} ${WIDTH},${FOOT + 8}` });
      return [area, s(`polyline.${kind}`, { points: points.join(" ") })];
    });
    svg.replaceChildren(...[s("line", { class: "foot", x1: 0, x2: WIDTH, y1: FOOT + 8, y2: FOOT + 8 }), drawn].flat(3).filter(Boolean));
    const last = samples.at(-1);
    svg.setAttribute("aria-label", last ? `${title}: ${lines.map(({ name, of }) => `${name} ${write(of(last))}`).join(", ")}; at most ${write(peak)} since ${clock(samples[0].at)}` : `${title}: nothing yet`);
    fill(top, write(peak));
    fill(axis, samples.length > 1 ? [h("span", clock(samples[0].at)), h("span", "now")] : h("span", "the first step comes within half a minute"));
    tell();
  };
  return card;
}

export const seconds = (ms) => (ms === 0 ? "none" : span(ms));
