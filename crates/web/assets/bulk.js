// The same to all jobs that match a filter: first counted, then done.

import { act, dialog, fill, h } from "./dom.js";
import { post } from "./api.js";
import { counted, number, short } from "./format.js";

const WORDS = {
  cancel: ["Cancel", ["job is not over, and would be canceled", "jobs are not over, and would be canceled"]],
  retry: ["Retry", ["job is over, and would run once more as a new one", "jobs are over, and would run once more as new ones"]],
  delete: ["Delete", ["job would be gone for good, with its output", "jobs would be gone for good, with their output"]],
};

export function bulk(filter) {
  const names = Object.entries(filter);
  const said = names.length
    ? h("ul.said", names.map(([name, value]) => h("li", h("b", name), ` ${value}`)))
    : h("p.warn", "No filter is set: this is about all jobs that there are.");
  const result = h("div", { role: "status", "aria-live": "polite" });
  const choice = h("fieldset.choice", h("legend", "What to do with them"), Object.entries(WORDS).map(([name, [label]], place) =>
    h("label", h("input", { type: "radio", name: "operation", value: name, checked: place === 0, onchange: () => count() }), label)));
  const box = dialog("All jobs that match", said, choice, result);
  const operation = () => choice.querySelector(":checked").value;
  const form = (more) => ({ operation: operation(), filter, all: names.length === 0, ...more });
  let round = 0;

  async function count() {
    round += 1;
    const mine = round;
    fill(result, h("p.faint", "Counting…"));
    let matched = 0;
    let ids = [];
    let next;
    try {
      do {
        const part = await post("/jobs/bulk", form({ dryRun: true, next }));
        if (mine !== round || !box.open) return;
        matched += part.matched;
        ids = ids.concat(part.ids).slice(0, 20);
        next = part.next;
        fill(result, h("p.faint", `Counting… ${number(matched)}`));
      } while (next);
    } catch (error) {
      return void fill(result, h("p.problem", error.message));
    }
    const [verb, [one, many]] = WORDS[operation()];
    fill(result, h("p", h("b", { class: "matched" }, number(matched)), ` ${matched === 1 ? one : many}.`),
      ids.length > 0 && h("p.faint", ids.map((id) => [h("a", { href: `/jobs/${id}` }, h("code", short(id))), " "]), matched > ids.length && "…"),
      h("div.buttons", act(`${verb} ${counted(matched, "job")}`, { kind: operation() === "retry" ? "primary" : "danger", disabled: matched === 0 }, carryOut),
        h("button", { type: "button", onclick: () => box.close() }, "Keep them as they are")));
  }

  async function carryOut() {
    const key = { "idempotency-key": `page-${crypto.randomUUID?.() ?? Math.random()}` };
    let changed = 0;
    let refused = 0;
    let next;
    for (const radio of choice.elements) radio.disabled = true;
    do {
      const part = await post("/jobs/bulk", form({ next }), operation() === "retry" ? key : {});
      changed += part.changed;
      refused += part.refused;
      next = part.next;
      fill(result, h("p", `${number(changed)} done${refused ? `, ${number(refused)} refused` : ""}${next ? ", going on…" : "."}`));
    } while (next);
    result.append(h("div.buttons", h("button.primary", { type: "button", onclick: () => box.close() }, "Close")));
  }
  count();
}
