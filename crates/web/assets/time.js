// Texts that change as time goes by: how long something has run, or how soon it comes.

import { h } from "./dom.js";
import { span } from "./format.js";

const living = new Set();

// The time from then to now (or from now to then), kept current while it is on the page.
export function ago(text, { before = "", after = "" } = {}) {
  const element = h("span.ago", { title: text });
  element.until = Date.parse(text);
  element.before = before;
  element.after = after;
  tick(element);
  living.add(new WeakRef(element));
  return element;
}

function tick(element) {
  const distance = Math.abs(Date.now() - element.until);
  // Whole seconds: tenths of what still goes on only flicker.
  const text = distance < 60000 ? `${Math.floor(distance / 1000)} s` : span(distance);
  const whole = `${element.before}${text}${element.after}`;
  if (element.textContent !== whole) element.textContent = whole;
}

setInterval(() => {
  if (document.hidden) return;
  for (const reference of living) {
    const element = reference.deref();
    if (!element) living.delete(reference);
    else if (element.isConnected) tick(element);
  }
}, 1000);
