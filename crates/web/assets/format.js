// Values as people read them.

import { h } from "./dom.js";

const pad = (number) => String(number).padStart(2, "0");
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

// A time as short as it can be, in the zone of the browser.
export function clock(text) {
  const time = new Date(text);
  const now = new Date();
  const hours = `${pad(time.getHours())}:${pad(time.getMinutes())}:${pad(time.getSeconds())}`;
  if (time.toDateString() === now.toDateString()) return hours;
  const day = `${MONTHS[time.getMonth()]} ${time.getDate()}`;
  return time.getFullYear() === now.getFullYear() ? `${day} ${hours}` : `${day} ${time.getFullYear()} ${hours}`;
}

// The same as an element, which says the whole of it in UTC to whoever points at it.
export function time(text) {
  return text ? h("time", { datetime: text, title: text }, clock(text)) : h("span.faint", "–");
}

// How long something took: 350 ms, 12.4 s, 3 m 05 s, 2 h 04 m, 3 d 4 h.
export function span(ms) {
  if (ms < 0) return `−${span(-ms)}`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.floor(seconds)} s`;
  const whole = Math.floor(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} m ${pad(whole % 60)} s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${pad(Math.floor((whole % 3600) / 60))} m`;
  return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
}

export function bytes(count) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (count >= 1024 && unit < units.length - 1) {
    count /= 1024;
    unit += 1;
  }
  return `${count < 10 && unit > 0 ? count.toFixed(1) : Math.round(count)} ${units[unit]}`;
}

export const number = (count) => count.toLocaleString("en-US");

// How many there are of something: 1 job, 2 jobs.
export const counted = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;

// The end of an id, by which people tell jobs apart: those of one hour begin alike.
export const short = (id) => id.slice(-8);

const STATUSES = {
  waiting: "waiting",
  running: "running",
  done: "done",
  error: "error",
  cancel: "canceled",
  cancel_request: "being canceled",
  worker_dead: "worker died",
  worker_shutdown: "worker stopped",
  worker_resurrection: "worker came back",
  deleted: "deleted",
};

export const STATUS_NAMES = Object.keys(STATUSES);
export const statusName = (status) => STATUSES[status] ?? status;

export function pill(status) {
  return h(`span.pill.${status}`, statusName(status));
}

// Amounts by name: scan 1, memory 4.
export function amounts(map) {
  const pairs = Object.entries(map ?? {});
  return pairs.length ? pairs.map(([name, amount]) => `${name} ${amount}`).join(", ") : "nothing";
}

export function parameters(map) {
  return Object.entries(map ?? {}).map(([name, value]) => `${name}=${value}`).join(" ");
}

// Reads scan=1, memory=4; throws what people understand.
export function parseAmounts(text) {
  const map = {};
  for (const part of text.split(/[,\n]/).map((it) => it.trim()).filter(Boolean)) {
    const match = /^(\S.*?)\s*=\s*(\d+)$/.exec(part);
    if (!match) throw new Error(`“${part}”: write NAME=NUMBER, several with a comma between`);
    map[match[1]] = Number(match[2]);
  }
  return map;
}

const ENDS = {
  exited: "ended",
  signaled: "killed by a signal",
  deadline: "ran out of time",
  canceled: "canceled",
  could_not_start: "could not start",
  worker_dead: "its worker died",
  worker_shutdown: "its worker was stopped",
};

// How an attempt ended, in a few words.
export function ending(attempt) {
  if (!attempt.end) return "runs";
  if (attempt.end === "exited" && attempt.exitCode !== undefined) return `exit ${attempt.exitCode}`;
  if (attempt.end === "signaled" && attempt.signal !== undefined) return `signal ${attempt.signal}`;
  return ENDS[attempt.end] ?? attempt.end;
}
