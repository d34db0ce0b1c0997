// The charts of a run's metrics: drawn when they come into view, and updated while the run is running.

import { onceSeen, plot, unplot } from "./charts.js";
import { lineLayout, lineTraces, unitOf, viewOf, writeView } from "./lines.js";
import { all, attempt, byId, counted, dialog, getJSON, h, holds, queried, root, setQuery } from "./page.js";
import { isGoingOn, runId } from "./run.js";

const AT_ONCE = 25; // metrics of one request
const MOST_NEW = 1000; // points of a line in an answer
const MOST_KEPT = 3000; // points of a line before it is thinned again

const form = byId("view");
const figures = new Map(all("figure.metric").map((figure) => [figure.dataset.key, figure]));
const lines = new Map(); // what has been read, by metric
const seen = new Set(); // metrics whose charts are, or will be, drawn
const waiting = new Set(); // of these, those that have not been requested yet
let asking = null; // the timer of the next request
let drawing = null; // the frame in which all charts are redrawn
let large = null; // {key, host} of the chart in the dialog

if (form) {
  writeView(form);
  form.elements.search.value = queried("search");
  form.addEventListener("input", changed);
  search();
  figures.forEach((figure, key) => prepare(key, figure));
  if (queried("chart")) enlarge(queried("chart"));
}
addEventListener("refreshed", ({ detail: fresh }) => {
  if (!form) return;
  addNew(fresh);
  for (const key of seen) if (isInView(key) || !isGoingOn()) wanted(key);
});

function prepare(key, figure) {
  onceSeen(figure, () => wanted(key));
  figure.querySelector("button").addEventListener("click", () => enlarge(key));
}

function changed(event) {
  const { x, log, smooth, search: text } = form.elements;
  setQuery({ x: x.value, log: log.checked && "1", smooth: smooth.value !== "0" && smooth.value, search: text.value });
  if (event.target === text) return search();
  cancelAnimationFrame(drawing);
  drawing = requestAnimationFrame(() => seen.forEach(show));
}

function search() {
  const rows = [...figures.values(), ...all("#single tr[data-key]")];
  for (const row of rows) row.hidden = !holds(row.dataset.key, form.elements.search.value);
  byId("none-found").hidden = rows.some((row) => !row.hidden);
}

/** Requests charts that come into view together in one request, one request after the other. */
function wanted(key) {
  seen.add(key);
  waiting.add(key);
  asking ??= setTimeout(ask);
}

async function ask() {
  while (waiting.size) {
    const keys = [...waiting].slice(0, AT_ONCE);
    keys.forEach((key) => waiting.delete(key));
    await attempt(() => read(keys));
  }
  asking = null;
}

/** Reads the new points of each line, or all points if it is unknown or has grown too long. */
async function read(keys, isAnew = false) {
  const isKnown = (key) => !isAnew && lines.get(key)?.value.length <= MOST_KEPT;
  const query = keys.flatMap((key) => [["key", key], ["since", isKnown(key) ? lines.get(key).time.at(-1) : ""]]);
  const found = (await getJSON(`${root}/runs/${encodeURIComponent(runId)}/lines?${new URLSearchParams(query)}`)).lines;
  const torn = []; // lines with more new points than fit into one answer, or late ones
  for (const line of found) {
    const old = isKnown(line.key) && lines.get(line.key);
    const now = old ? joined(old, line) : line;
    if (old && (line.value.length >= MOST_NEW || (old.value.length === old.count && now.value.length < now.count))) torn.push(line.key);
    else {
      lines.set(line.key, now);
      show(line.key);
    }
  }
  if (torn.length) await read(torn, true);
}

function show(key) {
  const line = lines.get(key);
  if (!line) return;
  const figure = figures.get(key);
  if (figure && seen.has(key)) {
    draw(figure.querySelector(".drawing"), line);
    figure.querySelector(".figures").textContent = told(line);
    if (isGoingOn()) figure.querySelector(".last").textContent = written(line.value.at(-1));
  }
  if (large?.key === key) draw(large.host, line);
}

function draw(host, line) {
  const view = viewOf(form);
  if (!view.x && isAtOneStep(line)) view.x = "relative";
  const unit = unitOf([line]);
  const name = `${line.key}: ${counted(line.count, "point")}, last ${written(line.value.at(-1))}`;
  attempt(() => plot(host, () => lineTraces(line, view, { name: line.key, number: 0, unit }), lineLayout(view, unit), { name }));
}

function told(line) {
  const lost = viewOf(form).log && line.value.filter((value) => typeof value === "number" && value <= 0).length;
  return [
    line.low === null ? "no number" : `${written(line.low)} … ${written(line.high)}`,
    counted(line.count, "point"),
    line.value.length < line.count && `${line.value.length.toLocaleString("en")} drawn`,
    line.nans && `NaN ×${line.nans}`,
    line.infinite && `∞ ×${line.infinite}`,
    lost && `${lost} values ≤ 0 left out`,
    !form.elements.x.value && isAtOneStep(line) && `all at step ${line.step[0]}: drawn over time`,
  ].filter(Boolean).join(" · ");
}

const isAtOneStep = ({ step }) => step.every((one) => one === step[0]);

const written = (value) => (typeof value === "number" ? String(Number(value.toPrecision(7))) : String(value));

async function enlarge(key) {
  if (!lines.has(key)) await attempt(() => read([key]));
  const line = lines.get(key);
  if (!line) return;
  const host = h("div", { class: "drawing" });
  large = { key, host };
  setQuery({ chart: key });
  const closed = dialog(key, h("div", { class: "large" }, host, h("p", { class: "figures quiet" }, told(line), " · drag to zoom, double click to see all")));
  draw(host, line);
  await closed;
  unplot(host);
  large = null;
  setQuery({ chart: null });
}

// --- while the run is running

/** Adds figures for new metrics: takes the new sections and keeps the existing figures. */
function addNew(fresh) {
  const now = all("figure.metric", fresh);
  if (now.every(({ dataset }) => figures.has(dataset.key))) return;
  for (const figure of now) {
    const { key } = figure.dataset;
    const old = figures.get(key);
    if (old) figure.replaceWith(old);
    else figures.set(key, figure);
  }
  const isClosed = new Set(all(".section:not([open])").map(({ dataset }) => dataset.name));
  for (const section of fresh.querySelectorAll(".section")) section.open = !isClosed.has(section.dataset.name);
  byId("sections").replaceWith(fresh.getElementById("sections"));
  now.forEach((figure) => figure.isConnected && prepare(figure.dataset.key, figure));
  search();
}

function isInView(key) {
  const box = figures.get(key)?.getBoundingClientRect();
  return large?.key === key || (box && box.bottom > 0 && box.top < innerHeight);
}

/** Returns `old` up to the start of `fresh`, followed by `fresh`. */
function joined(old, fresh) {
  const from = old.time.findIndex((time) => time >= fresh.time[0]);
  const part = (name) => [...(from < 0 ? old[name] : old[name].slice(0, from)), ...fresh[name]];
  return { ...fresh, step: part("step"), time: part("time"), value: part("value") };
}
