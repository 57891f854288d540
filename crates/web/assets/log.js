// The output of a job: followed live, searched, and smooth with a hundred thousand lines, since only the
// blocks of lines near what is seen are elements.

import { act, fill, h, toast } from "./dom.js";
import { get } from "./api.js";
import { counted, number } from "./format.js";
import { pieces } from "./ansi.js";

const BLOCK = 200;
const FETCH = 10000;
const KEPT_MAX = 200000;
const RETRY_MS = 1000;
const SOURCES = { stdout: "", stderr: "E", stint: "S" };

// The view of a job's output. `current()` gives the job as it is known now, `ended()` hears of its end.
export function logView(id, current, ended) {
  const view = { lines: [], shown: [], blocks: [], first: 0, next: 0, isAtEnd: true, isFollowing: true, isOver: false, hits: [], hit: -1, source: null };
  const count = h("select", { "aria-label": "How many lines" }, [1000, 10000, 100000].map((it) => h("option", { value: it }, `last ${number(it)}`)));
  const which = h("select", { "aria-label": "Which lines" }, h("option", { value: "" }, "all output"), Object.keys(SOURCES).map((it) => h("option", { value: it }, it)));
  const wrap = h("input", { type: "checkbox" });
  const search = h("input", { type: "search", placeholder: "Search", "aria-label": "Search in the output", "data-search": "" });
  const found = h("span.faint", { role: "status" });
  const said = h("span.faint", { role: "status" });
  const box = h("div.log", { tabindex: "0", role: "region", "aria-label": "Output" });
  const earlier = h("button.more", { type: "button", hidden: true });
  const later = h("button.more", { type: "button", hidden: true });
  const body = h("div.lines");
  const follow = h("button", { type: "button", "aria-pressed": "true", "data-key-press": "f" }, "Follow");
  box.append(earlier, body, later);

  const observer = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) if (isIntersecting) render(target); else empty(target);
  }, { root: box, rootMargin: "800px 0px" });

  follow.addEventListener("click", () => { setFollowing(!view.isFollowing); if (view.isFollowing) toEnd(); });
  which.addEventListener("change", rebuild);
  wrap.addEventListener("change", () => { box.classList.toggle("wrap", wrap.checked); rebuild(); });
  count.addEventListener("change", () => tail().catch(problem));
  let typing;
  search.addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(find, 200); });
  search.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); step(event.shiftKey ? -1 : 1); } });
  earlier.addEventListener("click", () => loadEarlier().catch(problem));
  later.addEventListener("click", () => loadLater().catch(problem));
  box.addEventListener("wheel", (event) => { if (event.deltaY < 0) setFollowing(false); }, { passive: true });
  box.addEventListener("keydown", (event) => { if (["PageUp", "ArrowUp", "Home"].includes(event.key)) setFollowing(false); });
  // Whoever takes the bar wants to look elsewhere.
  box.addEventListener("pointerdown", (event) => { if (event.target === box && event.offsetX >= box.clientWidth) setFollowing(false); });
  box.addEventListener("touchmove", () => setFollowing(false), { passive: true });

  function problem(error) {
    toast(error.message, "bad");
  }

  function setFollowing(is) {
    if (view.isFollowing === is) return;
    view.isFollowing = is;
    follow.setAttribute("aria-pressed", String(is));
    say();
  }

  // Lines of a part of the output, in pieces.
  async function fetchLines(from, until) {
    const lines = [];
    let offset = from;
    while (offset < until) {
      const part = await get(`/jobs/${id}/logs`, { offset, limit: Math.min(FETCH, until - offset) });
      if (!part.length) break;
      for (const line of part) lines.push(line);
      offset = part.at(-1).lineNum + 1;
    }
    return lines;
  }

  // The end of the output, and what comes.
  async function tail() {
    view.source?.close();
    view.source = null;
    const job = await get(`/jobs/${id}`);
    const from = Math.max(0, job.lineCount - Number(count.value));
    show(from, await fetchLines(from, job.lineCount), job.lineCount);
    setFollowing(true);
    toEnd();
    listen();
  }

  async function head() {
    setFollowing(false);
    if (view.first > 0) {
      view.source?.close();
      view.source = null;
      const total = current().lineCount;
      const until = Math.min(total, Math.max(Number(count.value), FETCH));
      show(0, await fetchLines(0, until), total);
      if (view.isAtEnd) listen();
    }
    box.scrollTop = 0;
  }

  async function loadEarlier() {
    const from = Math.max(0, view.first - FETCH);
    const height = box.scrollHeight;
    const lines = await fetchLines(from, view.first);
    view.lines = lines.concat(view.lines);
    view.first = from;
    rebuild();
    box.scrollTop += box.scrollHeight - height;
  }

  async function loadLater() {
    const total = current().lineCount;
    append(await fetchLines(view.next, Math.min(total, view.next + FETCH)));
    view.isAtEnd = view.next >= total;
    if (view.isAtEnd) listen();
    say();
  }

  function show(first, lines, total) {
    Object.assign(view, { first, lines, next: lines.length ? lines.at(-1).lineNum + 1 : first });
    view.isAtEnd = view.next >= total;
    rebuild();
  }

  // Hears of each new line, and after a break goes on where it was, at whichever replica answers.
  function listen() {
    if (view.source || view.isOver || !view.isAtEnd) return;
    const source = new EventSource(`/api/v0/jobs/${id}/logs?stream=true&offset=${view.next}`);
    view.source = source;
    let fresh = [];
    source.addEventListener("line", (event) => {
      if (!fresh.length) setTimeout(() => { const lines = fresh; fresh = []; if (view.source === source) append(lines); }, 50);
      fresh.push(JSON.parse(event.data));
    });
    source.addEventListener("end", () => {
      source.close();
      setTimeout(() => { view.source = null; view.isOver = true; say(); ended(); }, 60);
    });
    source.onopen = () => say();
    source.onerror = () => {
      source.close();
      if (view.source !== source) return;
      append(fresh);
      view.source = null;
      say("the connection is lost, trying again…");
      setTimeout(again, RETRY_MS);
    };
  }

  async function again() {
    try {
      await get(`/jobs/${id}`);
      listen();
    } catch {
      setTimeout(again, RETRY_MS);
    }
  }

  function append(lines) {
    const fresh = lines.filter((line) => line.lineNum >= view.next);
    if (!fresh.length) return;
    for (const line of fresh) view.lines.push(line);
    view.next = fresh.at(-1).lineNum + 1;
    const shown = fresh.filter(fits);
    for (const line of shown) {
      if (view.shown.length % BLOCK === 0) addBlock();
      view.shown.push(line);
    }
    resize();
    if (view.lines.length > KEPT_MAX) {
      view.lines = view.lines.slice(-KEPT_MAX / 2);
      view.first = view.lines[0].lineNum;
      rebuild();
    }
    if (search.value) find(true);
    if (view.isFollowing) toEnd();
    say();
  }

  const fits = (line) => !which.value || line.source === which.value;

  function rebuild() {
    for (const block of view.blocks) observer.unobserve(block);
    body.replaceChildren();
    view.blocks = [];
    view.shown = view.lines.filter(fits);
    for (let at = 0; at < view.shown.length; at += BLOCK) addBlock();
    for (const block of view.blocks) block.style.height = `${linesOf(block) * lineHeight()}px`;
    earlier.hidden = view.first === 0;
    fill(earlier, `Earlier lines: ${number(view.first)}`);
    find(true);
    if (view.isFollowing) toEnd();
    say();
  }

  function addBlock() {
    const block = h("div.block");
    block.number = view.blocks.length;
    view.blocks.push(block);
    body.append(block);
    observer.observe(block);
  }

  const linesOf = (block) => Math.min(BLOCK, view.shown.length - block.number * BLOCK);
  let height = 0;
  function lineHeight() {
    if (!height) height = parseFloat(getComputedStyle(body).lineHeight) || 18;
    return height;
  }

  // The last block has more lines now.
  function resize() {
    for (const block of view.blocks.slice(-2)) {
      if (block.isDrawn) draw(block);
      else block.style.height = `${linesOf(block) * lineHeight()}px`;
    }
    const all = view.blocks.slice(0, -2).filter((block) => block.isDrawn && block.childElementCount < linesOf(block));
    all.forEach(draw);
  }

  function render(block) {
    if (!block.isDrawn) draw(block);
  }

  function draw(block) {
    block.isDrawn = true;
    const from = block.number * BLOCK;
    const lines = view.shown.slice(from, from + BLOCK);
    for (const line of lines.slice(block.childElementCount)) block.append(lineOf(line));
    block.style.height = "";
  }

  function empty(block) {
    if (!block.isDrawn) return;
    block.style.height = `${block.offsetHeight}px`;
    block.isDrawn = false;
    block.replaceChildren();
  }

  function lineOf(line) {
    const words = search.value.toLowerCase();
    const parts = pieces(line.data).map((piece) => {
      const element = h("span", words ? marked(piece.text, words) : piece.text);
      if (piece.classes) element.className = piece.classes;
      if (piece.color) element.style.color = piece.color;
      if (piece.back) element.style.backgroundColor = piece.back;
      return element;
    });
    return h(`div.line${line.source === "stdout" ? "" : `.${line.source}`}`, { "data-n": `${line.lineNum} ${SOURCES[line.source] ?? ""}` }, parts);
  }

  function marked(text, words) {
    const parts = [];
    const low = text.toLowerCase();
    let place = 0;
    for (let at = low.indexOf(words); at >= 0; at = low.indexOf(words, place)) {
      parts.push(text.slice(place, at), h("mark", text.slice(at, at + words.length)));
      place = at + words.length;
    }
    parts.push(text.slice(place));
    return parts;
  }

  function find(isQuiet = false) {
    const words = search.value.toLowerCase();
    view.hits = [];
    if (words) view.shown.forEach((line, at) => { if (line.data.toLowerCase().includes(words)) view.hits.push(at); });
    for (const block of view.blocks) if (block.isDrawn) { block.replaceChildren(); draw(block); }
    if (isQuiet !== true) { view.hit = -1; if (view.hits.length) step(1); }
    tellFound();
  }

  function tellFound() {
    fill(found, search.value && (view.hits.length ? `${Math.max(0, view.hit) + 1} of ${number(view.hits.length)}` : "nothing found"));
  }

  function step(way) {
    if (!view.hits.length) return;
    setFollowing(false);
    view.hit = (view.hit + way + view.hits.length) % view.hits.length;
    const at = view.hits[view.hit];
    const block = view.blocks[Math.floor(at / BLOCK)];
    render(block);
    const line = block.children[at % BLOCK];
    box.querySelector(".line.current")?.classList.remove("current");
    line.classList.add("current");
    line.scrollIntoView({ block: "center" });
    tellFound();
  }

  function toEnd() {
    const last = view.blocks.at(-1);
    if (last) render(last);
    box.scrollTop = box.scrollHeight;
  }

  function say(instead) {
    later.hidden = view.isAtEnd;
    fill(later, "Later lines");
    const state = view.isOver ? "" : view.source ? (view.isFollowing ? ", following" : ", more are added below") : "";
    fill(said, instead ?? `${counted(view.shown.length, "line")}${state}`);
  }

  async function download() {
    const lines = await fetchLines(0, Math.max(current().lineCount, view.next));
    const text = lines.map((line) => `${line.data}\n`);
    const link = h("a", { href: URL.createObjectURL(new Blob(text, { type: "text/plain" })), download: `${id}.log` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  }

  tail().catch((error) => { say(error.message); setTimeout(() => again().then(() => tail()).catch(problem), RETRY_MS); });
  return h("section.card.output", { "aria-labelledby": "output-title" },
    h("div.tools", h("h2", { id: "output-title" }, "Output"), said,
      h("span.push"), search, found, h("button.small", { type: "button", "aria-label": "Previous hit", onclick: () => step(-1) }, "↑"), h("button.small", { type: "button", "aria-label": "Next hit", onclick: () => step(1) }, "↓"),
      which, count, h("label.check", wrap, " wrap")),
    box,
    h("div.tools", act("Start", { "data-key-press": "s" }, head), act("End", { "data-key-press": "e" }, () => (view.isAtEnd ? (setFollowing(true), toEnd()) : tail())), follow,
      h("span.push"), act("Download", {}, download)));
}
