// The list of jobs: filtered, sorted, live; its state is in the address.

import { act, confirm, fill, h, keyed, toast } from "./dom.js";
import { get, may, post, remove } from "./api.js";
import { STATUS_NAMES, counted, ending, number, parameters, pill, short, span, statusName, time } from "./format.js";
import { ago } from "./time.js";
import { follow } from "./watch.js";
import { bulk } from "./bulk.js";
import { submit } from "./submit.js";

const BY_TIME = "scheduledAt";
const SIZES = [25, 50, 100, 250];
const ORDERS = [["", "newest first"], ["oldest", "oldest first"]];
const OVER = ["done", "error", "cancel", "worker_dead", "worker_shutdown", "deleted"];
const state = Object.fromEntries(new URLSearchParams(location.search));
const chosen = new Set();
let page = { jobs: [], next: undefined };
let behind = [];

// What the list asks for: everything of the address that is a filter.
export function filters() {
  const { action, worker, status, text, since, until, parent } = state;
  const of = { action, worker, status, text, parent, since: instant(since), until: instant(until) };
  return Object.fromEntries(Object.entries(of).filter(([, value]) => value));
}

function instant(local) {
  const at = local && new Date(local);
  return at && !Number.isNaN(at.getTime()) ? at.toISOString() : undefined;
}

const isOver = (job) => OVER.includes(job.status) && !(job.status.startsWith("worker_") && !job.attempts.at(-1)?.endedAt);
const canCancel = (job) => may("CancelJob") && ["waiting", "running", "worker_dead", "worker_shutdown", "worker_resurrection"].includes(job.status);
const canRetry = (job) => may("RetryJob") && isOver(job) && job.status !== "deleted";

const main = document.getElementById("main");
const counts = h("ul.counts", { "aria-label": "Jobs by status" });
const rows = h("tbody");
const pages = h("div.pages");
const summary = h("p.faint", { role: "status", "aria-live": "polite" });
const chosenBar = h("div.chosen", { hidden: true });
const parentBar = h("p.chosen", { hidden: true });
const form = filterForm();
const head = h("tr");

// The time is sorted by the cluster, over all that there is; the others have no index, and sort the rows of
// the page that is shown.
const COLUMNS = [
  ["status", "Status", (job) => job.status],
  ["action", "Action and parameters", (job) => `${job.action} ${parameters(job.parameters)}`],
  ["id", "Job", (job) => job.id, "id-cell"],
  [BY_TIME, "Scheduled", undefined, "when"],
  ["took", "Took", (job) => took(job) ?? -1],
  ["workerID", "Worker", (job) => job.workerID, "wide-only"],
];

fill(main,
  h("div.title", h("h1", "Jobs"), counts,
    h("div.buttons",
      may("BulkJobs") && h("button", { type: "button", onclick: () => bulk(filters()) }, "All that match…"),
      may("SubmitJob") && h("button.primary", { type: "button", "data-key-press": "n", onclick: () => submit() }, "Submit a job"))),
  form, parentBar, chosenBar,
  h("div.scroll", { role: "region", tabindex: "0", "aria-label": "The list of jobs" },
    h("table.jobs", h("caption.aside", "Jobs, as the filters say"), h("thead", head), rows)),
  h("div.under", summary, pages));
drawHead();

function filterForm() {
  const input = (name, label, props) => h("label.field", h("span", label), h("input", { name, value: state[name] ?? "", ...props }));
  const actions = h("datalist", { id: "actions" });
  get("/actions").then(({ actions: all }) => fill(actions, all.map((it) => h("option", { value: it.name })))).catch(() => {});
  const status = h("details.pick", h("summary", pickLabel()),
    h("fieldset", h("legend.aside", "Status"), STATUS_NAMES.filter((it) => it !== "deleted").map((name) =>
      h("label", h("input", { type: "checkbox", name: "status", value: name, checked: picked().includes(name) }), pill(name)))));
  const size = h("label.field", h("span", "Rows"), h("select", { name: "limit" },
    SIZES.map((it) => h("option", { value: it, selected: it === limit() }, it))));
  // Where it is narrow the column whose head has this choice is not there.
  const direction = h("label.field.narrow-only", h("span", "Order"), h("select", { name: "order" },
    ORDERS.map(([value, text]) => h("option", { value, selected: value === order() }, text))));
  const box = h("form.filters", { role: "search", "aria-label": "Filter the jobs" },
    h("label.field.grow", h("span", "Text in parameters"), h("input", { name: "text", type: "search", maxlength: 256, value: state.text ?? "", "data-search": "" })),
    input("action", "Action", { list: "actions", autocomplete: "off" }), actions, 
    input("worker", "Worker", { size: 13, autocomplete: "off", spellcheck: "false" }),
    h("div.field", h("span", { "aria-hidden": "true" }, "Status"), status),
    input("since", "Scheduled since", { type: "datetime-local", step: 1 }),
    input("until", "until", { type: "datetime-local", step: 1 }), size, direction,
    h("button.quiet", { type: "button", onclick: clear }, "Clear"));
  const apply = () => {
    const data = new FormData(box);
    for (const name of ["text", "action", "worker", "since", "until"]) state[name] = data.get(name).trim();
    state.status = data.getAll("status").join(",");
    state.limit = data.get("limit") === "50" ? "" : data.get("limit");
    // In an order of the page's own the cluster's would not be seen.
    if (data.get("order") !== order()) Object.assign(state, { order: data.get("order"), sort: "" });
    fill(status.querySelector("summary"), pickLabel());
    drawHead();
    turn();
  };
  let typing;
  box.addEventListener("submit", (event) => { event.preventDefault(); apply(); });
  box.addEventListener("change", apply);
  box.addEventListener("input", (event) => {
    if (event.target.type !== "search") return;
    clearTimeout(typing);
    typing = setTimeout(apply, 300);
  });
  addEventListener("click", (event) => { if (!status.contains(event.target)) status.open = false; });
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !status.open) return;
    status.open = false;
    status.querySelector("summary").focus();
  });
  return box;
}

function picked() {
  return (state.status ?? "").split(",").filter(Boolean);
}

function pickLabel() {
  const names = picked();
  return names.length === 0 ? "any" : names.length === 1 ? statusName(names[0]) : `${names.length} of them`;
}

function limit() {
  const asked = Number(state.limit);
  return SIZES.includes(asked) ? asked : 50;
}

function clear() {
  for (const name of ["text", "action", "worker", "since", "until", "status", "parent"]) delete state[name];
  fillForm();
  turn();
}

// The form says what the address says.
function fillForm() {
  const values = { ...state, limit: limit(), order: order() };
  for (const input of form.elements) {
    if (input.type === "checkbox") input.checked = picked().includes(input.value);
    else if (input.name) input.value = values[input.name] ?? "";
  }
  fill(form.querySelector("summary"), pickLabel());
}

// Goes to another page of the list, the first one unless `after` says which, and notes it in the address.
function turn(after = "", kept = []) {
  behind = kept;
  state.after = after;
  chosen.clear();
  remember(after ? "push" : "replace");
  refresh();
}

function remember(how) {
  const values = Object.entries(state).filter(([, value]) => value);
  const text = new URLSearchParams(values).toString();
  history[`${how}State`]({ behind }, "", text ? `?${text}` : location.pathname);
}

addEventListener("popstate", (event) => {
  for (const name of Object.keys(state)) delete state[name];
  Object.assign(state, Object.fromEntries(new URLSearchParams(location.search)));
  behind = event.state?.behind ?? [];
  fillForm();
  drawHead();
  refresh();
});

function isOldestFirst() {
  return state.order === "oldest";
}

function order() {
  return isOldestFirst() ? "oldest" : "";
}

function drawHead() {
  const [sorted, isDown] = (state.sort ?? "").startsWith("-") ? [state.sort.slice(1), true] : [state.sort, false];
  const focus = (name) => head.querySelector(`[data-name="${name}"]`).focus();
  const cells = COLUMNS.map(([name, label, , kind]) => {
    const cell = (direction, title, sort) => h(`th${kind ? `.${kind}` : ""}`, { scope: "col", "aria-sort": direction },
      h("button.sort", { type: "button", onclick: sort, "data-name": name, title }, label));
    if (name === BY_TIME) {
      // In an order of the page's own the cluster's is not to be seen: then this goes back to it.
      const direction = sorted ? "none" : isOldestFirst() ? "ascending" : "descending";
      const turnRound = () => {
        if (sorted) state.sort = "";
        else state.order = isOldestFirst() ? "" : "oldest";
        fillForm();
        drawHead();
        turn();
        focus(name);
      };
      return cell(direction, "Sort all jobs, newest or oldest first", turnRound);
    }
    const direction = sorted === name ? (isDown ? "descending" : "ascending") : "none";
    const next = direction === "ascending" ? `-${name}` : direction === "none" ? name : "";
    const sort = () => { state.sort = next; remember("replace"); drawHead(); draw(); focus(name); };
    return cell(direction, "Sort the rows of this page only", sort);
  });
  const all = h("input", { type: "checkbox", "data-name": "all", "aria-label": "Choose all jobs that are shown", onchange: (event) => {
    for (const job of page.jobs) if (event.target.checked) chosen.add(job.id); else chosen.delete(job.id);
    draw();
  } });
  fill(head, may("CancelJob") && h("th.box-cell", { scope: "col" }, all), cells, h("th", { scope: "col" }, h("span.aside", "What to do")));
}

function took(job) {
  const last = job.attempts.at(-1);
  if (!last) return undefined;
  return (last.endedAt ? Date.parse(last.endedAt) : Date.now()) - Date.parse(last.startedAt);
}

function tookCell(job) {
  const last = job.attempts.at(-1);
  if (!last) return job.status === "waiting" ? ago(job.scheduledAt, Date.parse(job.scheduledAt) > Date.now() ? { before: "in " } : { before: "waits " }) : h("span.faint", "–");
  return last.endedAt ? span(took(job)) : ago(last.startedAt);
}

function why(job) {
  if (job.waitReason) return h("span.why", job.waitReason);
  const last = job.attempts.at(-1);
  if (job.endReason === "expired") return h("span.why", "nobody claimed it in time");
  if (last?.endedAt && job.status !== "done") return h("span.why", { title: last.reason }, `${ending(last)}${job.attempt > 1 ? `, attempt ${job.attempt}` : ""}${job.retriedByID ? ", retried" : ""}`);
  if (job.attempt > 1) return h("span.why", `attempt ${job.attempt}`);
  return null;
}

function row(job) {
  const label = `${job.action} ${short(job.id)}`;
  const pick = h("input", { type: "checkbox", "aria-label": `Choose job ${label}`, "data-name": "pick",
    onchange: (event) => { if (event.target.checked) chosen.add(job.id); else chosen.delete(job.id); drawChosen(); } });
  const words = parameters(job.parameters);
  return h("tr",
    may("CancelJob") && h("td.box-cell", pick),
    h("td", pill(job.status)),
    h("td.what", h("a", { href: `/jobs/${job.id}`, "data-name": "open" }, h("b", job.action)), " ", h("span.words", { title: words }, words), why(job)),
    h("td.id-cell", h("code", { title: job.id }, short(job.id))),
    h("td.num.when", time(job.scheduledAt)),
    h("td.num", tookCell(job)),
    h("td.wide-only", job.workerID ? h("a.plain", { href: `/?worker=${job.workerID}` }, h("code", job.workerID.replace(/^0+(?=.)/, ""))) : h("span.faint", "–")),
    h("td.acts",
      canCancel(job) && act("Cancel", { "aria-label": `Cancel ${label}`, kind: "small", "data-name": "cancel" }, () => post(`/jobs/${job.id}/cancel`)),
      canRetry(job) && act("Retry", { "aria-label": `Retry ${label}`, kind: "small", "data-name": "retry" }, () => retry(job))));
}

async function retry(job) {
  const created = await post(`/jobs/${job.id}/retry`);
  toast(`Job ${short(created.id)} runs it once more.`);
}

async function load() {
  const { jobs, next } = await get("/jobs", { ...filters(), order: order(), after: state.after, limit: limit() });
  page = { jobs, next };
  draw();
  loadCounts().catch(() => {});
}

// How many there are of each status, of all that is kept; live ones by what they wait for.
async function loadCounts() {
  const now = new Date().toISOString();
  const [{ queues }, { jobs }] = await Promise.all([get("/queues"), get("/statistics", { since: now })]);
  const sum = (name) => queues.reduce((all, queue) => all + queue[name], 0);
  const paused = queues.filter((queue) => queue.paused).length;
  const count = (label, amount, status) => h("li", h("a", { href: `/?status=${status}` }, h("b", number(amount)), ` ${label}`));
  const over = Object.entries(jobs ?? {}).filter(([status, amount]) => amount > 0 && OVER.includes(status));
  fill(counts, count("waiting", sum("due"), "waiting"), count("for later", sum("scheduled"), "waiting"), count("running", sum("running"), "running,cancel_request"),
    paused > 0 && h("li.warn", h("b", paused), " paused"),
    jobs && h("li.faint", over.length > 0 ? "kept:" : "none kept"),
    over.map(([status, amount]) => count(statusName(status), amount, status)));
}

function draw() {
  const [, label, of] = COLUMNS.find(([name]) => name === (state.sort ?? "").replace("-", "")) ?? [];
  const sign = (state.sort ?? "").startsWith("-") ? -1 : 1;
  const jobs = of ? [...page.jobs].sort((a, b) => (of(a) < of(b) ? -sign : of(a) > of(b) ? sign : 0)) : page.jobs;
  keyed(rows, jobs, (job) => job.id, row);
  // Boxes are ticked by people as well: what a row was drawn from does not say how its box is now.
  for (const it of rows.children) {
    const box = it.querySelector('[data-name="pick"]');
    if (box) box.checked = chosen.has(it.dataset.key);
  }
  const isFiltered = Object.keys(filters()).length > 0;
  const none = page.next ? "None here matches, and there is more to look through." : isFiltered ? "No job matches." : "There is no job yet.";
  fill(summary, jobs.length === 0 ? none : `${counted(jobs.length, "job")}${behind.length ? `, page ${behind.length + 1}` : ""}${page.next ? ", and more" : ""}${isOldestFirst() ? ", oldest first" : ""}${of ? `; this page only is sorted by ${label.toLowerCase()}` : ""}`);
  parentBar.hidden = !state.parent;
  if (state.parent) fill(parentBar, h("span", "Children of ", h("a", { href: `/jobs/${encodeURIComponent(state.parent)}` }, h("code", short(state.parent))), " only"), h("button.quiet", { type: "button", onclick: () => { state.parent = ""; turn(); } }, "All jobs"));
  fill(pages,
    h("button", { type: "button", disabled: !state.after, onclick: () => turn() }, isOldestFirst() ? "Oldest" : "Newest"),
    h("button", { type: "button", disabled: !behind.length, onclick: () => turn(behind.at(-1), behind.slice(0, -1)) }, isOldestFirst() ? "Older" : "Newer"),
    h("button", { type: "button", disabled: !page.next, onclick: () => turn(page.next, [...behind, state.after ?? ""]) }, isOldestFirst() ? "Newer" : "Older"));
  drawChosen();
}

function drawChosen() {
  const jobs = page.jobs.filter((job) => chosen.has(job.id));
  chosenBar.hidden = jobs.length === 0;
  const all = head.querySelector('[data-name="all"]');
  if (all) {
    all.checked = jobs.length > 0 && jobs.length === page.jobs.length;
    all.indeterminate = jobs.length > 0 && jobs.length < page.jobs.length;
  }
  const each = (name, operation, fits, work, verb) => {
    const fitting = jobs.filter(fits);
    return may(operation) && act(`${name} ${fitting.length}`, { disabled: fitting.length === 0, kind: name === "Delete" ? "danger" : "" }, async () => {
      if (!await confirm(`${name} ${counted(fitting.length, "job")}?`, verb, name, name === "Retry" ? "primary" : "danger")) return;
      let refused = 0;
      for (const job of fitting) await work(job).catch(() => { refused += 1; });
      chosen.clear();
      toast(`${counted(fitting.length - refused, "job")}: done${refused ? `; ${counted(refused, "was", "were")} refused` : ""}.`, refused ? "bad" : "");
      refresh();
    });
  };
  fill(chosenBar, h("span", `${jobs.length} chosen`),
    each("Cancel", "CancelJob", canCancel, (job) => post(`/jobs/${job.id}/cancel`), "Those that run are told to stop."),
    each("Retry", "RetryJob", canRetry, (job) => post(`/jobs/${job.id}/retry`), "Each runs once more as a new job."),
    each("Delete", "DeleteJob", () => true, (job) => remove(`/jobs/${job.id}`), "Their records and their output are gone for good."),
    h("button.quiet", { type: "button", onclick: () => { chosen.clear(); draw(); } }, "Choose none"));
}

const refresh = follow(["jobs", "queues"], load);
