// The log of a run: a piece of it is on the page, more is fetched where one scrolls, new lines come by themselves.
import { attempt, getJSON, given, h, onKey, setQuery } from "./page.js";
import { PLAIN, terminal } from "./ansi.js";

const PIECE = 500; // lines that are fetched at once
const MOST = 4000; // lines on the page
const EDGE = 800; // pixels from an end at which more is fetched

const { window: initial, which, follows } = given("log-data");
const base = `/runs/${encodeURIComponent(document.getElementById("run").dataset.runId)}/log`;
const [box, follow, wrap, searched, hitsTold, number, totalTold] = ["#log", "#follow", "#wrap", "[data-search]", "#hits", "#number", "#total"]
  .map((selector) => document.querySelector(selector));
const ask = (verb, values) => getJSON(`${base}/${verb}?${new URLSearchParams({ which, ...values })}`);

let total = 0;
let isFetching = false;
let lastTop = 0;
let hits = [];
let hit = -1;

const numberOf = (row) => Number(row.id.slice(1)) - 1;
const firstShown = () => (box.firstChild ? numberOf(box.firstChild) : 0);
const nextShown = () => (box.lastChild ? numberOf(box.lastChild) + 1 : 0);

// --- lines ---------------------------------------------------------------------------------------------

/** The rows of a window of lines. A colour that is not ended goes on in the next line. */
function rowsOf({ first, lines, cut, colours }) {
  let { style } = terminal(colours, PLAIN);
  return lines.map((line, at) => {
    const shown = terminal(line, style);
    style = shown.style;
    const whole = cut[at] && h("i", { class: "quiet" }, ` … a line of ${cut[at].toLocaleString("en")} bytes: download the log to read all of it`);
    const name = `L${first + at + 1}`;
    return h("div", { class: "line", id: name }, h("a", { href: `#${name}`, tabindex: -1 }, first + at + 1), h("code", {}, shown.nodes, whole));
  });
}

function tell(window) {
  total = window.total;
  totalTold.textContent = `of ${total.toLocaleString("en")}`;
  box.hidden = total === 0;
  if (total) document.getElementById("absence").hidden = true;
}

function replace(window) {
  tell(window);
  box.replaceChildren(...rowsOf(window));
  mark();
}

/** Puts lines below those that are shown; of a line that was not complete, the new one counts. */
function append(window) {
  tell(window);
  while (box.lastChild && nextShown() > window.first) box.lastChild.remove();
  const rows = rowsOf(window);
  box.append(...rows);
  mark(rows);
}

/** Changes rows above those that one reads, which stay where they are. */
function above(change) {
  const height = box.scrollHeight;
  change();
  box.scrollTop += box.scrollHeight - height;
  lastTop = box.scrollTop;
}

function toEnd() {
  while (box.childElementCount > MOST) box.firstChild.remove();
  box.scrollTop = box.scrollHeight;
  lastTop = box.scrollTop;
}

async function goTo(line) {
  const isShown = () => line >= firstShown() && line < nextShown();
  if (!isShown()) replace(await ask("lines", { first: Math.max(0, line - PIECE / 2) }));
  if (!isShown()) replace(await ask("lines", { first: line })); // the lines before it are long
  const row = document.getElementById(`L${Math.min(line + 1, nextShown())}`);
  box.scrollTop = row ? row.offsetTop - box.clientHeight / 3 : 0;
  lastTop = box.scrollTop;
}

async function goToEnd() {
  if (nextShown() < total) replace(await ask("lines", {}));
  toEnd();
}

/** Fetches more where an end of what is shown comes near, and drops what is far from it. */
async function fill() {
  const [first, next] = [firstShown(), nextShown()];
  const isUp = box.scrollTop < EDGE && first > 0;
  const isDown = box.scrollHeight - box.scrollTop - box.clientHeight < EDGE && next < total;
  if (isFetching || !(isUp || isDown)) return;
  isFetching = true;
  try {
    const from = isUp ? Math.max(0, first - PIECE) : next;
    const window = await ask("lines", { first: from, count: isUp ? first - from : PIECE });
    if (first !== firstShown() || next !== nextShown()) return; // other lines are shown by now
    if (isUp && from + window.lines.length < first) replace(window); // they are long: not all came
    else if (isUp) {
      above(() => box.prepend(...rowsOf(window)));
      while (box.childElementCount > MOST) box.lastChild.remove();
    } else {
      append(window);
      above(() => {
        while (box.childElementCount > MOST) box.firstChild.remove();
      });
    }
    if (isUp) mark();
  } finally {
    isFetching = false;
  }
}

box.addEventListener("scroll", () => {
  const isAtEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 4;
  if (box.scrollTop < lastTop - 2) follow.checked = false;
  else if (isAtEnd && nextShown() >= total) follow.checked = follows;
  lastTop = box.scrollTop;
  attempt(fill);
});

// --- permalinks: #L12, #L12-L20 --------------------------------------------------------------------------

function chosen() {
  const found = location.hash.match(/^#L(\d{1,15})(?:-L(\d{1,15}))?$/);
  if (!found) return null;
  const ends = [Number(found[1]) - 1, Number(found[2] ?? found[1]) - 1];
  return [Math.min(...ends), Math.max(...ends)];
}

/** Marks the chosen lines and the hits among what is shown. */
function mark(rows = box.children) {
  const [from, to] = chosen() ?? [0, -1];
  const found = new Set(hits);
  for (const row of rows) {
    const line = numberOf(row);
    row.classList.toggle("chosen", line >= from && line <= to);
    row.classList.toggle("hit", found.has(line));
    row.classList.toggle("current", line === hits[hit]);
  }
}

async function goToChosen() {
  const range = chosen();
  if (!range) return;
  follow.checked = false;
  await goTo(range[0]);
  mark();
}

box.addEventListener("click", (event) => {
  const link = event.target.closest("a");
  if (!link) return;
  event.preventDefault();
  const range = chosen();
  const name = link.hash.slice(1);
  history.replaceState(null, "", event.shiftKey && range ? `#L${range[0] + 1}-${name}` : link.hash);
  follow.checked = false;
  mark();
});
addEventListener("hashchange", () => attempt(goToChosen));

document.getElementById("go").addEventListener("submit", (event) => {
  event.preventDefault();
  const line = Number.parseInt(number.value, 10);
  if (!(line > 0)) return;
  history.replaceState(null, "", `#L${Math.min(line, total)}`);
  attempt(goToChosen);
});

// --- search ------------------------------------------------------------------------------------------------

let asked = 0;

async function search(text) {
  const mine = ++asked;
  setQuery({ q: text });
  const found = await ask("search", { q: text });
  if (mine !== asked) return;
  hits = found.lines;
  hit = -1;
  hitsTold.textContent = text ? `${hits.length.toLocaleString("en")}${found.is_all ? "" : "+"} ${hits.length === 1 ? "line" : "lines"}` : "";
  mark();
}

async function step(by) {
  if (!hits.length) return;
  const middle = firstShown() + Math.floor((box.scrollTop / box.scrollHeight) * box.childElementCount);
  if (hit >= 0) hit = (hit + by + hits.length) % hits.length;
  else hit = Math.max(0, by > 0 ? hits.findIndex((line) => line >= middle) : hits.findLastIndex((line) => line < middle));
  follow.checked = false;
  hitsTold.textContent = `${(hit + 1).toLocaleString("en")} of ${hits.length.toLocaleString("en")} lines`;
  await goTo(hits[hit]);
  mark();
}

let typed = null;
searched.addEventListener("input", () => {
  clearTimeout(typed);
  typed = setTimeout(() => attempt(() => search(searched.value)), 250);
});
document.getElementById("search").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(() => step(1));
});
document.getElementById("previous").addEventListener("click", () => attempt(() => step(-1)));
onKey("n", "Go to the next hit", () => attempt(() => step(1)));
onKey("N", "Go to the previous hit", () => attempt(() => step(-1)));

// --- switches ------------------------------------------------------------------------------------------------

function switchWrap() {
  box.classList.toggle("nowrap-lines", !wrap.checked);
  setQuery({ wrap: wrap.checked ? "" : "no" });
}
wrap.addEventListener("change", switchWrap);
onKey("w", "Wrap long lines or not", () => wrap.click());
follow.addEventListener("change", () => follow.checked && attempt(goToEnd));
onKey("f", "Follow the end of the log", () => follow.click());
document.getElementById("start").addEventListener("click", () => ((follow.checked = false), attempt(() => goTo(0))));
document.getElementById("end").addEventListener("click", () => attempt(goToEnd));

// --- new lines -----------------------------------------------------------------------------------------------

let source = null;
let next = 0; // the line that the stream goes on with
let arrived = []; // windows that are not drawn yet
let ended = !follows;

// A page that is not seen keeps no connection: a browser has few for one server.
function listen() {
  if (document.hidden || ended) hush();
  if (document.hidden || ended || source) return;
  source = new EventSource(`${base}/stream?${new URLSearchParams({ which, line: next })}`);
  source.addEventListener("lines", (event) => {
    next = Number(event.lastEventId);
    if (arrived.push(JSON.parse(event.data)) === 1) requestAnimationFrame(draw);
  });
  source.addEventListener("end", () => {
    ended = true;
    hush();
  });
}

/** Draws what has arrived since the last frame; of a storm of lines only the end is seen. */
function draw() {
  for (const window of follow.checked ? arrived.slice(-2) : arrived) {
    const joins = window.first <= nextShown() && window.first + 1 >= nextShown() - PIECE;
    if (joins && (follow.checked || box.childElementCount < MOST)) append(window);
    else if (follow.checked) replace(window);
    else tell(window);
  }
  arrived = [];
  if (follow.checked) toEnd();
}

function hush() {
  source?.close();
  source = null;
}
document.addEventListener("visibilitychange", listen);
addEventListener("pagehide", hush);
addEventListener("pageshow", listen);

function start() {
  const query = new URLSearchParams(location.search);
  wrap.checked = query.get("wrap") !== "no";
  box.classList.toggle("nowrap-lines", !wrap.checked);
  follow.checked = follows;
  follow.disabled = !follows;
  if (initial) {
    replace(initial);
    next = Math.max(0, nextShown() - initial.is_open);
    toEnd();
  }
  if (chosen()) attempt(goToChosen);
  if (query.get("q")) {
    searched.value = query.get("q");
    attempt(() => search(searched.value));
  }
  listen();
}
start();
