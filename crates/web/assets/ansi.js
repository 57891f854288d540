// Colours of terminals: what a program has written to one, as pieces of text with their looks.

const SEQUENCE = /\x1b(?:\[([0-9;:]*)([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-~])/g;

// The pieces of a line: {text, classes, color, back}. Whatever is no colour is left out.
export function pieces(line) {
  // A progress bar writes over itself: what stands there in the end counts.
  const last = line.replace(/\r+$/, "");
  const text = last.slice(last.lastIndexOf("\r") + 1);
  if (!text.includes("\x1b")) return [{ text: clean(text), classes: "" }];
  const found = [];
  let look = {};
  let place = 0;
  for (const match of text.matchAll(SEQUENCE)) {
    put(found, text.slice(place, match.index), look);
    place = match.index + match[0].length;
    if (match[2] === "m") look = dress(look, match[1] ?? "");
  }
  put(found, text.slice(place), look);
  return found;
}

const clean = (text) => text.replace(/[\x00-\x08\x0b-\x1f\x7f]/g, "");

function put(found, text, { bold, dim, italic, under, inverse, color, back }) {
  const plain = clean(text);
  if (!plain) return;
  const [front, behind] = inverse ? [back ?? "back", color ?? "text"] : [color, back];
  const classes = [bold && "bold", dim && "dim", italic && "italic", under && "under", named(front, "c"), named(behind, "b")].filter(Boolean);
  found.push({ text: plain, classes: classes.join(" "), color: exact(front), back: exact(behind) });
}

// Colours that the style sheet has are classes; all others are said as they are.
const named = (color, kind) => (typeof color === "number" || color === "text" || color === "back" ? `${kind}-${color}` : "");
const exact = (color) => (typeof color === "string" && color.startsWith("#") ? color : undefined);

function dress(look, codes) {
  const next = { ...look };
  const all = codes.split(/[;:]/).map(Number);
  for (let at = 0; at < all.length; at += 1) {
    const code = all[at];
    if (code === 0) for (const name of Object.keys(next)) delete next[name];
    else if (code === 1) next.bold = true;
    else if (code === 2) next.dim = true;
    else if (code === 3) next.italic = true;
    else if (code === 4) next.under = true;
    else if (code === 7) next.inverse = true;
    else if (code === 22) next.bold = next.dim = false;
    else if (code === 23) next.italic = false;
    else if (code === 24) next.under = false;
    else if (code === 27) next.inverse = false;
    else if (code >= 30 && code <= 37) next.color = code - 30;
    else if (code >= 90 && code <= 97) next.color = code - 82;
    else if (code === 39) delete next.color;
    else if (code >= 40 && code <= 47) next.back = code - 40;
    else if (code >= 100 && code <= 107) next.back = code - 92;
    else if (code === 49) delete next.back;
    else if (code === 38 || code === 48) {
      const [color, used] = wide(all.slice(at + 1));
      at += used;
      if (color !== undefined) next[code === 38 ? "color" : "back"] = color;
    }
  }
  return next;
}

// 5;N is one of 256 colours, 2;R;G;B any.
function wide([kind, ...rest]) {
  if (kind === 5) {
    const [number] = rest;
    if (number < 16) return [number, 2];
    if (number >= 232) return [hex([8 + (number - 232) * 10, 8 + (number - 232) * 10, 8 + (number - 232) * 10]), 2];
    const cube = number - 16;
    const level = (part) => (part === 0 ? 0 : 55 + part * 40);
    return [hex([level(Math.floor(cube / 36)), level(Math.floor(cube / 6) % 6), level(cube % 6)]), 2];
  }
  if (kind === 2) return [hex(rest.slice(0, 3)), 4];
  return [undefined, 0];
}

const hex = (parts) => `#${parts.map((part) => Math.min(255, Math.max(0, part || 0)).toString(16).padStart(2, "0")).join("")}`;
