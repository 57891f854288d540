// Submitting a job: a form made from what the action declares.

import { act, dialog, fill, h } from "./dom.js";
import { get, post } from "./api.js";
import { amounts, parseAmounts } from "./format.js";

// Opens the form, filled with what `like` has, if it is there.
export async function submit(like) {
  const { actions } = await get("/actions");
  const names = actions.filter((it) => it.workers.length > 0 || it.name === like?.action);
  const choose = h("select", { id: "submit-action", name: "action", autofocus: true, onchange: () => draw() },
    names.map((it) => h("option", { value: it.name, selected: it.name === like?.action }, it.name)));
  const fields = h("div");
  const problem = h("p.problem", { role: "alert", hidden: true });
  const form = h("form.submit", { novalidate: true }, h("label.field", h("span", "Action"), choose), fields, problem,
    h("div.buttons", h("button.primary", "Submit"), h("button", { type: "button", onclick: () => box.close() }, "Leave it")));
  const box = dialog("Submit a job", form);
  const key = crypto.randomUUID?.() ?? String(Math.random());
  let attempt = 0;
  draw();

  function draw() {
    const action = actions.find((it) => it.name === choose.value);
    const given = { ...(like?.action === action.name ? like.parameters : {}) };
    const declared = action.parameters.map((it) => parameter(it, given));
    const others = h("div.others");
    for (const [name, value] of Object.entries(given)) others.append(other(name, value));
    const isDeclared = action.onlyDeclared;
    fill(fields,
      action.description && h("p.faint", action.description),
      (declared.length > 0 || !isDeclared) && h("fieldset", h("legend", "Parameters"), declared, others,
        !isDeclared && h("button.quiet", { type: "button", onclick: () => { others.append(other()); others.lastElementChild.querySelector("input").focus(); } }, "Add a parameter")),
      h("details", h("summary", "More: when, where, how long"), h("div.grid",
        field("capacityMap", "Capacity", { placeholder: action.capacityMap ? amounts(action.capacityMap) : "scan=1, memory=4", value: pairs(like?.capacityMap) }),
        field("retries", "Retries", { type: "number", min: 0, max: 1000, placeholder: action.retries, value: like?.retriesTotal }),
        field("scheduledAt", "Not before", { type: "datetime-local", step: 1 }),
        field("expiresAt", "To be claimed until", { type: "datetime-local", step: 1 }),
        field("deadline", "May run for", { placeholder: action.deadline || "as long as it takes", value: like?.deadline ?? "" }),
        field("stopTimeout", "Time to stop", { placeholder: action.stopTimeout || "the worker's default", value: like?.stopTimeout ?? "" }),
        field("priority", "Priority, 0 to 100", { type: "number", min: 0, max: 100, placeholder: 50, value: like?.priority }),
        field("uniqueKey", "Unique key", { maxlength: 128 }))));
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button.primary");
    button.disabled = true;
    for (const input of form.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
    problem.hidden = true;
    try {
      attempt += 1;
      const job = await post("/jobs", read(), { "idempotency-key": `page-${key}-${attempt}` });
      location.assign(`/jobs/${job.id}`);
    } catch (error) {
      const name = (error.detail?.field ?? "").replace(/^parameters\./, "p:");
      const input = name && form.querySelector(`[name="${CSS.escape(name)}"]`);
      if (input) {
        input.setAttribute("aria-invalid", "true");
        input.focus();
      }
      // The outcome is not known: the same key asks for the same job again.
      if (error.detail?.outcome === "unknown" || error.status === 0) attempt -= 1;
      fill(problem, error.message);
      problem.hidden = false;
    } finally {
      button.disabled = false;
    }
  });

  function read() {
    const data = new FormData(form);
    const value = (name) => (data.get(name) ?? "").trim();
    const job = { action: choose.value };
    const set = {};
    for (const [name, text] of data) if (name.startsWith("p:") && text !== "") set[name.slice(2)] = text;
    for (const pair of form.querySelectorAll(".other")) {
      const [name, text] = [...pair.querySelectorAll("input")].map((it) => it.value);
      if (name) set[name] = text;
    }
    if (Object.keys(set).length) job.parameters = set;
    if (value("capacityMap")) job.capacityMap = parseAmounts(value("capacityMap"));
    for (const name of ["retries", "priority"]) if (value(name)) job[name] = Number(value(name));
    for (const name of ["deadline", "stopTimeout", "uniqueKey"]) if (value(name)) job[name] = value(name);
    for (const name of ["scheduledAt", "expiresAt"]) if (value(name)) job[name] = new Date(value(name)).toISOString();
    return job;
  }
}

const pairs = (map) => Object.entries(map ?? {}).map(([name, amount]) => `${name}=${amount}`).join(", ");

function field(name, label, props) {
  return h("label.field", h("span", label), h("input", { name, autocomplete: props.type === "number" || props.type === "datetime-local" ? undefined : "off", ...props }));
}

// The field of a declared parameter; what was given is taken from `given`.
function parameter(declared, given) {
  const name = `p:${declared.name}`;
  const value = given[declared.name] ?? "";
  delete given[declared.name];
  const common = { name, required: declared.required };
  const bounds = [declared.minimum !== undefined && `at least ${declared.minimum}`, declared.maximum !== undefined && `at most ${declared.maximum}`, declared.pattern && `as ${declared.pattern}`].filter(Boolean);
  const hint = [declared.description, bounds.join(", ")].filter(Boolean).join(" · ");
  const isNumber = declared.minimum !== undefined || declared.maximum !== undefined;
  const input = declared.values
    ? h("select", common, !declared.required && h("option", { value: "" }, declared.default ? `${declared.default} (default)` : "–"),
      declared.values.map((it) => h("option", { value: it, selected: it === value }, it)))
    : h("input", { ...common, value, autocomplete: "off", spellcheck: "false", placeholder: declared.default, inputmode: isNumber ? "numeric" : undefined });
  return h("label.field", h("span", declared.name, declared.required && h("b.needed", " needed")), input, hint && h("small.faint", hint));
}

function other(name = "", value = "") {
  const pair = h("div.other", h("input", { "aria-label": "Name of the parameter", value: name, placeholder: "name" }), h("input", { "aria-label": "Its value", value, placeholder: "value" }));
  pair.append(h("button.quiet", { type: "button", "aria-label": "Remove this parameter", onclick: () => pair.remove() }, "✕"));
  return pair;
}
