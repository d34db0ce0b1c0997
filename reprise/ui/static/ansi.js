// A line as a terminal shows it: colours, and text that overwrites itself. Other control sequences are dropped.

const SEQUENCE =
  /\x1b(?:\[([0-?]*)[ -/]*([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|[ -/]+[0-~]|[@-Z\\])|[\x00-\x08\x0a-\x1f\x7f-\x9f]/g;

export const PLAIN = Object.freeze({ fore: null, back: null });

const CODES = {
  1: { bold: true }, 2: { dim: true }, 3: { italic: true }, 4: { underline: true }, 7: { inverse: true }, 9: { strike: true },
  22: { bold: false, dim: false }, 23: { italic: false }, 24: { underline: false }, 27: { inverse: false }, 29: { strike: false },
  39: { fore: null }, 49: { back: null },
};
const LEVELS = [0, 95, 135, 175, 215, 255];

/** A colour of the 256: the first 16 have names in log.css, the others are what they are. */
function indexed(number) {
  if (number < 16) return number;
  if (number >= 232) return Array(3).fill(8 + (number - 232) * 10);
  return [LEVELS[Math.floor((number - 16) / 36)], LEVELS[Math.floor((number - 16) / 6) % 6], LEVELS[(number - 16) % 6]];
}

const byte = (value) => Math.min(255, Math.max(0, value || 0));

/** `style` after the sequence with these `parameters`. */
function coloured(style, parameters) {
  const codes = parameters.replace(/([34]8:2):\d*(:\d+:\d+:\d+)/g, "$1$2").split(/[;:]/).map(Number);
  let found = style;
  for (let at = 0; at < codes.length; at += 1) {
    const code = codes[at];
    if (code === 0) found = PLAIN;
    else if (code === 38 || code === 48) {
      const where = code === 38 ? "fore" : "back";
      if (codes[at + 1] === 5) found = { ...found, [where]: indexed(byte(codes[at + 2])) };
      if (codes[at + 1] === 2) found = { ...found, [where]: codes.slice(at + 2, at + 5).map(byte) };
      at += codes[at + 1] === 5 ? 2 : 4;
    } else if (CODES[code]) found = { ...found, ...CODES[code] };
    else if (code >= 30 && code < 38) found = { ...found, fore: code - 30 };
    else if (code >= 40 && code < 48) found = { ...found, back: code - 40 };
    else if (code >= 90 && code < 98) found = { ...found, fore: code - 82 };
    else if (code >= 100 && code < 108) found = { ...found, back: code - 92 };
  }
  return found;
}

/** Erases in a line of `cells`: from the cursor on, up to it, or all. */
function erase(cells, at, how) {
  if (how === "" || how === "0") cells.length = Math.min(cells.length, at);
  else cells.fill([" ", PLAIN], 0, how === "2" ? cells.length : at + 1);
}

function drawn(text, style) {
  if (style === PLAIN) return document.createTextNode(text);
  const span = document.createElement("span");
  const names = ["bold", "dim", "italic", "underline", "strike"].filter((name) => style[name]);
  let { fore, back } = style;
  if (style.inverse) [fore, back] = [back ?? "back", fore ?? "fore"];
  for (const [letter, value] of [["f", fore], ["b", back]]) {
    if (value === null) continue;
    if (Array.isArray(value)) span.style.setProperty(`--${letter}`, `rgb(${value.join(" ")})`);
    names.push(Array.isArray(value) ? `${letter}-own` : `${letter}-${value}`);
  }
  span.className = names.join(" ");
  span.textContent = text;
  return span;
}

/** The nodes that show `text`, which begins in the style `style`, and the style that it ends in. */
export function terminal(text, style) {
  text = text.replace(/\r+$/, "");
  const overwrites = /[\r\b]/.test(text);
  const cells = []; // [text, style]: a character each where the line overwrites itself, else a run of them
  let cursor = 0;
  let done = 0;
  const write = (part) => {
    if (!overwrites) cells.push([part, style]);
    else for (const character of part) cells[cursor++] = [character, style];
  };
  for (const found of text.matchAll(SEQUENCE)) {
    if (found.index > done) write(text.slice(done, found.index));
    done = found.index + found[0].length;
    if (found[0] === "\r") cursor = 0;
    else if (found[0] === "\b") cursor = Math.max(0, cursor - 1);
    else if (found[2] === "m") style = coloured(style, found[1]);
    else if (found[2] === "K" && overwrites) erase(cells, cursor, found[1]);
  }
  if (done < text.length) write(text.slice(done));
  const nodes = [];
  for (let at = 0; at < cells.length; ) {
    let run = "";
    const its = cells[at][1];
    for (; at < cells.length && cells[at][1] === its; at += 1) run += cells[at][0];
    nodes.push(drawn(run, its));
  }
  return { nodes, style };
}
