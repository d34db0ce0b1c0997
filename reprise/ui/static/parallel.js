// Parallel coordinates, drawn as SVG: each run is a line across the axes of what varies.

import { ids, isHidden, keep, numbers, query } from "./compare.js";
import { seriesColour } from "./charts.js";
import { given, h } from "./page.js";

const HEIGHT = 360;
const TOP = 48;
const BOTTOM = 34;
const SIDE = 70;
const NONE = -0.07; // where a run stands on an axis of which it has no value
const NEAR = 14; // px from a line within which it counts as pointed at
const { runs, columns } = document.getElementById("plotted") ? given("plotted") : { runs: [], columns: [] };
const byId = new Map(columns.map((column) => [column.id, column]));

let host = null;
let axes = []; // from left to right: {column, scale, range}; a range is [low, high] within 0 to 1, or null
let lines = []; // the path of each run
let rows = []; // the row of each run in the list below
let tip = null;
let seen = 0; // the width that was drawn for

export function show() {
  host = document.getElementById("parallel");
  if (!host) return;
  const asked = query();
  const ranges = new Map(asked.getAll("range").map((text) => text.match(/^([\d.]+)~([\d.]+)~(.*)$/s))
    .filter(Boolean).map(([, low, high, id]) => [id, [Number(low), Number(high)]]));
  const chosen = asked.getAll("axis").filter((id) => byId.has(id));
  const turned = asked.getAll("scale");
  axes = (chosen.length ? chosen : atFirst()).map((id) => axisOf(id, turned.includes(id), ranges.get(id) ?? null));
  tip = h("div", { class: "tip", hidden: true, role: "status" });
  setUpSwitches(asked.get("colour"));
  redraw();
  new ResizeObserver(() => host.clientWidth === seen || requestAnimationFrame(redraw)).observe(host);
  addEventListener("themechange", redraw);
}

function atFirst() {
  const of = (kind) => columns.filter((column) => column.id.startsWith(kind)).map((column) => column.id);
  const found = [...of("params.").slice(0, 6), ...of("metrics.").filter((id) => !id.startsWith("metrics.system/")).slice(0, 3)];
  return found.length > 1 ? found : columns.slice(0, 8).map((column) => column.id);
}

function axisOf(id, turned, range) {
  const column = byId.get(id);
  return { column, turned, range, scale: column.numeric ? ofNumbers(column, turned) : ofWords(column) };
}

/** Of a column: `at` places a value between 0 and 1 (null: nowhere), `tell` says what stands at a place. */
function ofNumbers(column, turned) {
  const there = column.values.filter((value) => value !== null);
  const [low, high] = [Math.min(...there), Math.max(...there)];
  const mayBeLog = low > 0;
  const isLog = mayBeLog && high / low >= 1000 !== turned;
  const bent = isLog ? Math.log10 : (value) => value / 2; // halves, for a span beyond the largest number
  const span = bent(high) - bent(low) || 1;
  const back = (place) => (isLog ? 10 ** (bent(low) + place * span) : 2 * (bent(low) + place * span));
  return {
    mayBeLog,
    isLog,
    at: (value) => (value === null ? null : (bent(value) - bent(low)) / span),
    tell: (place) => readable(back(place)),
    ticks: [0, 0.25, 0.5, 0.75, 1],
  };
}

function ofWords(column) {
  const words = [...new Set(column.values.filter((value) => value !== null))].sort();
  const places = new Map(words.map((word, at) => [word, (at + 0.5) / words.length]));
  const every = Math.ceil(words.length / 12);
  return {
    mayBeLog: false,
    isLog: false,
    at: (value) => places.get(value) ?? null,
    tell: (place) => words[Math.min(Math.floor(place * words.length), words.length - 1)],
    ticks: [...places.values()].filter((_, at) => at % every === 0),
  };
}

function readable(value) {
  if (typeof value !== "number") return value ?? "–";
  return Number.isInteger(value) && Math.abs(value) < 1e15 ? String(value) : String(Number(value.toPrecision(4)));
}

// --- drawing ------------------------------------------------------------------------------------------------

function svg(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const width = () => Math.max(host.clientWidth, 2 * SIDE + 90 * (axes.length - 1));
const x = (at) => (axes.length === 1 ? width() / 2 : SIDE + (at * (width() - 2 * SIDE)) / (axes.length - 1));
const y = (place) => TOP + (1 - place) * (HEIGHT - TOP - BOTTOM);
const heightOf = (run, axis) => y(axis.scale.at(axis.column.values[run]) ?? NONE);
const isWithin = (run) => !isHidden(ids[run]) && axes.every(({ column, scale, range }) => {
  const place = scale.at(column.values[run]);
  return !range || (place !== null && place >= range[0] && place <= range[1]);
});

export function redraw() {
  if (!host) return;
  seen = host.clientWidth;
  lines = runs.map((run, at) => {
    const places = axes.map((axis, number) => `${x(number).toFixed(1)},${heightOf(at, axis).toFixed(1)}`);
    const line = svg("polyline", { points: places.join(" "), class: "line" });
    line.style.stroke = colourOf(at);
    return line;
  });
  const drawing = svg("svg", { width: width(), height: HEIGHT, role: "img", "aria-label": `Parallel coordinates of ${runs.length} runs; the list below tells the same` },
    svg("g", {}, ...lines), ...axes.map(drawnAxis));
  drawing.addEventListener("pointermove", point);
  drawing.addEventListener("pointerleave", () => near(null));
  host.replaceChildren(drawing, tip);
  listRuns();
  setUpRanges();
  mark();
}

function drawnAxis(axis, number) {
  const at = x(number);
  const ticks = axis.scale.ticks.map((place) => svg("text", { x: at - 6, y: y(place) + 4, class: "tick" }, cut(axis.scale.tell(place), 12)));
  if (axis.column.values.includes(null)) ticks.push(svg("text", { x: at - 6, y: y(NONE) + 4, class: "tick" }, "none"));
  const title = svg("text", { x: at, y: number % 2 ? 16 : 34, class: "title" }, svg("title", {}, axis.column.title.slice(0, 500)), cut(axis.column.title, 22));
  const brush = svg("rect", { x: at - 8, width: 16, class: "brush" });
  const handle = svg("rect", { x: at - 14, y: TOP - 6, width: 28, height: HEIGHT - TOP - BOTTOM + 12, class: "handle" });
  handle.addEventListener("pointerdown", (event) => drawRange(event, axis));
  title.addEventListener("pointerdown", (event) => dragAxis(event, axis));
  axis.brush = brush;
  return svg("g", { class: "axis" }, svg("line", { x1: at, x2: at, y1: y(0), y2: y(1) }), ...ticks, brush, handle, title);
}

function cut(text, most) {
  const letters = [...String(text).slice(0, 4 * most)];
  return `\u2068${letters.length > most ? `${letters.slice(0, most - 1).join("")}…` : letters.join("")}\u2069`;
}

function colourOf(run) {
  const column = byId.get(document.querySelector("[name=colour]").value);
  if (!column) return seriesColour(numbers.get(ids[run]));
  const value = column.values[run];
  if (value === null) return "var(--line-strong)";
  if (!column.numeric) return seriesColour([...new Set(column.values)].indexOf(value));
  const place = 4 * ofNumbers(column, false).at(value);
  const stop = Math.min(Math.floor(place), 3);
  return `color-mix(in oklab, var(--scale-${stop + 1}) ${(100 * (place - stop)).toFixed(0)}%, var(--scale-${stop}))`;
}

/** Shows which runs are within all ranges: in the drawing, in the list, in what can be compared next. */
function mark() {
  const within = runs.map((_, at) => at).filter(isWithin);
  const chosen = new Set(within);
  lines.forEach((line, at) => {
    line.classList.toggle("out", !chosen.has(at));
    line.toggleAttribute("hidden", isHidden(ids[at]));
    rows[at].hidden = !chosen.has(at);
  });
  for (const { range, brush } of axes) {
    brush.setAttribute("y", range ? y(range[1]) : 0);
    brush.setAttribute("height", range ? Math.max(y(range[0]) - y(range[1]), 2) : 0);
  }
  document.getElementById("within").textContent = `${within.length} of ${runs.length} runs within the ranges`;
  const link = document.getElementById("compare-within");
  link.hidden = within.length < 2 || within.length === runs.length;
  link.href = `/compare?runs=${within.map((at) => ids[at]).join(",")}`;
}

function save() {
  keep({
    axis: axes.map((axis) => axis.column.id),
    range: axes.filter((axis) => axis.range).map(({ column, range }) => `${range.map((end) => end.toFixed(3)).join("~")}~${column.id}`),
    scale: axes.filter((axis) => axis.turned).map((axis) => axis.column.id),
    colour: document.querySelector("[name=colour]").value,
  });
}

// --- by the mouse ---------------------------------------------------------------------------------------------

function follow(event, move, end) {
  event.preventDefault();
  const stop = new AbortController();
  addEventListener("pointermove", move, { signal: stop.signal });
  addEventListener("pointerup", (last) => (stop.abort(), end(last)), { signal: stop.signal });
}

function drawRange(event, axis) {
  const top = host.firstChild.getBoundingClientRect().top;
  const place = ({ clientY }) => Math.min(Math.max((y(0) - (clientY - top)) / (y(0) - y(1)), 0), 1);
  const start = place(event);
  follow(event, (moved) => {
    axis.range = [Math.min(start, place(moved)), Math.max(start, place(moved))];
    mark();
  }, (last) => {
    if (Math.abs(place(last) - start) < 0.01) axis.range = null; // a click clears it
    save();
    redraw();
  });
}

function dragAxis(event, axis) {
  const left = host.firstChild.getBoundingClientRect().left;
  follow(event, ({ clientX }) => {
    const places = axes.map((_, number) => Math.abs(x(number) - (clientX - left)));
    move(axis, places.indexOf(Math.min(...places)));
  }, save);
}

function move(axis, to) {
  const from = axes.indexOf(axis);
  if (to === from || to < 0 || to >= axes.length) return;
  axes.splice(to, 0, ...axes.splice(from, 1));
  redraw();
}

function point(event) {
  const box = host.firstChild.getBoundingClientRect();
  const [px, py] = [event.clientX - box.left, event.clientY - box.top];
  const left = axes.findLastIndex((_, at) => x(at) <= px);
  if (left < 0 || left >= axes.length - 1) return near(null);
  const part = (px - x(left)) / (x(left + 1) - x(left));
  const gap = (run) => Math.abs(heightOf(run, axes[left]) * (1 - part) + heightOf(run, axes[left + 1]) * part - py);
  const closest = runs.map((_, at) => at).filter(isWithin).reduce((best, at) => (best === null || gap(at) < gap(best) ? at : best), null);
  near(closest !== null && gap(closest) < NEAR ? closest : null, px, py);
}

/** Brings one run out of the others, or none. */
function near(run, px, py) {
  lines.forEach((line, at) => line.classList.toggle("near", at === run));
  rows.forEach((row, at) => row.classList.toggle("chosen", at === run));
  tip.hidden = run === null || px === undefined;
  if (tip.hidden) return;
  tip.textContent = runs[run].name || ids[run].slice(0, 8);
  tip.style.transform = `translate(${Math.min(px + 12, width() - 200)}px, ${py + 12}px)`;
}

// --- by the keyboard ---------------------------------------------------------------------------------------------

function setUpSwitches(colour) {
  const form = document.getElementById("parallel-switches");
  const option = (column) => h("option", { value: column.id }, column.title.slice(0, 120));
  form.elements.colour.append(h("option", { value: "" }, "of each run"), ...columns.map(option));
  form.elements.colour.value = colour ?? columns.findLast((column) => column.id.startsWith("metrics.") && !column.id.startsWith("metrics.system/"))?.id ?? "";
  form.elements.add.append(h("option", { value: "" }, "…"), ...columns.map(option));
  form.elements.add.addEventListener("change", ({ target }) => {
    if (target.value && !axes.some((axis) => axis.column.id === target.value)) axes.push(axisOf(target.value, false, null));
    target.value = "";
    changed();
  });
  form.elements.colour.addEventListener("change", changed);
  document.getElementById("all-runs").addEventListener("click", () => {
    for (const axis of axes) axis.range = null;
    changed();
  });
}

function changed() {
  save();
  redraw();
}

function setUpRanges() {
  const column = byId.get(document.querySelector("[name=colour]").value);
  document.querySelector(".scale").hidden = !column?.numeric;
  const scale = column?.numeric ? ofNumbers(column, false) : null;
  document.getElementById("scale-ends").textContent = scale ? `${scale.tell(0)} to ${scale.tell(1)}` : "";
  const held = document.activeElement?.dataset?.held;
  document.getElementById("ranges").replaceChildren(...axes.map(controls));
  if (held) document.querySelector(`[data-held="${CSS.escape(held)}"]`)?.focus();
}

function controls(axis, number) {
  const { column, scale } = axis;
  const name = column.title.slice(0, 80);
  const told = h("output", {});
  const tell = () => (told.textContent = axis.range ? axis.range.map(scale.tell).join(" to ") : "all");
  const ends = [0, 1].map((end) => {
    const input = h("input", { type: "range", min: 0, max: 1, step: 0.005, "aria-label": `${end ? "Highest" : "Lowest"} ${name}`, "data-held": `${end} ${column.id}` });
    input.value = axis.range?.[end] ?? end;
    input.setAttribute("aria-valuetext", scale.tell(Number(input.value)));
    input.addEventListener("input", () => {
      const [low, high] = ends.map((one) => Number(one.value));
      axis.range = low <= 0 && high >= 1 ? null : [Math.min(low, high), Math.max(low, high)];
      input.setAttribute("aria-valuetext", scale.tell(Number(input.value)));
      tell();
      mark();
    });
    input.addEventListener("change", save);
    return input;
  });
  const button = (text, label, action) => h("button", { type: "button", class: "icon", "aria-label": `${label} ${name}`, title: label, "data-held": `${text} ${column.id}`, onclick: action }, text);
  const log = scale.mayBeLog && h("label", {}, h("input", { type: "checkbox", checked: scale.isLog, "data-held": `log ${column.id}`, onchange: () => {
    Object.assign(axis, axisOf(column.id, !axis.turned, null));
    changed();
  } }), "log");
  tell();
  return h("fieldset", {}, h("legend", { class: "cut", title: column.title.slice(0, 500) }, name), ...ends, told,
    h("div", {}, button("←", "Move to the left:", () => (move(axis, number - 1), save())), button("→", "Move to the right:", () => (move(axis, number + 1), save())),
      button("×", "Take away the axis", () => (axes.splice(number, 1), changed())), log));
}

function listRuns() {
  rows = runs.map((run, at) => h("tr", { onmouseenter: () => near(at), onfocusin: () => near(at), onmouseleave: () => near(null) },
    h("th", { scope: "row" }, h("a", { class: "cut", href: `/runs/${encodeURIComponent(run.id)}` }, run.name || run.id.slice(0, 8))),
    axes.map(({ column }) => h("td", { class: column.numeric ? "number" : "value" }, readable(column.values[at])))));
  document.getElementById("brushed").replaceChildren(
    h("thead", {}, h("tr", {}, h("th", {}, "Run"), axes.map(({ column }) => h("th", { class: column.numeric ? "number" : "" }, h("span", { class: "cut" }, column.title.slice(0, 60)))))),
    h("tbody", {}, rows));
}
