// A line as a terminal shows it: colours, and text that overwrites itself. Other control sequences are dropped.
import { h } from "./page.js";

const SEQUENCE =
  /\x1b(?:\[([0-?]*)[ -/]*([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|[ -/]+[0-~]|[@-Z\\])|[\x00-\x08\x0a-\x1f\x7f-\x9f]/g;

const MOST = 500; // pieces of a line that are drawn each in its own style
const STYLES = { 1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "inverse", 9: "strike" };
const GROUNDS = { 3: "f", 4: "b", 9: "f", 10: "b" }; // by the tens of a code: the letter that a class of log.css has
const LEVELS = [0, 95, 135, 175, 215, 255];

/** A style is {bold: true, f: 1, b: [0, 0, 90]}: a number is one of the 16 colours that log.css has, by f-1. */
export const PLAIN = {};

/** A colour of the 256. */
function indexed(number) {
  if (number < 16) return number;
  if (number >= 232) return Array(3).fill(8 + (number - 232) * 10);
  return [36, 6, 1].map((size) => LEVELS[Math.floor((number - 16) / size) % 6]);
}

const byte = (value) => Math.min(255, Math.max(0, value || 0));

/** `style` after the sequence with these `parameters`. */
function coloured(style, parameters) {
  const codes = parameters.replace(/([34]8:2):\d*(:\d+:\d+:\d+)/g, "$1$2").split(/[;:]/).map(Number);
  let found = { ...style };
  while (codes.length) {
    const code = codes.shift();
    const digit = code % 10;
    const ground = GROUNDS[Math.floor(code / 10)];
    if (code === 0) found = {};
    else if (ground && digit < 8) found[ground] = digit + (code < 90 ? 0 : 8);
    else if (ground && digit === 9) delete found[ground];
    else if (ground) found[ground] = codes.shift() === 5 ? indexed(byte(codes.shift())) : codes.splice(0, 3).map(byte);
    else if (STYLES[code]) found[STYLES[code]] = true;
    else for (const ended of code === 22 ? [1, 2] : [code - 20]) delete found[STYLES[ended]];
  }
  return Object.keys(found).length ? found : PLAIN;
}

function drawn(text, style) {
  if (style === PLAIN) return text;
  const { f, b } = style;
  const shown = Object.entries(style.inverse ? { ...style, f: b ?? "back", b: f ?? "fore" } : style);
  const span = h("span", {}, text);
  for (const [name, value] of shown) {
    span.classList.add(value === true ? name : `${name}-${Array.isArray(value) ? "own" : value}`);
    if (Array.isArray(value)) span.style.setProperty(`--${name}`, `rgb(${value.join(" ")})`);
  }
  return span;
}

/** The nodes that show `text`, which begins in the style `style`, and the style that it ends in. */
export function terminal(text, style) {
  text = text.replace(/\r+$/, "");
  const overwrites = /[\r\b]/.test(text);
  const cells = []; // [text, style]: a character each where the line overwrites itself, else a run of them
  let cursor = 0;
  let done = 0;
  const write = (end) => {
    for (const part of overwrites ? text.slice(done, end) : [text.slice(done, end)]) cells[cursor++] = [part, style];
  };
  for (const { 0: found, 1: parameters, 2: letter, index } of text.matchAll(SEQUENCE)) {
    if (index > done) write(index);
    done = index + found.length;
    if (found === "\r") cursor = 0;
    else if (found === "\b") cursor = Math.max(0, cursor - 1);
    else if (letter === "m") style = coloured(style, parameters);
    else if (letter === "K" && overwrites && /^0?$/.test(parameters)) cells.length = Math.min(cells.length, cursor);
    else if (letter === "K" && overwrites) cells.fill([" ", PLAIN], 0, parameters === "2" ? cells.length : cursor + 1);
  }
  if (done < text.length) write();
  const nodes = [];
  for (let at = 0; at < cells.length; ) {
    let run = "";
    const its = nodes.length < MOST ? cells[at][1] : null;
    for (; at < cells.length && (!its || cells[at][1] === its); at += 1) run += cells[at][0];
    nodes.push(drawn(run, its ?? PLAIN));
  }
  return { nodes, style };
}
