// What is around every page: how the replica and its cluster are, and the keys.

import { dialog, fill, h, toast } from "./dom.js";
import { me } from "./api.js";
import { bus, status } from "./watch.js";
import { counted } from "./format.js";

const banners = document.getElementById("banners");
const health = document.getElementById("health");
let shown = "";
let wasWell = true;

bus.addEventListener("status", show);
bus.addEventListener("problem", (event) => toast(event.detail.message, "bad"));

function show() {
  if (status.isSignedOut && me.user) return location.reload();
  const { replica, leader, cluster } = status;
  const warnings = [...(cluster?.warnings ?? []), ...(cluster?.clusterWarnings ?? [])];
  const state = JSON.stringify([replica, leader, status.why, warnings, cluster?.leaderID, replica || cluster?.members]);
  if (state === shown) return;
  shown = state;
  const isWell = replica && leader;
  if (isWell && !wasWell) toast("All is back, and what you see is current.");
  wasWell = isWell;
  if (!replica) {
    fill(health, h("span.dot.bad"), "no replica");
    fill(banners, h("p.banner.bad", h("b", "This page has lost its replica. "),
      "What you see is how it was then. It goes on by itself as soon as a replica answers here. ", elsewhere(cluster)));
  } else if (!leader) {
    fill(health, h("span.dot.bad"), "no leader");
    fill(banners, h("p.banner.bad", h("b", "This replica has no leader. "),
      "Nothing can be changed, and nothing new be seen, until the replicas have chosen one, which takes a second or two where most of them live. It says: ", status.why));
  } else {
    // A follower does not know how the others are, and says so.
    const all = Object.values(cluster?.replica_health ?? {});
    const unwell = all.filter((it) => it !== "OK" && !it.startsWith("unknown")).length;
    fill(health, cluster && [h(`span.dot${unwell ? ".warn" : ".good"}`), unwell ? `${unwell} of ${counted(all.length, "replica")} unwell` : counted(all.length, "replica")]);
    fill(banners, warnings.map((text) => h("p.banner.warn", text)));
  }
}

// Where else the same can be seen.
function elsewhere(cluster) {
  const others = (cluster?.members ?? []).filter((it) => it.id !== cluster.replicaID && it.clientAddress);
  if (!others.length) return "";
  const links = others.map((it) => [" ", h("a", { href: `${location.protocol}//${it.clientAddress}${location.pathname}${location.search}` }, it.id)]);
  return ["The same at other replicas:", links];
}

const PLACES = { j: "/", c: "/crons", w: "/workers", l: "/cluster", s: "/settings" };
let isGoing = false;

addEventListener("keydown", (event) => {
  const isTyping = event.target.closest?.("input, select, textarea, dialog");
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  if (isGoing && PLACES[event.key]) location.assign(PLACES[event.key]);
  isGoing = event.key === "g";
  if (event.key === "?") keys();
  if (event.key === "/") {
    const search = document.querySelector("[data-search]");
    if (search) event.preventDefault();
    search?.focus();
  }
  const key = CSS.escape(event.key);
  document.querySelector(`[data-key-press="${key}"]`)?.click();
});

function keys() {
  const all = [
    ["g then j, c, w, l, s", "jobs, crons, workers, cluster, settings"],
    ["/", "search"],
    ["n", "something new: a job, a cron, a token"],
    ["s, e, f", "in a log: its start, its end, follow it"],
    ["Tab, Enter, Space", "everything there is, in its order"],
    ["Esc", "close what is open"],
  ];
  dialog("Keys", h("dl.keys", all.map(([key, what]) => [h("dt", h("kbd", key)), h("dd", what)])));
}
