// One watch of the log for all pages of this browser: browsers open six connections to an address, and a
// replica need not tell the same to each page. It tells which topics have changed, never what: pages ask
// for what they show. While nobody sees any of them, nothing is asked or watched.

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
// People look elsewhere for a moment, and go from page to page: only then the watch is given up.
const UNSEEN_MS = 5000;

// Each page, and whether somebody can see it.
const ports = new Map();
const changed = new Set();
let source;
let gathering;
let resting;
let wake;
let events = 0;
let busyUntil = 0;
let status = { replica: true, leader: true, cluster: null };

function tell(message) {
  for (const port of ports.keys()) port.postMessage(message);
}

function note(topic) {
  changed.add(topic);
  gathering ??= setTimeout(() => {
    gathering = undefined;
    tell({ changed: [...changed] });
    changed.clear();
  }, GATHER_MS);
}

const isSeen = () => [...ports.values()].includes(true);

// Watches if there is somebody to tell. What has been missed until it is open is looked at then.
function open() {
  if (source || Date.now() < busyUntil || !isSeen()) return;
  source = new EventSource("/api/v0/watch");
  source.onopen = () => ALL.forEach(note);
  source.onerror = () => {
    close();
    setTimeout(open, RETRY_MS);
    // That the replica is gone is seen here first.
    if (status.replica) ask();
  };
  for (const kind of KINDS) {
    source.addEventListener(kind, () => {
      events += 1;
      note(TOPICS[kind.split("_")[0]]);
      if (events > EVENTS_MAX) rest();
    });
  }
}

function close() {
  source?.close();
  source = undefined;
}

// Too much happens: look now and then instead, for a while.
function rest() {
  close();
  busyUntil = Date.now() + BUSY_MS;
  resting ??= setInterval(() => {
    ALL.forEach(note);
    if (Date.now() < busyUntil) return;
    clearInterval(resting);
    resting = undefined;
    open();
  }, BUSY_LOOK_MS);
}

setInterval(() => { events = 0; }, 1000);

// How the replica is. `isDoubted`: it may take for its leader who is none any more, and has to prove it.
async function ask(isDoubted = !status.leader) {
  let now = { replica: false, leader: status.leader, cluster: status.cluster };
  try {
    const response = await fetch("/api/v0/meta/cluster_status", { cache: "no-store", signal: AbortSignal.timeout(5000) });
    if (response.ok) {
      const cluster = await response.json();
      now = { replica: true, leader: Boolean(cluster.leaderID), why: "", cluster };
      // A follower that hears nothing more knows for some seconds who led last: only a proof that it is
      // current says more, which the leader and others have to give.
      if (!now.leader) now.why = cluster.replica_health?.[cluster.replicaID] ?? "";
      else if (isDoubted) {
        const ready = await fetch("/readyz", { cache: "no-store", signal: AbortSignal.timeout(5000) });
        if (!ready.ok) now = { ...now, leader: false, why: await ready.text() };
      }
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
    await ask();
    await new Promise((resolve) => setTimeout(resolve, status.replica && status.leader ? STATUS_MS : RETRY_MS));
    if (!isSeen()) await new Promise((resolve) => { wake = resolve; });
  }
}

// Somebody sees this page, or nobody does any more.
function see(port, isIt) {
  ports.set(port, isIt);
  if (isIt) {
    open();
    wake?.();
    wake = undefined;
  } else setTimeout(() => isSeen() || close(), UNSEEN_MS);
}

function join(port) {
  port.onmessage = ({ data }) => {
    if (data === "seen" || data === "unseen") see(port, data === "seen");
    if (data === "bye") { see(port, false); ports.delete(port); }
    if (data === "ask") ask(true);
  };
  port.postMessage({ status });
  see(port, false);
}

if ("onconnect" in self) self.onconnect = (event) => join(event.ports[0]);
else join(self);
keepAsking();
