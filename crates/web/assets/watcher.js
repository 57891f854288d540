// One watch of the log for all pages of this browser: browsers open six connections to an address, and a
// replica need not tell the same to each page. It tells which topics have changed, never what: pages ask
// for what they show.

"use strict";

const TOPICS = { job: "jobs", worker: "workers", cron: "crons", queue: "queues" };
const KINDS = [
  "job_submitted", "job_due", "job_claimed", "job_cancel_requested", "job_worker_lost", "job_worker_returned",
  "job_resurrected", "job_awaits_children", "job_ended", "job_expired", "job_deleted", "worker_changed", "worker_lost",
  "worker_left", "cron_changed", "cron_deleted", "cron_fired", "cron_skipped", "queue_paused", "queue_resumed",
];
const ALL = Object.values(TOPICS);

// How long changes are gathered before pages are told.
const GATHER_MS = 250;
// More events in a second than this are too many to be read one by one: then pages look every so often.
const EVENTS_MAX = 400;
const BUSY_LOOK_MS = 2000;
const BUSY_MS = 10000;
const STATUS_MS = 3000;
const RETRY_MS = 1000;

const ports = new Set();
const changed = new Set();
let source;
let gathering;
let events = 0;
let busyUntil = 0;
let status = { replica: true, leader: true, cluster: null };

function tell(message) {
  for (const port of ports) port.postMessage(message);
}

function note(topic) {
  changed.add(topic);
  gathering ??= setTimeout(() => {
    gathering = undefined;
    tell({ changed: [...changed] });
    changed.clear();
  }, GATHER_MS);
}

function open() {
  source?.close();
  source = new EventSource("/api/v0/watch");
  source.onopen = () => ALL.forEach(note);
  source.onerror = () => {
    source.close();
    source = undefined;
    if (ports.size) setTimeout(() => source || open(), RETRY_MS);
  };
  for (const kind of KINDS) {
    source.addEventListener(kind, () => {
      events += 1;
      note(TOPICS[kind.split("_")[0]]);
      if (events > EVENTS_MAX) rest();
    });
  }
}

// Too much happens: look now and then instead, for a while.
function rest() {
  source?.close();
  source = undefined;
  busyUntil = Date.now() + BUSY_MS;
  const look = setInterval(() => {
    ALL.forEach(note);
    if (Date.now() < busyUntil) return;
    clearInterval(look);
    open();
  }, BUSY_LOOK_MS);
}

setInterval(() => { events = 0; }, 1000);

async function ask() {
  let now = { replica: false, leader: status.leader, cluster: status.cluster };
  try {
    const response = await fetch("/api/v0/meta/cluster_status", { cache: "no-store", signal: AbortSignal.timeout(5000) });
    if (response.ok) {
      const cluster = await response.json();
      // A follower that hears nothing more still knows who led last: only a proof that it is current says more.
      const ready = await fetch("/readyz", { cache: "no-store", signal: AbortSignal.timeout(5000) });
      now = { replica: true, leader: ready.ok, why: ready.ok ? "" : await ready.text(), cluster };
    } else {
      now.replica = response.status < 500;
      now.isSignedOut = response.status === 401;
    }
  } catch {
    // It does not answer: that is what is told.
  }
  if (now.replica && now.leader && !(status.replica && status.leader)) ALL.forEach(note);
  status = now;
  tell({ status });
}

async function keepAsking() {
  for (;;) {
    if (ports.size) await ask();
    await new Promise((resolve) => setTimeout(resolve, status.replica && status.leader ? STATUS_MS : RETRY_MS));
  }
}

function join(port) {
  ports.add(port);
  port.onmessage = ({ data }) => {
    if (data === "bye") ports.delete(port);
    if (data === "back") ports.add(port);
    if (data === "ask") ask();
  };
  port.postMessage({ status });
  if (!source && Date.now() > busyUntil) open();
  if (!status.cluster) ask();
}

if ("onconnect" in self) self.onconnect = (event) => join(event.ports[0]);
else join(self);
keepAsking();
