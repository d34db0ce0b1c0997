// A line as a terminal shows it: colours, and text that overwrites itself. Other control sequences are dropped.

const SEQUENCE =
  /\x1b(?:\[([0-?]*)[ -/]*([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|[ -/]+[0-~]|[@-Z\\])|[\x00-\x08\x0a-\x1f\x7f-\x9f]/g;

export const PLAIN = Object.freeze({ fore: null, back: null });

const STYLES = { 1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "inverse", 9: "strike" };
const COLOURS = { 3: "fore", 4: "back", 9: "fore", 10: "back" }; // by the tens of a code
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
    const digit = code % 10;
    const where = COLOURS[Math.floor(code / 10)];
    if (code === 0) found = PLAIN;
    else if (where && digit < 8) found = { ...found, [where]: digit + (code < 90 ? 0 : 8) };
    else if (where && digit === 9) found = { ...found, [where]: null };
    else if (where) {
      const isIndexed = codes[at + 1] === 5;
      found = { ...found, [where]: isIndexed ? indexed(byte(codes[at + 2])) : codes.slice(at + 2, at + 5).map(byte) };
      at += isIndexed ? 2 : 4;
    } else if (STYLES[code]) found = { ...found, [STYLES[code]]: true };
    else if (code === 22) found = { ...found, bold: false, dim: false };
    else if (STYLES[code - 20]) found = { ...found, [STYLES[code - 20]]: false };
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
  const names = Object.values(STYLES).filter((name) => style[name]);
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
