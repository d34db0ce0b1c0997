// The table of runs: what it is asked for lives in the address, and rows come from the server.
import { api, asked, attempt, confirmed, duration, getHTML, given, mayWrite, onChange, onKey, setQuery, tellTimes } from "./page.js";
import { chooseColumns } from "./columns.js";
import { blame, close, completes } from "./filter.js";
import { editTag, selects } from "./selection.js";
import { windowed } from "./window.js";

const { id, columns, viewPrefix } = given("given");
const path = `/experiments/${id}`;
const box = document.getElementById("box");
const table = document.getElementById("table");
const input = document.getElementById("filter");
const query = () => new URL(location.href).searchParams;

/** The address of something of these runs, with the query of the page and the columns that it shows. */
function address(what, values = {}) {
  const asks = query();
  asks.delete("columns");
  columns.forEach((column) => asks.append("columns", column));
  for (const [name, value] of Object.entries(values)) asks.set(name, value);
  return `${path}/${what}?${asks}`;
}

// --- rows ------------------------------------------------------------------------------------------

const rows = windowed(box, (values) => address("rows", values), shown);
const selection = selects(table, (values) => address("ids", values), () => Promise.all([rows.load(), chips()]));
let current = 0; // the row that the keyboard is at

function shown(body) {
  blame(body.dataset.fault, Number(body.dataset.at));
  const total = body.dataset.total === undefined ? null : Number(body.dataset.total);
  const found = Number(body.dataset.found);
  if (total !== null) document.getElementById("count").textContent = `${found.toLocaleString("en")} ${found === 1 ? "run" : "runs"}`;
  table.setAttribute("aria-rowcount", total === null ? -1 : total + 1);
  document.getElementById("nothing").hidden = total !== 0 || "fault" in body.dataset;
  for (const [name, when] of [["with-filter", true], ["without-filter", false]]) {
    document.querySelectorAll(`.${name}`).forEach((element) => (element.hidden = query().has("filter") !== when));
  }
  tellTimes(body);
  tellElapsed();
  selection.show();
  mark();
}

function tellElapsed() {
  for (const element of table.querySelectorAll("[data-since]")) element.textContent = duration((Date.now() - element.dataset.since) / 1000);
}
setInterval(tellElapsed, 1000);

// A change makes the server look at all runs again: the more that takes, the longer it is left in peace.
let rest = 0; // until then
let waiting = null;
async function refresh() {
  const began = performance.now();
  waiting = null;
  await Promise.all([rows.load(), chips()]).catch(() => {}); // the server is away: its news will tell when it is back
  rest = performance.now() + 5 * (performance.now() - began);
}
onChange(() => (waiting ??= setTimeout(refresh, Math.max(0, rest - performance.now()))));

table.addEventListener("click", (event) => {
  const fold = event.target.closest(".fold");
  if (fold) unfold(fold.closest("tr").dataset.run, fold.ariaExpanded !== "true");
  const edit = event.target.closest(".edit");
  if (edit) editTag(edit, rows.load);
});

function unfold(run, on) {
  const open = query().getAll("open").filter((one) => one !== run && one !== "*");
  setQuery({ open: on ? [...open, run] : open });
  attempt(rows.load);
}

// --- sorting -----------------------------------------------------------------------------------------

table.tHead.addEventListener("click", (event) => {
  const button = event.target.closest(".sort");
  if (button) sort(button.closest("th"), event.shiftKey);
});

/** One click sorts, the next turns the order round, the third ends it; Shift keeps what is sorted by already. */
function sort(head, keep) {
  const column = head.dataset.column;
  const steps = head.dataset.falls === "yes" ? [`-${column}`, column] : [column, `-${column}`];
  const sorts = query().getAll("sort");
  const before = sorts.find((one) => steps.includes(one));
  const next = before === undefined ? steps[0] : steps[steps.indexOf(before) + 1];
  const others = keep ? sorts.filter((one) => !steps.includes(one)) : [];
  setQuery({ sort: next ? [...others, next] : others });
  showSorts();
  attempt(rows.reload);
}

function showSorts() {
  const sorts = query().getAll("sort");
  for (const head of table.tHead.querySelectorAll("th")) {
    head.removeAttribute("aria-sort");
    if (sorts.includes(head.dataset.column)) head.setAttribute("aria-sort", "ascending");
    if (sorts.includes(`-${head.dataset.column}`)) head.setAttribute("aria-sort", "descending");
  }
}

// --- filter, chips, columns, views, export ----------------------------------------------------------------

completes(`${path}/complete`);
document.getElementById("filter-form").addEventListener("submit", (event) => {
  event.preventDefault();
  close();
  filter(input.value.trim());
});

function filter(text) {
  input.value = text;
  setQuery({ filter: text });
  exportLinks();
  attempt(() => Promise.all([rows.reload(), chips()]));
}

async function chips() {
  const all = document.getElementById("chips");
  const at = [...all.children].indexOf(document.activeElement);
  const template = document.createElement("template");
  template.innerHTML = await getHTML(address("chips"));
  all.replaceChildren(...template.content.children);
  all.children[at]?.focus();
}
document.getElementById("chips").addEventListener("click", (event) => {
  const chip = event.target.closest("[data-filter]");
  if (chip) filter(chip.dataset.filter);
});
attempt(chips);

document.getElementById("choose").addEventListener("click", () => attempt(async () => {
  const chosen = await chooseColumns(`${path}/keys`, columns);
  if (chosen !== null) location.assign(setQuery({ columns: chosen }, { push: true }));
}));

document.getElementById("save-view")?.addEventListener("click", async () => {
  const asks = query();
  asks.delete("open");
  if (!asks.has("columns")) columns.forEach((column) => asks.append("columns", column));
  const name = await asked("Save this view", "Name");
  if (name && (await attempt(() => api("experiments/set-experiment-tag", { experiment_id: id, key: viewPrefix + name, value: String(asks) })))) {
    location.reload();
  }
});
document.querySelectorAll("[data-view]").forEach((button) => button.addEventListener("click", async () => {
  const key = viewPrefix + button.dataset.view;
  if (!(await confirmed(`Delete the view ${button.dataset.view}?`, "Delete"))) return;
  if (await attempt(() => api("experiments/delete-experiment-tag", { experiment_id: id, key }))) location.reload();
}));

function exportLinks() {
  for (const link of document.querySelectorAll("#exports a")) {
    const asks = new URL(address(`export.${link.dataset.kind}`), location.href);
    if ("all" in link.dataset) asks.searchParams.delete("columns");
    link.href = asks;
  }
}
document.getElementById("exports").parentElement.addEventListener("toggle", exportLinks);
exportLinks();
document.addEventListener("click", (event) => {
  document.querySelectorAll(".menu[open]").forEach((menu) => menu.contains(event.target) || (menu.open = false));
});
addEventListener("popstate", () => location.reload());

// --- keyboard ----------------------------------------------------------------------------------------------

const at = () => rows.rows.querySelector(`[aria-rowindex="${current + 2}"]`);

/** The row that the keyboard is at can be reached by Tab. */
function mark() {
  const row = at() ?? rows.rows.rows[0];
  if (row) row.tabIndex = 0;
}

async function go(to) {
  current = Math.max(0, Math.min(to, rows.total - 1));
  const row = await rows.show(current).catch(() => null); // the server is away
  table.querySelectorAll("tr[tabindex='0']").forEach((one) => (one.tabIndex = -1));
  if (!row) return;
  row.tabIndex = 0;
  row.focus({ preventScroll: true });
}
table.addEventListener("focusin", (event) => {
  const row = event.target.closest("[data-run]");
  if (row) current = Number(row.ariaRowIndex) - 2;
});
const isRow = () => document.activeElement?.matches("[data-run], [data-run] *");
const keys = {
  ArrowDown: ["The next run", () => go(isRow() ? current + 1 : current)],
  ArrowUp: ["The run before", () => go(isRow() ? current - 1 : current)],
  Home: ["The first run", () => go(0)],
  End: ["The last run", () => go(rows.total - 1)],
  " ": ["Choose the run", () => at() && selection.toggle(at(), false)],
  ArrowRight: ["Show what is nested in the run", () => at()?.querySelector(".fold[aria-expanded='false']")?.click()],
  ArrowLeft: ["Fold what is nested in the run", () => at()?.querySelector(".fold[aria-expanded='true']")?.click()],
};
for (const [key, [meaning, action]] of Object.entries(keys)) onKey(key, meaning, action);
// In a checkbox, a link or a button of a row the arrows move as well; what else the keys do there is its own.
table.addEventListener("keydown", (event) => {
  const inner = event.target.closest("a, button, input");
  if (inner && event.key.startsWith("Arrow") && keys[event.key]) {
    event.preventDefault();
    keys[event.key][1]();
  } else if (event.target.matches("[data-run]") && event.key === "Enter") {
    event.target.querySelector("a").click();
  } else if (inner && event.key === " ") {
    event.stopPropagation(); // the browser presses it
  }
});
if (mayWrite) onKey("s", "Save this view", () => document.getElementById("save-view").click());

// --- the way back from a run leads to where one was ------------------------------------------------------

const { row: left = 0 } = history.state ?? {};
rows.begin();
if (left) attempt(async () => {
  await rows.load();
  rows.scroll(left);
});
let still = null;
box.addEventListener("scroll", () => {
  clearTimeout(still);
  still = setTimeout(() => history.replaceState({ row: rows.top }, ""), 200);
});
