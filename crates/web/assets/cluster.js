// The cluster: its members as the answering replica knows them, its disk, and what is wrong in words.

import { act, confirm, dialog, fill, h, toast } from "./dom.js";
import { get, may, post, remove } from "./api.js";
import { bytes, counted, number, time } from "./format.js";
import { plot, seconds } from "./plot.js";
import { bus, status } from "./watch.js";

const main = document.getElementById("main");
const title = h("div.title", h("h1", "Cluster"));
const warnings = h("div");
const members = h("tbody");
const facts = h("section.card", { "aria-label": "The answering replica" });
const disk = h("section.card", { "aria-label": "Its disk" });
const lately = h("div.cards");
let drawn = "";
let samples = [];
let interval = 30;
const perMinute = (count) => (count * 60) / interval;
const plots = [
  plot("Jobs a minute", [
    { name: "ended", kind: "good", of: (it) => perMinute(Object.values(it.ended).reduce((sum, count) => sum + count, 0)) },
    { name: "submitted", kind: "busy", of: (it) => perMinute(it.submitted) }]),
  plot("Failures a minute", [{ name: "failed", kind: "bad", of: (it) => perMinute((it.ended.error ?? 0) + (it.ended.worker_dead ?? 0) + (it.ended.worker_shutdown ?? 0)) }]),
  plot("The longest wait", [{ name: "waits", kind: "warn", of: (it) => it.oldestDueMs }], seconds),
  plot("Jobs at a time", [
    { name: "due", kind: "warn", of: (it) => it.due },
    { name: "running", kind: "busy", of: (it) => it.running }]),
];
fill(lately, plots);

fill(main, title, h("div.stack", warnings,
  h("div.scroll", { tabindex: "0", role: "region", "aria-label": "Members" }, h("table", h("caption.aside", "Members"),
    h("thead", h("tr", ["Replica", "Role", "How it is", "Behind", "Disk", "Version", "For clients", "For peers"].map((it) => h("th", { scope: "col" }, it)), h("th", { scope: "col" }, h("span.aside", "What to do")))), members)),
  h("section", { "aria-labelledby": "lately-title" }, h("h2.apart", { id: "lately-title" }, "The last hours"), lately),
  h("div.cards", facts, disk)));

function draw() {
  const { cluster } = status;
  if (!cluster) return;
  const state = JSON.stringify(cluster);
  if (state === drawn) return;
  drawn = state;
  const health = cluster.replica_health ?? {};
  fill(title, h("h1", "Cluster"), h("span.faint", cluster.leaderID ? ["led by ", h("code", cluster.leaderID), `, term ${cluster.term}`] : h("b.warn", "without a leader")),
    h("div.buttons", may("InviteReplica") && act("Invite a replica", {}, invite)));
  const wrong = [...cluster.warnings, ...(cluster.clusterWarnings ?? [])];
  fill(warnings, wrong.length === 0 ? h("p.pill.good", "Nothing is wrong, as far as this replica knows.") : h("ul.card", wrong.map((it) => h("li.warn", it))));
  fill(members, cluster.members.map((member) => row(cluster, member, health[member.id])));
  fill(facts, h("h2", "Replica ", h("code", cluster.replicaID)), h("dl.facts",
    h("dt", "Version"), h("dd", cluster.version),
    h("dt", "Role"), h("dd", cluster.leaderID === cluster.replicaID ? "leader" : "follower"),
    h("dt", "Last entry"), h("dd.num", number(cluster.lastLogIndex)),
    h("dt", "Committed"), h("dd.num", number(cluster.committedIndex)),
    h("dt", "Applied"), h("dd.num", number(cluster.appliedIndex))));
  const room = cluster.disk;
  if (!room) return void fill(disk, h("h2", "Disk"), h("p.faint", "Nothing is known of it."));
  const used = room.totalBytes - room.freeBytes;
  const bar = h("span.fill");
  bar.style.width = `${(used / room.totalBytes) * 100}%`;
  fill(disk, h("h2", "Disk"), h("div.meter", { role: "img", "aria-label": `${bytes(used)} of ${bytes(room.totalBytes)} in use` }, h("span.gauge", bar), h("span.num", `${bytes(room.freeBytes)} free`)),
    h("dl.facts", h("dt", "Log"), h("dd.num", bytes(room.logBytes)), h("dt", "State and history"), h("dd.num", bytes(room.stateBytes)), h("dt", "The whole disk"), h("dd.num", bytes(room.totalBytes))));
}

function row(cluster, member, health) {
  const isUnknown = health?.startsWith("unknown");
  const page = member.clientAddress && `${location.protocol}//${member.clientAddress}/cluster`;
  return h("tr",
    h("td", h("code", member.id), member.id === cluster.replicaID && h("span.faint", " (answers you)")),
    h("td", member.isLeader ? h("b", "leader") : member.isVoter ? "follower" : "does not vote yet"),
    h("td", health === "OK" ? h("span.pill.good", "well") : isUnknown ? h("span.faint", "not heard yet") : h("span.pill.bad", health)),
    h("td.num", member.lag === undefined ? h("span.faint", "–") : counted(member.lag, "entry", "entries")),
    h("td.num", room(member)),
    h("td.num", member.version ?? h("span.faint", "–")),
    h("td", page ? h("a", { href: page }, h("code", member.clientAddress)) : h("span.faint", "–")),
    h("td", h("code", member.peerAddress)),
    h("td.acts",
      may("TransferLeader") && !member.isLeader && member.isVoter && act("Let it lead", { kind: "small", "aria-label": `Let ${member.id} lead` }, async () => { await post(`/meta/members/${member.id}/lead`); toast(`${member.id} leads.`); }),
      may("RemoveReplica") && cluster.members.length > 1 && act("Remove", { kind: "small", "aria-label": `Remove ${member.id}` }, async () => {
        if (await confirm(`Remove replica ${member.id}?`, "It is gone for ever: its id is nobody's again, and its worker gets no more jobs.", "Remove it")) await remove(`/meta/members/${member.id}`);
      })));
}

// What is left of a member's disk, as it said itself.
function room(member) {
  if (!member.diskTotalBytes) return h("span.faint", "–");
  const left = member.diskFreeBytes / member.diskTotalBytes;
  return h(left < 0.1 ? "span.warn" : "span", `${bytes(member.diskFreeBytes)} free (${Math.floor(left * 100)} %)`);
}

async function invite() {
  const { invitation, expiresAt } = await post("/meta/invitations", {});
  dialog("An invitation for one new replica", h("p", "This secret is told once, and good until ", time(expiresAt), ":"),
    h("pre.secret", { tabindex: "0" }, invitation), h("p", "Put it into a file on the new replica's machine, and there:"),
    h("pre", { tabindex: "0" }, "stint cluster join --config FILE --invitation-file FILE\nstint serve --config FILE"));
}

// Only what is new since the last look; another replica has a memory of its own.
async function look() {
  const since = samples.at(-1)?.at;
  const part = await get("/statistics", { since });
  if (part.replicaID !== look.replica && since) {
    samples = [];
    look.replica = part.replicaID;
    return look();
  }
  look.replica = part.replicaID;
  interval = part.intervalSeconds;
  samples = samples.concat(part.samples).slice(-960);
  for (const it of plots) it.show(samples);
}

function keepLooking() {
  if (!document.hidden) look().catch(() => {});
}
look().catch((error) => toast(error.message, "bad"));
setInterval(keepLooking, 15000);
document.addEventListener("visibilitychange", keepLooking);

bus.addEventListener("status", draw);
draw();
get("/meta/cluster_status").then((cluster) => { status.cluster ??= cluster; draw(); }).catch(() => {});
