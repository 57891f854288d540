// What changes in the cluster, as the watcher of this browser tells it.

const address = document.body.dataset.assets + "watcher.js";
const port = self.SharedWorker ? new SharedWorker(address, "stint").port : new Worker(address);

// Tells "status" (of the replica and its leader), "unreachable" and "leaderless" (as a request found it).
export const bus = new EventTarget();
export let status = { replica: true, leader: true, cluster: null };

// Between two loads of a view, however much happens.
const PAUSE_MS = 500;
const views = new Set();

port.onmessage = ({ data }) => {
  if (data.changed) {
    for (const view of views) if (data.changed.some((topic) => view.topics.includes(topic))) view.due();
  }
  if (data.status) {
    status = data.status;
    bus.dispatchEvent(new Event("status"));
  }
};
const look = () => port.postMessage("ask");
bus.addEventListener("unreachable", look);
bus.addEventListener("leaderless", look);
const tellSeen = () => port.postMessage(document.hidden ? "unseen" : "seen");
tellSeen();
document.addEventListener("visibilitychange", tellSeen);
addEventListener("pagehide", () => port.postMessage("bye"));
addEventListener("pageshow", (event) => event.persisted && tellSeen());

// Calls `load` now, and whenever one of the topics has changed while somebody can see the page; never
// twice at once. Gives a function that asks for it out of turn.
export function follow(topics, load) {
  let isDue = false;
  let isRunning = false;
  async function run() {
    if (isRunning || !isDue || document.hidden) return;
    isDue = false;
    isRunning = true;
    try {
      await load();
    } catch (error) {
      // What is missing is on the banner; it is asked for again when that is gone.
      if (error.status === undefined) throw error;
      isDue ||= error.status === 0 || error.status === 503;
      if (!isDue && error.status !== 404) bus.dispatchEvent(new CustomEvent("problem", { detail: error }));
    } finally {
      isRunning = false;
    }
    if (isDue) setTimeout(run, PAUSE_MS);
  }
  const view = { topics, due: () => { isDue = true; run(); } };
  views.add(view);
  document.addEventListener("visibilitychange", run);
  view.due();
  return view.due;
}
