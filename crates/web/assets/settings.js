// Retention for all; tokens and the audit log for administrators.

import { act, confirm, dialog, fill, h, keyed, toast } from "./dom.js";
import { get, may, post, remove } from "./api.js";
import { number, time } from "./format.js";
import { ago } from "./time.js";

const AUDIT_ROWS = 50;

const main = document.getElementById("main");
const retention = h("section.card", { "aria-labelledby": "retention-title" });
const tokens = h("section", { "aria-labelledby": "tokens-title" });
const audit = h("section", { "aria-labelledby": "audit-title" });

fill(main, h("div.title", h("h1", "Settings")), h("div.stack", retention, may("ListTokens") && tokens, may("ListAudit") && audit));
loadRetention().catch(problem);
if (may("ListTokens")) loadTokens().catch(problem);
if (may("ListAudit")) drawAudit();

function problem(error) {
  toast(error.message, "bad");
}

async function loadRetention() {
  const settings = await get("/meta/settings");
  const enabled = h("input", { type: "checkbox", name: "enabled", checked: settings.jobHistoryCompactionEnabled });
  const keep = h("input", { name: "keep", type: "number", min: 0, value: settings.jobHistoryToKeep || "", placeholder: "no bound" });
  const age = h("input", { name: "age", value: settings.jobHistoryMaxAge, placeholder: "no bound, or 720h", autocomplete: "off" });
  const note = h("p", { role: "alert" });
  const canChange = may("ChangeSettings");
  const form = h("form.submit.narrow", h("label.check", enabled, " Remove old jobs and their output"),
    h("label.field", h("span", "Jobs to keep at most"), keep), h("label.field", h("span", "Keep a job for"), age), note,
    canChange ? h("div.buttons", h("button.primary", "Set it")) : h("p.faint", "Administrators change this."));
  for (const input of [enabled, keep, age]) input.disabled = !canChange;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await post("/meta/settings", { jobHistoryCompactionEnabled: enabled.checked, jobHistoryToKeep: Number(keep.value || 0), jobHistoryMaxAge: age.value.trim() });
      fill(note, "It is set. The next run of onlinegc_joblogs goes by it.");
      note.className = "faint";
    } catch (error) {
      fill(note, error.message);
      note.className = "problem";
    }
  });
  fill(retention, h("h2", { id: "retention-title" }, "History of jobs"), form);
}

async function loadTokens() {
  const { tokens: all } = await get("/tokens");
  const rows = h("tbody");
  const table = h("div.scroll", { tabindex: "0", role: "region", "aria-label": "Tokens" }, h("table",
    h("thead", h("tr", ["User", "Role", "Description", "Created", "Expires", "Id"].map((it) => h("th", { scope: "col" }, it)), h("th", { scope: "col" }, h("span.aside", "What to do")))), rows));
  keyed(rows, all, (it) => it.id, (token) => h("tr",
    h("td", h("b", token.user)), h("td", h("span.role", token.role)), h("td", token.description), h("td.num", time(token.createdAt)),
    h("td.num", token.expiresAt ? (Date.parse(token.expiresAt) > Date.now() ? ago(token.expiresAt, { before: "in " }) : h("span.pill.warn", "expired")) : h("span.faint", "never")),
    h("td", h("code", token.id)),
    h("td.acts", may("RevokeToken") && act("Revoke", { kind: "small", "aria-label": `Revoke the token ${token.description || token.id} of ${token.user}` }, async () => {
      if (!await confirm(`Revoke a token of ${token.user}?`, "It is worthless at once, on every replica; sessions and streams that use it end.", "Revoke it")) return;
      await remove(`/tokens/${token.id}`);
      await loadTokens();
    }))));
  fill(tokens, h("div.tools", h("h2.apart", { id: "tokens-title" }, "Tokens"), h("span.push"), may("CreateToken") && h("button", { type: "button", "data-key-press": "n", onclick: give }, "New token")),
    all.length ? table : h("p.faint", "There are none: the cluster is open."));
}

function give() {
  const note = h("p.problem", { role: "alert", hidden: true });
  const form = h("form.submit",
    h("label.field", h("span", "User"), h("input", { name: "user", required: true, autocomplete: "off", maxlength: 128 })),
    h("label.field", h("span", "Role"), h("select", { name: "role" }, [["viewer", "viewer: looks at everything but tokens and the audit log"], ["operator", "operator: also works with jobs, crons and workers"], ["admin", "admin: everything"]].map(([it, text]) => h("option", { value: it }, text)))),
    h("label.field", h("span", "Expires in (empty: never)"), h("input", { name: "expiresIn", placeholder: "720h", autocomplete: "off" })),
    h("label.field", h("span", "Description"), h("input", { name: "description", autocomplete: "off" })),
    note, h("div.buttons", h("button.primary", "Create it"), h("button", { type: "button", onclick: () => box.close() }, "Leave it")));
  const box = dialog("A new token", form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const data = Object.fromEntries(new FormData(form));
    try {
      const { token, secret } = await post("/tokens", data);
      box.close();
      dialog(`The token of ${token.user}`, h("p", "This is its secret. It is told this once, and kept nowhere."), h("pre.secret", { tabindex: "0" }, secret));
      await loadTokens();
    } catch (error) {
      fill(note, error.message);
      note.hidden = false;
    }
  });
}

function drawAudit() {
  let start = 0;
  const rows = h("tbody");
  const pages = h("div.pages");
  const none = h("span.faint", { role: "status" });
  const form = h("form.filters", { role: "search", "aria-label": "Filter the audit log" },
    h("label.field", h("span", "User"), h("input", { name: "user", autocomplete: "off", "data-search": "" })),
    h("label.field", h("span", "Since"), h("input", { name: "since", type: "datetime-local", step: 1 })),
    h("button", "Look"));
  form.addEventListener("submit", (event) => { event.preventDefault(); start = 0; load().catch(problem); });
  fill(audit, h("h2.apart", { id: "audit-title" }, "Audit log"), form,
    h("div.scroll", { tabindex: "0", role: "region", "aria-label": "Audit log" }, h("table",
      h("thead", h("tr", ["When", "Who", "What", "About", "Result", "From", "Request"].map((it) => h("th", { scope: "col" }, it)))), rows)),
    h("div.under", none, pages));
  async function load() {
    const since = form.elements.since.value;
    const { records } = await get("/audit", { start, limit: AUDIT_ROWS + 1, user: form.elements.user.value.trim(), since: since && new Date(since).toISOString() });
    keyed(rows, records.slice(0, AUDIT_ROWS), (it) => it.index, (it) => h("tr",
      h("td.num", time(it.at)), h("td", it.user || h("span.faint", "anybody")), h("td", it.operation),
      h("td", /^[0-9a-f-]{36}$/.test(it.object) ? h("a", { href: `/jobs/${it.object}` }, h("code", it.object.slice(-8))) : h("code", it.object)),
      h("td", it.result === "OK" ? h("span.pill.good", "OK") : h("span.pill.bad", it.result)), h("td", h("code", it.remote)), h("td", h("code", it.requestID))));
    const turn = (to) => { start = to; load().catch(problem); };
    fill(none, records.length === 0 && "No record matches.");
    fill(pages, start > 0 && h("span.faint", `from ${number(start + 1)} on`),
      h("button", { type: "button", disabled: start === 0, onclick: () => turn(Math.max(0, start - AUDIT_ROWS)) }, "Newer"),
      h("button", { type: "button", disabled: records.length <= AUDIT_ROWS, onclick: () => turn(start + AUDIT_ROWS) }, "Older"));
  }
  load().catch(problem);
}
