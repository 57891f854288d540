// Workers: what they have, what they hold, what runs where; and the queues that wait for them.

import { act, dialog, fill, h, keyed, toast } from "./dom.js";
import { get, may, post } from "./api.js";
import { counted, number, parameters, parseAmounts, short, time } from "./format.js";
import { ago } from "./time.js";
import { follow } from "./watch.js";

const RUNS_SHOWN = 12;
const LEASE_LOOK_MS = 3000;

const main = document.getElementById("main");
const cards = h("div.cards");
const queues = h("tbody");
const summary = h("p.faint", { role: "status" });

fill(main,
  h("div.title", h("h1", "Workers"), summary), cards,
  h("section", { "aria-labelledby": "queues-title" }, h("h2.apart", { id: "queues-title" }, "Queues"),
    h("div.scroll", { tabindex: "0", role: "region", "aria-label": "Queues" }, h("table",
      h("thead", h("tr", ["Action", "Due", "Running"].map((it) => h("th", { scope: "col" }, it)), ["For later", "Waits longest"].map((it) => h("th.wide-only", { scope: "col" }, it)),
        h("th", { scope: "col" }, "State"), h("th", { scope: "col" }, h("span.aside", "What to do")))), queues))));

let seen;

async function load() {
  const [{ workers }, { jobs }, { queues: all }] = await Promise.all([
    get("/workers"), get("/jobs", { running: true, limit: 200 }), get("/queues")]);
  seen = { workers, jobs, all };
  draw(seen);
}

// Renewals are no events, since they come all the time; what runs and what waits does not change without.
async function lookAtLeases() {
  if (document.hidden || !seen) return;
  const { workers } = await get("/workers");
  seen = { ...seen, workers };
  draw(seen);
}

function draw({ workers, jobs, all }) {
  const live = workers.filter((it) => it.status === "running").length;
  fill(summary, `${live} of ${workers.length} live, ${counted(workers.reduce((sum, it) => sum + it.running, 0), "job runs", "jobs run")}`);
  keyed(cards, workers.map((worker) => ({ ...worker, runs: jobs.filter((job) => job.workerID === worker.id).map(({ id, action, parameters: map, attempts, status }) => ({ id, action, map, status, since: attempts.at(-1)?.startedAt })) })), (it) => it.id, card);
  keyed(queues, all, (it) => it.action, queueRow);
}

function card(worker) {
  const isLive = worker.status === "running";
  const names = [...new Set([...Object.keys(worker.capacityMap), ...Object.keys(worker.capacityInUse)])].sort();
  const state = !isLive ? (worker.status === "dead" ? "dead" : "stopped") : worker.draining ? "draining" : "live";
  return h("section.card.worker", { id: worker.id, "aria-labelledby": `w-${worker.id}` },
    h("div.card-head", h("h2", { id: `w-${worker.id}` }, h("code", worker.id)),
      h(`span.pill.${{ live: "good", draining: "warn", dead: "bad", stopped: "calm" }[state]}`, state),
      h("span.push.faint", "epoch ", worker.epoch)),
    h("p.faint", isLive ? ago(worker.heartbeatExpiration, { before: "its lease holds for " }) : ["its lease ended at ", time(worker.heartbeatExpiration)],
      worker.drainStopsAt && [", what still runs is stopped at ", time(worker.drainStopsAt)]),
    h("div.meters", names.length === 0 ? h("p.faint", "It has no named capacity: only jobs that need none run here.") : names.map((name) => meter(name, worker.capacityInUse[name] ?? 0, worker.capacityMap[name] ?? 0))),
    h("ul.runs", worker.runs.slice(0, RUNS_SHOWN).map((job) => h("li", h("a", { href: `/jobs/${job.id}`, "data-name": job.id }, h("b", job.action), " ", h("code", short(job.id))), " ", h("span.words", parameters(job.map)), h("span.push.num", job.since && ago(job.since))))),
    worker.running > worker.runs.slice(0, RUNS_SHOWN).length
      ? h("p", h("a", { href: `/?worker=${worker.id}&status=running,cancel_request` }, `all ${number(worker.running)} that run here`))
      : worker.running === 0 && h("p.faint", "Nothing runs here."),
    h("details", h("summary", counted(worker.actions.length, "action")), h("p.words", worker.actions.join(", ") || "none")),
    h("div.buttons",
      may("SetWorkerCapacity") && h("button.small", { type: "button", "data-name": "capacity", onclick: () => edit(worker) }, "Capacity"),
      may("DrainWorker") && !worker.draining && isLive && h("button.small", { type: "button", "data-name": "drain", onclick: () => drain(worker) }, "Drain"),
      may("ResumeWorker") && worker.draining && act("Resume", { kind: "small", "data-name": "resume" }, async () => { await post(`/workers/${worker.id}/resume`); refresh(); })));
}

function meter(name, used, all) {
  const bar = h("span.fill");
  bar.style.width = `${all ? Math.min(100, (used / all) * 100) : used ? 100 : 0}%`;
  if (used > all) bar.classList.add("over");
  return h("div.meter", { role: "img", "aria-label": `${name}: ${used} of ${all} in use` }, h("span.meter-name", name), h("span.gauge", bar), h("span.num", `${number(used)} of ${number(all)} used, ${number(Math.max(0, all - used))} free`));
}

function form(title, fields, verb, work) {
  const problem = h("p.problem", { role: "alert", hidden: true });
  const body = h("form.submit", fields, problem, h("div.buttons", h("button.primary", verb), h("button", { type: "button", onclick: () => box.close() }, "Leave it")));
  const box = dialog(title, body);
  body.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await work(new FormData(body));
      box.close();
      refresh();
    } catch (error) {
      fill(problem, error.message);
      problem.hidden = false;
    }
  });
}

function edit(worker) {
  const text = Object.entries(worker.capacityMap).map(([name, amount]) => `${name}=${amount}`).join(", ");
  form(`Capacity of ${worker.id}`, [
    h("label.field", h("span", "What it has"), h("input", { name: "capacity", value: text, placeholder: "scan=1, memory=4", autocomplete: "off" })),
    h("p.faint", "This wins over the worker's configuration, also when it starts anew. What runs keeps what it holds.")],
  "Set it", (data) => post(`/workers/${worker.id}/capacity`, { capacityMap: parseAmounts(data.get("capacity")) }));
}

function drain(worker) {
  form(`Drain ${worker.id}`, [
    h("p", "It takes no more jobs until it is resumed. What it runs goes on to its end, or is stopped when the limit comes, and runs elsewhere."),
    h("label.field", h("span", "Limit (empty: none)"), h("input", { name: "limit", placeholder: "10m", autocomplete: "off" }))],
  "Drain it", async (data) => {
    const limit = data.get("limit").trim();
    await post(`/workers/${worker.id}/drain`, limit ? { limit } : undefined);
    toast("It takes no more jobs.");
  });
}

function queueRow(queue) {
  return h("tr",
    h("td", h("a", { href: `/?action=${encodeURIComponent(queue.action)}`, "data-name": "open" }, h("b", queue.action))),
    h("td.num", number(queue.due)), h("td.num", number(queue.running)), h("td.num.wide-only", number(queue.scheduled)),
    h("td.num.wide-only", queue.oldestDue ? ago(queue.oldestDue) : h("span.faint", "–")),
    h("td", queue.paused ? [h("span.pill.warn", "paused"), h("span.why", "since ", time(queue.pausedAt), queue.pausedBy && ` by ${queue.pausedBy}`, queue.pauseReason && `: ${queue.pauseReason}`)] : h("span.faint", "claimed as they come")),
    h("td.acts", queue.paused
      ? may("ResumeQueue") && act("Resume", { kind: "small", "aria-label": `Resume the queue of ${queue.action}`, "data-name": "do" }, async () => { await post(`/queues/${encodeURIComponent(queue.action)}/resume`); refresh(); })
      : may("PauseQueue") && h("button.small", { type: "button", "aria-label": `Pause the queue of ${queue.action}`, "data-name": "do", onclick: () => pause(queue) }, "Pause")));
}

function pause(queue) {
  form(`Pause the queue of ${queue.action}`, [
    h("p", "None of its jobs is claimed until it is resumed. Those that run go on."),
    h("label.field", h("span", "Why (others see it)"), h("input", { name: "reason", maxlength: 256, autocomplete: "off" }))],
  "Pause it", (data) => {
    const reason = data.get("reason").trim();
    return post(`/queues/${encodeURIComponent(queue.action)}/pause`, reason ? { reason } : undefined);
  });
}

const refresh = follow(["jobs", "workers", "queues"], load);
setInterval(() => lookAtLeases().catch(() => {}), LEASE_LOOK_MS);
