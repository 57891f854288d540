// Crons: when each comes next, what became of its ticks, and the schedules themselves.

import { act, confirm, dialog, fill, h, keyed, s, toast } from "./dom.js";
import { get, may, post, remove } from "./api.js";
import { amounts, clock, counted, number, parameters, parseAmounts, short, span, time } from "./format.js";
import { ago } from "./time.js";
import { follow } from "./watch.js";

const HOUR = 3600000;
const WINDOWS = [["hour", HOUR], ["day", 24 * HOUR], ["week", 7 * 24 * HOUR]];
const TICKS_MAX = 200;
const STRIPS_MAX = 40;
const REASONS = {
  missed: "came too late to matter", paused: "the cron was paused", too_many: "too many were missed at once", overlap: "the job before it was not over",
  queue_full: "the queue was full", no_such_action: "no worker offers the action", too_many_shapes: "too many kinds of jobs wait", too_many_parameters: "its parameters are too many",
  bad_parameters: "its parameters are not as declared", replaced: "another cron took its place", deleted: "the cron was deleted",
};

const chosen = decodeURIComponent(location.pathname.split("/")[2] ?? "");
const main = document.getElementById("main");
const encode = encodeURIComponent;
let width = 24 * HOUR;

if (chosen) one();
else all();

function all() {
  const rows = h("tbody");
  const strips = h("div.strips");
  const summary = h("p.faint", { role: "status" });
  const pick = h("fieldset.inline", h("legend.aside", "How far to look"), WINDOWS.map(([name, ms]) =>
    h("label.check", h("input", { type: "radio", name: "window", checked: ms === width, onchange: () => { width = ms; loadStrips().catch(() => {}); } }), ` ${name}`)));
  let crons = [];
  let stripped;
  // The ticks that are known, by the cron's id: as time goes by they are drawn anew, and not asked for.
  let ahead = new Map();
  fill(main,
    h("div.title", h("h1", "Crons"), summary, h("div.buttons", may("PutCron") && h("button.primary", { type: "button", "data-key-press": "n", onclick: () => edit() }, "New cron"))),
    h("div.stack",
      h("section.card", { "aria-labelledby": "strip-title" }, h("div.tools", h("h2", { id: "strip-title" }, "What comes next"), h("span.push"), pick), strips),
      h("div.scroll", { tabindex: "0", role: "region", "aria-label": "All crons" }, h("table",
        h("thead", h("tr", ["Action", "Schedule", "Next", "Last tick", "Became jobs", "Skipped"].map((it) => h("th", { scope: "col" }, it)), h("th", { scope: "col" }, h("span.aside", "What to do")))), rows))));
  const row = (cron) => h("tr",
    h("td", h("a", { href: `/crons/${encode(cron.action)}`, "data-name": "open" }, h("b", cron.action)), h("span.why", parameters(cron.parameters))),
    h("td", h("code", cron.schedule), h("span.why", cron.timeZone || "UTC")),
    h("td", cron.isPaused ? h("span.pill.warn", "paused") : cron.nextRun ? [ago(cron.nextRun, { before: "in " }), h("span.why", clock(cron.nextRun))] : h("span.faint", "never again")),
    h("td.num", time(cron.lastTick)), h("td.num", number(cron.fired)),
    h("td", skipped(cron)),
    h("td.acts", actions(cron, refresh)));
  async function load() {
    ({ crons } = await get("/crons"));
    const paused = crons.filter((it) => it.isPaused).length;
    fill(summary, crons.length ? `${counted(crons.length, "cron")}${paused ? `, ${paused} paused` : ""}` : "There is no cron yet.");
    keyed(rows, crons, (it) => it.action, row);
    const state = crons.map((it) => [it.id, it.isPaused]).join();
    if (state !== stripped) await loadStrips();
    stripped = state;
  }
  async function loadStrips() {
    const live = crons.filter((it) => !it.isPaused).slice(0, STRIPS_MAX);
    const from = Date.now();
    const known = await Promise.all(live.map(async ({ id, action }) => {
      const left = ahead.get(id)?.filter((it) => it >= from);
      // Of a cron that comes often only so many are known; the others are all that the window can have.
      const isEnough = left && (left.length >= TICKS_MAX / 2 || ahead.get(id).length < TICKS_MAX && left.length > 0);
      return [id, isEnough ? ahead.get(id) : (await get("/schedules/next", { action, n: TICKS_MAX })).ticks.map((it) => Date.parse(it))];
    }));
    ahead = new Map(known);
    const drawn = live.map(({ id, action }) => strip(action, ahead.get(id).filter((it) => it >= from), from, ahead.get(id).length === TICKS_MAX));
    fill(strips, drawn.length ? [axis(from), drawn] : h("p.faint", "Nothing is scheduled."), crons.filter((it) => !it.isPaused).length > live.length && h("p.faint", `the first ${STRIPS_MAX} are shown`));
  }
  const refresh = follow(["crons"], load);
  setInterval(() => { if (!document.hidden) loadStrips().catch(() => {}); }, 30000);
}

const skipped = (cron) => {
  const reasons = Object.entries(cron.skipped ?? {}).filter(([, count]) => count > 0);
  return reasons.length ? reasons.map(([reason, count]) => h("span.why", `${number(count)}: ${REASONS[reason] ?? reason}`)) : h("span.faint", "none");
};

// The ticks of one cron within the window, as marks on a line.
function strip(name, ticks, from, goesOn) {
  const near = ticks.filter((it) => it < from + width);
  // Whether there are more within the window than are known.
  const isCut = goesOn && near.length > 0 && near.length === ticks.length;
  const isDense = isCut || near.length > 120;
  const x = (at) => Math.max(0, ((at - from) / width) * 1000);
  const says = near.length === 0 ? "none" : `${isDense ? "many" : near.length}, first at ${clock(new Date(near[0]).toISOString())}`;
  const marks = isDense ? [s("rect", { class: "dense", x: x(near[0]), y: 5, width: x(isCut ? from + width : near.at(-1)) - x(near[0]), height: 10 })]
    : near.map((at) => s("rect", { class: "tick", x: x(at), y: 3, width: 3, height: 14 }, s("title", clock(new Date(at).toISOString()))));
  return h("div.strip", h("a", { href: `/crons/${encode(name)}` }, name), s("svg", { viewBox: "0 0 1000 20", preserveAspectRatio: "none", role: "img", "aria-label": `${name}: ${says}` }, s("line", { x1: 0, x2: 1000, y1: 10, y2: 10 }), marks));
}

function axis(from) {
  const step = width === HOUR ? HOUR / 6 : width === 24 * HOUR ? 4 * HOUR : 24 * HOUR;
  const zone = new Date(from).getTimezoneOffset() * 60000;
  const labels = [];
  for (let at = Math.ceil((from - zone) / step) * step + zone; at < from + width; at += step) {
    const share = ((at - from) / width) * 100;
    if (share > 94) break;
    const text = new Date(at);
    const label = h("span", width > 24 * HOUR ? text.toLocaleDateString("en-US", { weekday: "short", day: "numeric" }) : clock(text.toISOString()).slice(-8, -3));
    label.style.left = `${share}%`;
    labels.push(label);
  }
  return h("div.strip.axis", { "aria-hidden": "true" }, h("span"), h("span.rail-labels", labels));
}

function actions(cron, refresh) {
  const path = `/crons/${encode(cron.action)}`;
  const button = (label, name, work, kind = "small") => act(label, { kind, "aria-label": `${label} ${cron.action}`, "data-name": name }, async () => { await work(); refresh(); });
  return [
    may("RunCron") && button("Run now", "run", async () => { const job = await post(`${path}/run`); toast(`Job ${short(job.id)} runs beside its schedule.`); }),
    cron.isPaused
      ? may("ResumeCron") && button("Resume", "pause", () => post(`${path}/resume`))
      : may("PauseCron") && button("Pause", "pause", () => post(`${path}/pause`)),
    may("PutCron") && h("button.small", { type: "button", "aria-label": `Edit ${cron.action}`, "data-name": "edit", onclick: () => edit(cron, refresh) }, "Edit"),
  ];
}

function one() {
  const title = h("div.title", h("h1", chosen));
  const facts = h("section.card", { "aria-label": "The cron" });
  const next = h("section.card", { "aria-label": "Its next ticks" });
  const rows = h("tbody");
  const none = h("p.faint", { hidden: true }, "None has come yet.");
  fill(main, title, h("div.stack", h("div.halves", facts, next),
    h("section", { "aria-labelledby": "history-title" }, h("h2.apart", { id: "history-title" }, "What became of its ticks"),
      h("div.scroll", { tabindex: "0", role: "region", "aria-label": "History" }, h("table",
        h("thead", h("tr", ["Tick", "How many", "Became", "Late by", "Why"].map((it) => h("th", { scope: "col" }, it)))), rows)), none)));
  async function load() {
    let cron;
    try {
      cron = await get(`/crons/${encode(chosen)}`);
    } catch (error) {
      if (error.status !== 404) throw error;
      return void fill(main, h("div.title", h("h1", "No such cron")), h("p", error.message), h("p", h("a", { href: "/crons" }, "All crons")));
    }
    document.title = `${chosen} · crons · stint`;
    const [{ ticks }, { history }] = await Promise.all([get("/schedules/next", { action: chosen, n: 10 }), get(`/crons/${encode(chosen)}/history`)]);
    fill(title, h("h1", chosen), cron.isPaused ? h("span.pill.warn", "paused") : cron.nextRun ? h("span", "next ", ago(cron.nextRun, { before: "in " })) : h("span.faint", "never again"),
      h("div.buttons", actions(cron, refresh), may("DeleteCron") && act("Delete", { kind: "danger.small" }, async () => {
        if (!await confirm(`Delete the cron of ${chosen}?`, "The jobs that it has created stay.", "Delete")) return;
        await remove(`/crons/${encode(chosen)}`);
        location.assign("/crons");
      })));
    const row = (name, value) => value && [h("dt", name), h("dd", value)];
    fill(facts, h("h2", "The cron"), h("dl.facts", row("Schedule", h("code", cron.schedule)), row("Time zone", cron.timeZone || "UTC"),
      row("When missed", { one: "one job for all that were missed", skip: "nothing", all: "a job for each" }[cron.missed]), row("Late after", cron.missedWindow),
      row("While a job is not over", { allow: "the next one starts all the same", skip: "the tick is skipped", replace: "the job is canceled for the next one" }[cron.overlap]), row("Spread over", cron.jitter),
      row("Parameters", parameters(cron.parameters)), row("Capacity", cron.capacityMap && amounts(cron.capacityMap)), row("Retries", cron.retries ? String(cron.retries) : ""),
      row("Became jobs", h("a", { href: `/?action=${encode(chosen)}` }, number(cron.fired))), row("Skipped", skipped(cron))));
    fill(next, h("h2", "Its next ticks"), cron.isPaused && h("p.warn", "It is paused: none of these becomes a job before it is resumed."), ticksOf(ticks));
    none.hidden = history.length > 0;
    keyed(rows, history, (it) => `${it.first} ${it.decidedAt}`, historyRow);
  }
  const refresh = follow(["crons"], load);
}

function historyRow(it) {
  const late = Date.parse(it.decidedAt) - Date.parse(it.last ?? it.first);
  return h("tr",
    h("td.num", time(it.first), it.count > 1 && [" – ", time(it.last)]), h("td.num", number(it.count)),
    h("td", it.skipReason ? h("span.pill.warn", "nothing") : h("a", { href: `/jobs/${it.jobID}` }, "job ", h("code", short(it.jobID)))),
    h("td.num", late >= 0 ? span(late) : h("span.faint", "–")),
    h("td", it.skipReason ? [REASONS[it.skipReason] ?? it.skipReason, it.detail && h("span.why", it.detail), it.jobID && h("a", { href: `/jobs/${it.jobID}` }, h("code", short(it.jobID)))] : ""));
}

const ticksOf = (ticks) => (ticks.length ? h("ol.ticks", ticks.map((it) => h("li", time(it), h("span.faint", " ", ago(it, { before: "in " }))))) : h("p.faint", "It never comes."));

// Makes a cron, or puts another in the place of one; says at once when it would come.
async function edit(cron, refresh = () => location.reload()) {
  const { actions: known } = await get("/actions");
  const zones = Intl.supportedValuesOf?.("timeZone") ?? [];
  const field = (name, label, value, props = {}) => h("label.field", h("span", label), h("input", { name, value: value ?? "", autocomplete: props.type === "number" ? undefined : "off", ...props }));
  const select = (name, label, value, options) => h("label.field", h("span", label), h("select", { name }, options.map(([it, text]) => h("option", { value: it, selected: it === value }, text))));
  const preview = h("div", { id: "preview", role: "status", "aria-live": "polite" });
  const problem = h("p.problem", { role: "alert", hidden: true });
  const pairs = Object.entries(cron?.parameters ?? {}).map(([name, value]) => `${name}=${value}`).join("\n");
  const form = h("form.submit",
    cron ? h("input", { type: "hidden", name: "action", value: cron.action }) : h("label.field", h("span", "Action"), h("select", { name: "action" }, known.map((it) => h("option", { value: it.name }, it.name)))),
    field("schedule", "Schedule", cron?.schedule ?? "@every 1h", { required: true, "aria-describedby": "preview", spellcheck: "false", autofocus: true }),
    h("p.faint", "(seconds) minutes hours day-of-month month day-of-week, or @daily, @every 10m and the like"),
    field("timeZone", "Time zone (empty: UTC)", cron?.timeZone, { list: "zones" }), h("datalist", { id: "zones" }, zones.map((it) => h("option", { value: it }))),
    h("fieldset", h("legend", "Its next ten ticks"), preview),
    h("details", h("summary", "More: parameters, what is missed, overlaps"), h("div.grid",
      select("missed", "What was missed", cron?.missed ?? "one", [["one", "one job for all of it"], ["skip", "nothing"], ["all", "a job for each"]]),
      field("missedWindow", "Late after", cron?.missedWindow, { placeholder: "10s" }),
      select("overlap", "While a job is not over", cron?.overlap ?? "allow", [["allow", "start all the same"], ["skip", "skip the tick"], ["replace", "cancel it for the next"]]),
      field("jitter", "Spread over", cron?.jitter, { placeholder: "none" }),
      field("capacityMap", "Capacity", Object.entries(cron?.capacityMap ?? {}).map(([name, amount]) => `${name}=${amount}`).join(", "), { placeholder: "scan=1" }),
      field("retries", "Retries", cron?.retries || "", { type: "number", min: 0 }),
      field("deadline", "May run for", cron?.deadline), field("stopTimeout", "Time to stop", cron?.stopTimeout)),
    h("label.field", h("span", "Parameters, NAME=VALUE, one a line"), h("textarea", { name: "parameters", rows: 3, spellcheck: "false" }, pairs))),
    problem, h("div.buttons", h("button.primary", cron ? "Put it in the place of the former one" : "Create it"), h("button", { type: "button", onclick: () => box.close() }, "Leave it")));
  const box = dialog(cron ? `The cron of ${cron.action}` : "A new cron", form);
  let round = 0;
  let typing;
  async function look() {
    round += 1;
    const mine = round;
    const data = new FormData(form);
    try {
      const { ticks } = await get("/schedules/next", { schedule: data.get("schedule"), timeZone: data.get("timeZone"), n: 10 });
      if (mine === round) fill(preview, ticksOf(ticks));
      form.elements.schedule.removeAttribute("aria-invalid");
    } catch (error) {
      if (mine !== round) return;
      fill(preview, h("p.problem", error.detail?.problem ?? error.message));
      (form.elements[error.detail?.field] ?? form.elements.schedule).setAttribute("aria-invalid", "true");
    }
  }
  form.addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(look, 150); });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const data = new FormData(form);
    const value = { action: data.get("action"), schedule: data.get("schedule"), missed: data.get("missed"), overlap: data.get("overlap") };
    for (const name of ["timeZone", "missedWindow", "jitter", "deadline", "stopTimeout"]) if (data.get(name).trim()) value[name] = data.get(name).trim();
    try {
      if (data.get("retries")) value.retries = Number(data.get("retries"));
      if (data.get("capacityMap").trim()) value.capacityMap = parseAmounts(data.get("capacityMap"));
      const lines = data.get("parameters").split("\n").filter((it) => it.trim());
      if (lines.length) value.parameters = Object.fromEntries(lines.map((line) => [line.split("=")[0].trim(), line.slice(line.indexOf("=") + 1)]));
      await post("/crons", value);
      box.close();
      refresh();
    } catch (error) {
      fill(problem, error.message);
      problem.hidden = false;
    }
  });
  look();
}
