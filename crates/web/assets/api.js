// The API as everybody has it, with the session of this browser.

import { bus } from "./watch.js";

const body = document.body.dataset;
export const me = { user: body.user, role: body.role, replica: body.replica };
const allowed = new Set(body.may.split(" "));

// Whether this user may do an operation: what would be refused is not offered.
export const may = (operation) => allowed.has(operation);

// An answer that says no, or that did not come.
export class Refused extends Error {
  constructor(status, code, message, detail) {
    super(message);
    Object.assign(this, { status, code, detail: detail ?? {} });
  }
}

const BASE = "/api/v0";

export function query(values) {
  const pairs = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined && value !== null && value !== "") pairs.set(name, value);
  }
  const text = pairs.toString();
  return text && `?${text}`;
}

export const get = (path, values = {}) => ask("GET", path + query(values));
export const post = (path, value, headers = {}) => ask("POST", path, value, headers);
export const remove = (path) => ask("DELETE", path);

async function ask(method, path, value, headers = {}) {
  const init = { method, headers: { accept: "application/json", ...headers }, cache: "no-store" };
  if (method !== "GET") init.headers["x-stint-page"] = "1";
  if (value !== undefined) {
    init.body = JSON.stringify(value);
    init.headers["content-type"] = "application/json";
  }
  init.signal = AbortSignal.timeout(20000);
  let response;
  try {
    response = await fetch(BASE + path, init);
  } catch {
    bus.dispatchEvent(new Event("unreachable"));
    throw new Refused(0, "UNREACHABLE", "The replica does not answer.");
  }
  if (response.ok) {
    if (response.status === 204) return null;
    const text = await response.text();
    return text ? JSON.parse(text) : null;
  }
  const said = await response.json().catch(() => ({}));
  const error = said.errors?.[0] ?? {};
  if (response.status === 401 && me.user) {
    signIn();
    await new Promise(() => {});
  }
  if (error.code === "NO_LEADER") bus.dispatchEvent(new Event("leaderless"));
  throw new Refused(response.status, error.code ?? String(response.status), error.message ?? response.statusText, error.detail);
}

// The session has ended: its token was revoked, or has expired.
export function signIn() {
  const here = location.pathname + location.search;
  location.assign(`/login?next=${encodeURIComponent(here)}`);
}
