// Elements: made, kept in step with what there is, and said aloud.

const SVG = "http://www.w3.org/2000/svg";

// An element: h("td.wide", {title: "x", onclick: f}, "text", other elements, lists, or nothing).
export function h(what, ...rest) {
  return build(document.createElement(what.split(".")[0]), what, rest);
}

// The same of SVG.
export function s(what, ...rest) {
  return build(document.createElementNS(SVG, what.split(".")[0]), what, rest);
}

function build(element, what, rest) {
  const classes = what.split(".").slice(1);
  if (classes.length) element.classList.add(...classes);
  const [first] = rest;
  const isPlain = first && typeof first === "object" && !(first instanceof Node) && !Array.isArray(first);
  if (isPlain) {
    rest.shift();
    for (const [name, value] of Object.entries(first)) set(element, name, value);
  }
  element.append(...nodes(rest));
  return element;
}

function set(element, name, value) {
  if (value === undefined || value === null || value === false) return;
  if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (name === "value" || name === "checked" || name === "disabled" || name === "selected") element[name] = value;
  else element.setAttribute(name, value === true ? "" : value);
}

function nodes(things) {
  return things.flat(Infinity).filter((it) => it !== undefined && it !== null && it !== false && it !== "");
}

// Puts these in the place of what an element has.
export function fill(element, ...things) {
  element.replaceChildren(...nodes(things));
  return element;
}

// Makes the children of an element those of a list, and leaves alone what has not changed, so that
// neither the focus nor a selection is lost.
export function keyed(parent, items, keyOf, draw) {
  const known = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  const active = document.activeElement;
  let place = parent.firstElementChild;
  for (const item of items) {
    const key = String(keyOf(item));
    const state = JSON.stringify(item);
    let child = known.get(key);
    known.delete(key);
    if (!child || child.state !== state) {
      const drawn = draw(item);
      drawn.dataset.key = key;
      drawn.state = state;
      if (child) {
        const name = child.contains(active) ? active.dataset.name : undefined;
        if (place === child) place = drawn;
        child.replaceWith(drawn);
        if (name) drawn.querySelector(`[data-name="${name}"]`)?.focus();
      }
      child = drawn;
    }
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
  }
  for (const child of known.values()) child.remove();
}

// Says something for a few seconds, also to those who listen.
export function toast(text, kind = "") {
  const place = document.getElementById("toasts");
  const note = h(`p.toast${kind && `.${kind}`}`, text);
  place.append(note);
  setTimeout(() => note.remove(), kind === "bad" ? 12000 : 5000);
}

// A dialog that is gone when it is closed.
export function dialog(title, ...content) {
  const heading = h("h2", { id: "dialog-title" }, title);
  const close = h("button.quiet", { type: "button", "aria-label": "Close", onclick: () => box.close() }, "✕");
  const box = h("dialog", { "aria-labelledby": "dialog-title" }, h("div.dialog-head", heading, close), content);
  box.addEventListener("close", () => box.remove());
  document.body.append(box);
  box.showModal();
  return box;
}

// Asks before something is done that cannot be undone. Resolves to whether it is to be done.
export function confirm(title, text, verb, kind = "danger") {
  return new Promise((resolve) => {
    let answer = false;
    const yes = h(`button.${kind}`, { type: "button", onclick: () => { answer = true; box.close(); } }, verb);
    const no = h("button", { type: "button", onclick: () => box.close() }, "Keep as it is");
    const box = dialog(title, h("p", text), h("div.buttons", yes, no));
    box.addEventListener("close", () => resolve(answer));
    yes.focus();
  });
}

// A button that does something, and says so when it cannot.
export function act(label, props, work) {
  const { kind = "", ...others } = props;
  const button = h(`button${kind && `.${kind}`}`, { type: "button", ...others }, label);
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await work();
    } catch (error) {
      toast(error.message, "bad");
    } finally {
      button.disabled = false;
    }
  });
  return button;
}
