// The charts of a run's metrics: drawn when they come into view, and carried on while the run goes on.

import { onceSeen, plot, unplot } from "./charts.js";
import { lineLayout, lineTraces, unitOf, viewOf, writeView } from "./lines.js";
import { attempt, dialog, getJSON, h, setQuery } from "./page.js";
import { isGoingOn, runId } from "./run.js";

const AT_ONCE = 25; // metrics of one request
const MOST_NEW = 1000; // points of a line in an answer
const MOST_KEPT = 3000; // points of a line, before it is thinned anew

const form = document.getElementById("view");
const figures = new Map([...document.querySelectorAll("figure.metric")].map((figure) => [figure.dataset.key, figure]));
const lines = new Map(); // what has been read, by metric
const seen = new Set(); // metrics whose charts are, or will be, drawn
let waiting = new Set(); // of these, those that have not been asked for yet
let drawing = null; // the frame in which all charts are drawn anew
let large = null; // {key, host} of the chart in the dialog

if (form) start();

function start() {
  const query = new URLSearchParams(location.search);
  writeView(form, query);
  form.elements.search.value = query.get("search") ?? "";
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", changed);
  search();
  figures.forEach((figure, key) => prepare(key, figure));
  if (query.get("chart")) enlarge(query.get("chart"));
}
addEventListener("refreshed", ({ detail: fresh }) => {
  if (!form) return fresh.getElementById("view") && location.reload();
  addNew(fresh);
  attempt(() => readNew([...seen].filter((key) => lines.has(key) && (isInView(key) || !isGoingOn()))));
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
  const words = form.elements.search.value.toLowerCase().split(/\s+/);
  const rows = [...figures.values(), ...document.querySelectorAll("#single tr[data-key]")];
  for (const row of rows) row.hidden = !words.every((word) => row.dataset.key.toLowerCase().includes(word));
  for (const section of document.querySelectorAll(".section, #single")) {
    section.hidden = !section.querySelector("[data-key]:not([hidden])");
  }
  document.getElementById("none-found").hidden = rows.some((row) => !row.hidden);
}

/** Charts that come into view together are asked for together. */
function wanted(key) {
  seen.add(key);
  if (!waiting.size) setTimeout(askWaiting);
  waiting.add(key);
}

function askWaiting() {
  const keys = [...waiting];
  waiting = new Set();
  for (let at = 0; at < keys.length; at += AT_ONCE) attempt(() => read(keys.slice(at, at + AT_ONCE)));
}

async function read(keys, since = null) {
  const query = new URLSearchParams(keys.map((key) => ["key", key]));
  if (since !== null) query.set("since", since);
  const found = (await getJSON(`/runs/${encodeURIComponent(runId)}/lines?${query}`)).lines;
  for (const line of found) {
    if (since !== null && line.value.length >= MOST_NEW) {
      wanted(line.key); // there are more new points than an answer holds
      continue;
    }
    lines.set(line.key, since === null ? line : joined(lines.get(line.key), line));
    show(line.key);
  }
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
  const unit = unitOf([line]);
  const last = written(line.value.at(-1));
  const name = `${line.key}: ${line.count} points, last ${last}`;
  attempt(() => plot(host, () => lineTraces(line, view, { name: line.key, number: 0, unit }), lineLayout(view, unit), { name }));
}

function told(line) {
  const parts = [line.low === null ? "no number" : `${written(line.low)} … ${written(line.high)}`, `${line.count.toLocaleString("en")} points`];
  if (line.value.length < line.count) parts.push(`${line.value.length.toLocaleString("en")} drawn`);
  if (line.nans) parts.push(`NaN ×${line.nans}`);
  if (line.infinite) parts.push(`∞ ×${line.infinite}`);
  const lost = viewOf(form).log ? line.value.filter((value) => typeof value === "number" && value <= 0).length : 0;
  if (lost) parts.push(`${lost} not above 0 left out`);
  return parts.join(" · ");
}

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

// --- while the run goes on ---------------------------------------------------------------------------

/** Metrics that were not logged before get their figures, in their sections. */
function addNew(fresh) {
  for (const figure of fresh.querySelectorAll("figure.metric")) {
    const key = figure.dataset.key;
    if (figures.has(key)) continue;
    const name = figure.closest(".section").dataset.name;
    const section = [...document.querySelectorAll(".section")].find((one) => one.dataset.name === name);
    if (section) {
      section.querySelector(".charts").append(figure);
      section.querySelector(".count").textContent = section.querySelectorAll("figure").length;
    } else {
      const added = figure.closest(".section").cloneNode(true);
      added.querySelector(".charts").replaceChildren(figure);
      document.getElementById("sections").append(added);
    }
    figures.set(key, figure);
    prepare(key, figure);
  }
  search();
}

/** Only what is new is read, except of lines that have grown too long to draw. */
async function readNew(keys) {
  const isLong = (key) => lines.get(key).value.length > MOST_KEPT;
  keys.filter(isLong).forEach(wanted);
  const rest = keys.filter((key) => !isLong(key));
  for (let at = 0; at < rest.length; at += AT_ONCE) {
    const some = rest.slice(at, at + AT_ONCE);
    await read(some, Math.min(...some.map((key) => lines.get(key).time.at(-1))));
  }
}

function isInView(key) {
  const box = figures.get(key)?.getBoundingClientRect();
  return large?.key === key || (box && box.bottom > 0 && box.top < innerHeight);
}

/** `old` up to where `fresh` begins, and then `fresh`. */
function joined(old, fresh) {
  const from = old.time.findIndex((time) => time >= fresh.time[0]);
  const part = (name) => [...(from < 0 ? old[name] : old[name].slice(0, from)), ...fresh[name]];
  return { ...fresh, step: part("step"), time: part("time"), value: part("value") };
}
