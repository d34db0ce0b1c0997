// The table of runs: its state is in the address, and rows come from the server.
import { api, asked, attempt, byId, confirmed, getJSON, getPage, given, inOrder, mayWrite, onChange, onDo, onKey, queried, query, renew, root, setQuery } from "./page.js";
import { chooseColumns } from "./columns.js";
import { close, completes } from "./filter.js";
import { selects } from "./selection.js";
import { windowed } from "./window.js";

const { id, columns, sorts, viewPrefix } = given("given");
const path = `${root}/experiments/${id}`;
const box = byId("box");
const table = byId("table");
const input = byId("filter");
setQuery({ sort: sorts }); // it may be in words

/** Returns the query of the page with its columns and with `values`. */
function asks(values) {
  const asked = query();
  asked.delete("columns");
  columns.forEach((column) => asked.append("columns", column));
  for (const [name, value] of Object.entries(values)) value === "" ? asked.delete(name) : asked.set(name, value);
  return asked;
}
const address = (what, values = {}) => `${path}/${what}?${asks(values)}`;

// --- rows

const rows = windowed(box, (values) => address("rows", values), shown);
const selection = selects(table, (values) => address("ids", values), reload);
let current = 0; // the row with the keyboard focus

function shown({ dataset }, page) {
  page.querySelectorAll("[data-told]").forEach((part) => byId(part.id).replaceChildren(...part.childNodes));
  input.ariaInvalid = String(byId("fault").hasChildNodes());
  table.ariaRowCount = Number(dataset.total ?? -2) + 1;
  selection.show();
  mark();
}

const countedChips = inOrder(() => getPage(address("chips")));

async function chips() {
  const fresh = await countedChips();
  if (fresh) renew(byId("chips"), fresh.getElementById("chips"));
}

function reload() {
  return Promise.all([rows.load(), chips()]);
}

// A change makes the server read all runs again: the longer that takes, the longer the pause before the next.
let rest = 0; // until then
let waiting = null;
async function refresh() {
  const began = performance.now();
  waiting = null;
  await reload().catch(() => {}); // the server is unreachable: its next event updates the page
  rest = performance.now() + 5 * (performance.now() - began);
}
onChange(() => (waiting ??= setTimeout(refresh, Math.max(0, rest - performance.now()))));

// --- sorting and filter

table.tHead.addEventListener("click", ({ target, shiftKey }) => {
  if (target.closest(".sort")) sort(target.closest("th"), shiftKey);
});

/** The first click sorts, the second reverses the order, the third removes it; Shift adds to the sort keys. */
function sort({ dataset: { column, falls } }, keep) {
  const steps = falls === "yes" ? [`-${column}`, column] : [column, `-${column}`];
  const before = query().getAll("sort");
  const next = steps[steps.indexOf(before.find((one) => steps.includes(one))) + 1];
  const sorts = [...(keep ? before.filter((one) => !steps.includes(one)) : []), ...(next ? [next] : [])];
  setQuery({ sort: sorts });
  for (const head of table.tHead.querySelectorAll("th")) {
    const { column } = head.dataset;
    head.ariaSort = sorts.includes(column) ? "ascending" : sorts.includes(`-${column}`) ? "descending" : null;
  }
  attempt(rows.reload);
}

completes(`${path}/complete`);
byId("filter-form").addEventListener("submit", (event) => {
  event.preventDefault();
  close();
  filter(input.value.trim());
});

const filtered = () => queried("filter");
function filter(text) {
  input.value = text;
  setQuery({ filter: text }, { push: text !== filtered() });
  attempt(() => Promise.all([rows.reload(), chips()]));
}
// Going back to another filter, not to an anchor on the page.
addEventListener("popstate", () => input.value === filtered() || location.reload());

// --- what buttons do

async function tagged(verb, tag) {
  await api(`experiments/${verb}-experiment-tag`, { experiment_id: id, ...tag });
  location.reload();
}

onDo({
  filter: ({ dataset }) => filter(dataset.filter),
  fold(button) {
    const { run } = button.closest("tr").dataset;
    const open = query().getAll("open").filter((one) => one !== run && one !== "*");
    setQuery({ open: button.ariaExpanded === "true" ? open : [...open, run] });
    return rows.load();
  },
  async editTag(button) {
    const { tag: key } = button.dataset;
    const run_id = button.closest("tr").dataset.run;
    const { run } = await getJSON(`${root}/ajax-api/2.0/mlflow/runs/get?run_id=${run_id}`);
    const value = await asked(`Tag ${key}`, "Value", run.data.tags?.find((one) => one.key === key)?.value);
    if (value === null) return;
    await api("runs/set-tag", { run_id, key, value });
    await rows.load();
  },
  async columns() {
    const chosen = await chooseColumns(`${path}/keys`, columns);
    if (chosen !== null) location.assign(setQuery({ columns: chosen }, { push: true }));
  },
  async saveView() {
    const name = (await asked("Save this view", "Name"))?.trim();
    if (!name) return;
    const before = document.querySelector(`[data-view="${CSS.escape(name)}"]`);
    if (before && !(await confirmed(`Replace the view ${name}?`, "Replace"))) return;
    // A key of a tag cannot have all characters: run_views.py reads them.
    const key = viewPrefix + name.replace(/[^\p{L}\p{N}_ .-]/gu, (one) => `:${one.codePointAt().toString(16)}:`);
    return tagged("set", { key, value: String(asks({ open: "" })) });
  },
  async deleteView({ dataset: { key, view } }) {
    if (!(await confirmed(`Delete the view ${view}?`, "Delete"))) return;
    return tagged("delete", { key });
  },
  export: ({ dataset: { kind, all } }) => location.assign(address(`export.${kind}`, all && { columns: "" })),
});
document.addEventListener("click", ({ target }) => {
  document.querySelectorAll(".menu[open]").forEach((menu) => menu.contains(target) || (menu.open = false));
});

// --- keyboard

const at = () => rows.rows().querySelector(`[aria-rowindex="${current + 2}"]`);
const press = (selector) => at()?.querySelector(selector)?.click();

/** Makes the row with the keyboard focus reachable by Tab. */
function mark() {
  table.querySelectorAll("tr[tabindex='0']").forEach((row) => (row.tabIndex = -1));
  const row = at() ?? rows.rows().rows[0];
  if (row) row.tabIndex = 0;
}

async function go(to) {
  current = Math.max(0, Math.min(to, rows.total() - 1));
  const row = await rows.show(current).catch(() => null); // the server is unreachable
  mark();
  row?.focus({ preventScroll: true });
}
table.addEventListener("focusin", ({ target }) => {
  const row = target.closest("[data-run]");
  if (row) current = Number(row.ariaRowIndex) - 2;
});
const step = () => Number(document.activeElement.matches("[data-run], [data-run] *"));
for (const [key, meaning, action] of [
  ["ArrowDown", "Next run", () => go(current + step())],
  ["ArrowUp", "Previous run", () => go(current - step())],
  ["Home", "First run", () => go(0)],
  ["End", "Last run", () => go(rows.total() - 1)],
  ["Enter", "Open the run", () => step() && press("a")],
  [" ", "Select the run", () => at() && selection.toggle(at(), false)],
  ["ArrowRight", "Show nested runs", () => press(".fold[aria-expanded='false']")],
  ["ArrowLeft", "Hide nested runs", () => press(".fold[aria-expanded='true']")],
]) onKey(key, meaning, action);
if (mayWrite) onKey("s", "Save this view", () => document.querySelector("[data-do=saveView]").click());

// --- going back from a run returns to the same place

const left = history.state?.row;
rows.begin();
attempt(chips);
if (left) attempt(() => rows.load().then(() => rows.scroll(left)));
box.addEventListener("scrollend", () => history.replaceState({ ...history.state, row: rows.top() }, ""));
