// One job: what it is, what became of it, and its output.

import { act, confirm, fill, h, toast } from "./dom.js";
import { get, may, post, remove } from "./api.js";
import { amounts, clock, ending, pill, short, span, statusName, time } from "./format.js";
import { ago } from "./time.js";
import { follow } from "./watch.js";
import { logView } from "./log.js";
import { submit } from "./submit.js";

const id = decodeURIComponent(location.pathname.split("/")[2]);
const main = document.getElementById("main");
const title = h("div.title");
const facts = h("section.card", { "aria-label": "What it is" });
const runs = h("section.card", { "aria-label": "Attempts" });
const family = h("section.card", { "aria-label": "Children", hidden: true });
const output = h("div");
let job;
let drawn = "";

fill(main, title, h("div.stack", h("div.halves", facts, h("div.stack", runs, family)), output));
fill(title, h("h1", "Job ", h("code", short(id))));

const isLive = (it) => ["waiting", "running", "cancel_request", "worker_resurrection"].includes(it.status) || (it.status.startsWith("worker_") && !it.retriedByID);
const link = (other) => h("a", { href: `/jobs/${other}`, title: other }, h("code", short(other)));

async function load() {
  try {
    job = await get(`/jobs/${id}`);
  } catch (error) {
    if (error.status !== 404) throw error;
    document.title = "No such job · stint";
    return void fill(main, h("h1", "No such job"), h("p", error.message), h("p", h("a", { href: "/" }, "All jobs")));
  }
  document.title = `${statusName(job.status)}: ${job.action} ${short(id)} · stint`;
  const state = JSON.stringify(job);
  if (state !== drawn) draw();
  drawn = state;
  if (!output.firstChild && job.status !== "deleted") output.append(logView(id, () => job, refresh));
  if (job.childrenLeft !== undefined) await loadChildren();
}

function draw() {
  const focused = document.activeElement?.dataset?.name;
  fill(title, h("h1", job.action, " ", h("code", short(id))), pill(job.status), job.waitReason && h("span.warn", job.waitReason), buttons());
  if (focused) title.querySelector(`[data-name="${focused}"]`)?.focus();
  const row = (name, ...value) => (value.flat().some((it) => it) ? [h("dt", name), h("dd", value)] : []);
  const wait = job.waitDetail;
  fill(facts, h("h2", "What it is"), h("dl.facts",
    row("Id", h("code", id)),
    row("Why it waits", job.waitReason, wait?.jobIDs?.length > 0 && [": ", wait.jobIDs.map((it) => [link(it), " "])]),
    row("Scheduled", time(job.scheduledAt)),
    row("Last change", time(job.lastUpdated)),
    row("To be claimed until", job.expiresAt && time(job.expiresAt)),
    row("Ended", job.endReason === "expired" && "nobody claimed it in time"),
    row("Worker", job.workerID && h("a", { href: `/workers#${job.workerID}` }, h("code", job.workerID))),
    row("Capacity", job.capacityMap && amounts(job.capacityMap)),
    row("May run for", job.deadline), row("Time to stop", job.stopTimeout),
    row("Priority", String(job.priority)), row("Unique key", job.uniqueKey && h("code", job.uniqueKey)),
    row("Retries", `${job.retriesLeft} of ${job.retriesTotal} left`),
    row("It retries", job.retryFromID !== id && link(job.retryFromID)),
    row("Retried by", job.retriedByID && link(job.retriedByID)),
    row("Parent", job.parentID && link(job.parentID)),
    row("Cron", job.cronID && h("a", { href: `/crons/${encodeURIComponent(job.action)}` }, job.action), job.cronTick && [", tick ", time(job.cronTick)])),
  h("h3", "Parameters"),
  job.parameters && Object.keys(job.parameters).length
    ? h("dl.facts.params", Object.entries(job.parameters).map(([name, value]) => [h("dt", name), h("dd", h("code", value))]))
    : h("p.faint", "It has none."));
  drawRuns(job.attempts, job.attempt);
}

function buttons() {
  const canCancel = ["waiting", "running", "worker_dead", "worker_shutdown", "worker_resurrection"].includes(job.status);
  return h("div.buttons",
    may("CancelJob") && canCancel && act("Cancel", { kind: "danger", "data-name": "cancel" }, async () => {
      await post(`/jobs/${id}/cancel`);
      toast("It is canceled, or told to stop.");
      refresh();
    }),
    may("RetryJob") && !isLive(job) && job.status !== "deleted" && act("Retry", { kind: "primary", "data-name": "retry" }, async () => {
      const created = await post(`/jobs/${id}/retry`, undefined, { "idempotency-key": `page-${id}-${job.lastUpdated}` });
      location.assign(`/jobs/${created.id}`);
    }),
    may("SubmitJob") && h("button", { type: "button", "data-key-press": "n", "data-name": "like", onclick: () => submit(job) }, "Submit one like it"),
    may("DeleteJob") && job.status !== "deleted" && act("Delete", { kind: "danger", "data-name": "delete" }, async () => {
      if (!await confirm("Delete this job?", "Its record and its output are gone for good.", "Delete")) return;
      await remove(`/jobs/${id}`);
      location.assign("/");
    }));
}

// The attempts as rows with bars, all on one scale of time.
function drawRuns(attempts, total) {
  if (!attempts.length) return void fill(runs, h("h2", "Attempts"), h("p.faint", "Nobody has claimed it yet."));
  const begin = Math.min(Date.parse(attempts[0].startedAt), Date.parse(job.scheduledAt));
  const end = Math.max(...attempts.map((it) => (it.endedAt ? Date.parse(it.endedAt) : Date.now())), begin + 1);
  const at = (text) => ((Date.parse(text) - begin) / (end - begin)) * 100;
  const rows = attempts.map((it) => {
    const bar = h(`span.bar.${it.end === "" ? "runs" : it.exitCode === 0 ? "good" : "bad"}`);
    const until = it.endedAt ? at(it.endedAt) : 100;
    bar.style.left = `${at(it.startedAt)}%`;
    bar.style.width = `${Math.max(until - at(it.startedAt), 0.6)}%`;
    return h("tr", h("td.num", it.number), h("td", h("a.plain", { href: `/workers#${it.workerID}` }, h("code", it.workerID.replace(/^0+(?=.)/, "")))),
      h("td.num", time(it.startedAt)), h("td.num", it.endedAt ? span(Date.parse(it.endedAt) - Date.parse(it.startedAt)) : ago(it.startedAt)),
      h("td", h("span", { title: `lease ${it.lease}` }, ending(it)), it.reason && h("span.why", it.reason)),
      h("td.track", { "aria-hidden": "true" }, h("span.rail", bar)));
  });
  fill(runs, h("h2", "Attempts", total > attempts.length && h("span.faint", ` the last ${attempts.length} of ${total}`)),
    h("div.scroll.bare", { tabindex: "0", role: "region", "aria-label": "Attempts" }, h("table", h("thead", h("tr", ["No.", "Worker", "Began", "Took", "End"].map((it) => h("th", { scope: "col" }, it)), h("th", { scope: "col" }, h("span.faint", `${clock(new Date(begin).toISOString())} – ${attempts.at(-1).endedAt ? clock(new Date(end).toISOString()) : "now"}`)))), h("tbody", rows))));
}

async function loadChildren() {
  const { jobs, next } = await get("/jobs", { parent: id, limit: 50 });
  family.hidden = false;
  fill(family, h("h2", "Children", h("span.faint", ` ${job.childrenLeft} not over, ${job.childrenFailed} failed`)),
    h("ul.family", jobs.map((it) => h("li", pill(it.status), " ", it.action, " ", link(it.id)))),
    next && h("p", h("a", { href: `/?parent=${id}` }, "All of them")));
}

const refresh = follow(["jobs"], load);
