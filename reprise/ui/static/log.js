// The log of a run: the page shows a part, scrolling fetches more, new lines appear by themselves.
import { afterTyping, attempt, byId, counted, getJSON, hear, inOrder, onKey, root, setQuery } from "./page.js";

const PIECE = 500; // lines fetched at once
const MOST = 4000; // lines on the page
const PAUSE = 100; // ms between two drawings of new lines
const EDGE = 800; // pixels from an end at which more is fetched

const base = `${root}/runs/${encodeURIComponent(byId("run").dataset.runId)}/log`;
const [box, follow, wrap, searched, hitsTold] = ["log", "follow", "wrap", "q", "hits"].map(byId);
const { which, follows } = box.dataset; // follows: "yes" or ""
const ask = (verb, values) => getJSON(`${base}/${verb}?${new URLSearchParams({ which, ...values })}`);

const on = (id, event, action) => byId(id).addEventListener(event, (happened) => attempt(() => action(happened)));

let total = Number(box.dataset.total);
let isFetching = false;
let wanted = 0; // counts the requested places
let lastTop = 0;

const numberOf = (row) => Number(row.id.slice(1)) - 1;
const firstShown = () => (box.firstChild ? numberOf(box.firstChild) : 0);
const nextShown = () => firstShown() + box.childElementCount;
const toBottom = () => box.scrollHeight - box.scrollTop - box.clientHeight;

// --- lines

/** Returns the rows rendered and escaped by the server; colours without a class can only be set by script. */
function coloured(root) {
  for (const letter of "fb") {
    for (const one of root.querySelectorAll(`[data-${letter}]`)) one.style.setProperty(`--${letter}`, `rgb(${one.dataset[letter]})`);
  }
  return [...root.children];
}

function rowsOf({ html }) {
  const made = document.createElement("template");
  made.innerHTML = html;
  return coloured(made.content);
}

function tell(window) {
  total = window.total;
  byId("total").textContent = `of ${counted(total, "line")}`;
}

function replace(window) {
  tell(window);
  box.replaceChildren(...rowsOf(window));
  mark();
}

/** Appends lines below the shown ones; a new line replaces its incomplete version. */
function append(window) {
  tell(window);
  while (box.lastChild && nextShown() > window.first) box.lastChild.remove();
  const rows = rowsOf(window);
  box.append(...rows);
  mark(rows);
}

function scrollTo(top) {
  box.scrollTop = top;
  lastTop = box.scrollTop;
}

/** Changes rows above the visible ones without moving these. */
function above(change) {
  const height = box.scrollHeight;
  change();
  scrollTo(box.scrollTop + box.scrollHeight - height);
}

function dropTop(most = MOST) {
  while (box.childElementCount > most) box.firstChild.remove();
}

function toEnd() {
  dropTop(2 * PIECE); // fewer rows are faster
  scrollTo(box.scrollHeight);
}

/** Shows the requested lines, unless another place was requested since: the last request wins. */
async function show(values) {
  const mine = ++wanted;
  const window = await ask("lines", values);
  if (mine === wanted) replace(window);
  return mine === wanted;
}

async function goTo(line) {
  follow.checked = false;
  wanted += 1;
  const isShown = () => line >= firstShown() && line < nextShown();
  if (!isShown() && !(await show({ first: Math.max(0, line - PIECE / 2) }))) return;
  if (!isShown() && !(await show({ first: line }))) return; // the lines before it are long
  const row = byId(`L${Math.min(line + 1, nextShown())}`);
  scrollTo(row ? row.offsetTop - box.clientHeight / 3 : 0);
  mark();
}

async function goToEnd() {
  wanted += 1;
  if (nextShown() < total && !(await show())) return;
  toEnd();
}

/** Fetches more lines near an end of the shown part, and drops distant ones. */
async function fill() {
  const [first, next] = [firstShown(), nextShown()];
  const isUp = box.scrollTop < EDGE && first > 0;
  if (isFetching || !(isUp || (toBottom() < EDGE && next < total))) return;
  isFetching = true;
  try {
    const window = await ask("lines", isUp ? { before: first } : { first: next });
    if (first !== firstShown() || next !== nextShown()) return; // other lines are shown meanwhile
    if (isUp) {
      above(() => box.prepend(...rowsOf(window)));
      while (box.childElementCount > MOST) box.lastChild.remove();
      mark();
    } else {
      append(window);
      above(dropTop);
    }
  } finally {
    isFetching = false;
  }
}

on("log", "scroll", () => {
  if (box.scrollTop < lastTop - 2) follow.checked = false;
  else if (toBottom() < 4 && nextShown() >= total) follow.checked = follows;
  lastTop = box.scrollTop;
  return fill();
});

// --- permalinks: #L12, #L12-L20

function chosen() {
  const found = location.hash.match(/^#L(\d{1,15})(?:-L(\d{1,15}))?$/);
  return found && [found[1], found[2] ?? found[1]].map((number) => number - 1).sort((a, b) => a - b);
}

/** Marks the selected lines and the hits among the shown lines. */
function mark(rows = box.children) {
  const [from, to] = chosen() ?? [0, -1];
  for (const row of rows) {
    const line = numberOf(row);
    row.classList.toggle("chosen", line >= from && line <= to);
    row.classList.toggle("hit", isHit.has(line));
    row.classList.toggle("current", line === hits[hit]);
  }
}

const goToChosen = () => chosen() && goTo(chosen()[0]);

function choose(name) {
  history.replaceState(null, "", `#${name}`);
  follow.checked = false;
  mark();
}

on("log", "click", (event) => {
  const link = event.target.closest("a");
  if (!link) return;
  event.preventDefault();
  const name = link.hash.slice(1);
  choose(event.shiftKey && chosen() ? `L${chosen()[0] + 1}-${name}` : name);
});
on("go", "submit", () => {
  choose(`L${Math.min(byId("number").value, total)}`);
  return goToChosen();
});
addEventListener("hashchange", () => attempt(goToChosen));

// --- search

let hits = [];
let isHit = new Set();
let hit = -1;
const found = inOrder((q) => ask("search", { q }));

async function search() {
  const q = searched.value;
  setQuery({ q });
  const answer = await found(q);
  if (!answer) return;
  hits = answer.lines;
  isHit = new Set(hits);
  hit = -1;
  hitsTold.textContent = q && (answer.is_all ? "" : "more than ") + counted(hits.length, "line");
  mark();
}

/** Goes to the next or previous hit, at first from the visible lines. */
async function step(by) {
  if (!hits.length) return;
  const from = hits[hit] ?? firstShown() + (box.scrollTop / box.scrollHeight) * box.childElementCount - 1;
  hit = by > 0 ? hits.findIndex((line) => line > from) : hits.findLastIndex((line) => line < from);
  if (hit < 0) hit = by > 0 ? 0 : hits.length - 1;
  hitsTold.textContent = `${hit + 1} of ${counted(hits.length, "line")}`;
  await goTo(hits[hit]);
}

on("q", "input", afterTyping(search));
on("search", "submit", () => step(1));
on("previous", "click", () => step(-1));
onKey("n", "Go to the next hit", () => step(1));
onKey("N", "Go to the previous hit", () => step(-1));

// --- switches

on("wrap", "change", () => setQuery({ wrap: wrap.checked ? "" : "no" }));
on("follow", "change", () => follow.checked && goToEnd());
on("start", "click", () => goTo(0));
on("end", "click", goToEnd);
onKey("w", "Switch wrapping of long lines", () => wrap.click());
onKey("f", "Follow the end of the log", () => follow.click());

// --- new lines

let next = box.dataset.next; // the line from which the stream continues
let arrived = []; // windows that are not drawn yet
let drawn = 0; // when windows were drawn last

if (follows) {
  const stop = hear(() => `${base}/stream?${new URLSearchParams({ which, line: next })}`, {
    lines(event) {
      next = event.lastEventId;
      if (arrived.push(JSON.parse(event.data)) === 1) setTimeout(draw, Math.max(0, drawn + PAUSE - Date.now()));
    },
    end: () => stop(),
  });
}

/** Draws what has arrived since the last time; of very many lines only the end. */
function draw() {
  drawn = Date.now();
  for (const window of follow.checked ? arrived.slice(-8) : arrived) {
    const joins = window.first <= nextShown() && window.first + 1 >= nextShown() - PIECE;
    if (joins && (follow.checked || box.childElementCount < MOST)) append(window);
    else if (follow.checked) replace(window);
    else tell(window);
  }
  arrived = [];
  if (follow.checked) toEnd();
}

coloured(box);
toEnd();
attempt(goToChosen);
if (searched.value) attempt(search);
