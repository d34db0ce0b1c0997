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
const host = document.getElementById("parallel");
const columns = host ? given("plotted").columns : [];
const byId = new Map(columns.map((column) => [column.id, column]));
const switches = document.getElementById("parallel-switches")?.elements;
const listed = [...document.querySelectorAll("#brushed li")]; // a run each, as in `ids`

let axes = []; // from left to right: {column, turned, scale, range}; a range is [low, high] within 0 to 1, or null
let lines = []; // the line of each run
let seen = 0; // the width that was drawn for

export function show() {
  if (!host) return;
  const asked = query();
  const ranges = new Map(asked.getAll("range").map((text) => text.match(/^([\d.]+)~([\d.]+)~(.*)$/s))
    .filter(Boolean).map(([, low, high, id]) => [id, [Number(low), Number(high)]]));
  const chosen = asked.getAll("axis").filter((id) => byId.has(id));
  const turned = asked.getAll("scale");
  axes = (chosen.length ? chosen : atFirst()).map((id) => axisOf(id, turned.includes(id), ranges.get(id) ?? null));
  switches.colour.addEventListener("change", changed);
  switches.add.addEventListener("change", () => {
    if (!axes.some(({ column }) => column.id === switches.add.value)) axes.push(axisOf(switches.add.value, false, null));
    switches.add.value = "";
    changed();
  });
  document.getElementById("all-runs").addEventListener("click", () => {
    for (const axis of axes) axis.range = null;
    changed();
  });
  listed.forEach((item, at) => {
    item.onmouseenter = item.onfocus = () => near(at);
    item.onmouseleave = () => near(null);
    item.addEventListener("focusin", item.onfocus);
  });
  redraw();
  new ResizeObserver(() => host.clientWidth === seen || requestAnimationFrame(redraw)).observe(host);
  addEventListener("themechange", redraw);
}

function atFirst() {
  const of = (kind) => columns.map(({ id }) => id).filter((id) => id.startsWith(kind) && !id.startsWith("metrics.system/"));
  const found = [...of("params.").slice(0, 6), ...of("metrics.").slice(0, 3)];
  return found.length > 1 ? found : columns.slice(0, 8).map(({ id }) => id);
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
  const at = (value) => (value === null ? null : (bent(value) - bent(low)) / span);
  return { mayBeLog, isLog, at, tell: (place) => String(Number(back(place).toPrecision(4))), ticks: low === high ? [0] : [0, 0.25, 0.5, 0.75, 1] };
}

function ofWords(column) {
  const words = [...new Set(column.values.filter((value) => value !== null))].sort();
  const places = new Map(words.map((word, at) => [word, (at + 0.5) / words.length]));
  const every = Math.ceil(words.length / 12);
  return {
    at: (value) => places.get(value) ?? null,
    tell: (place) => words[Math.min(Math.floor(place * words.length), words.length - 1)],
    ticks: [...places.values()].filter((_, at) => at % every === 0),
  };
}

// --- drawing ------------------------------------------------------------------------------------------------

function svg(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const width = () => Math.max(seen, 2 * SIDE + 90 * (axes.length - 1));
const x = (at) => (axes.length === 1 ? width() / 2 : SIDE + (at * (width() - 2 * SIDE)) / (axes.length - 1));
const y = (place) => TOP + (1 - place) * (HEIGHT - TOP - BOTTOM);
const heightOf = (run, { column, scale }) => y(scale.at(column.values[run]) ?? NONE);
const isWithin = (run) => !isHidden(ids[run]) && axes.every(({ column, scale, range }) => {
  const place = scale.at(column.values[run]);
  return !range || (place !== null && place >= range[0] && place <= range[1]);
});

export function redraw() {
  if (!host) return;
  seen = host.clientWidth;
  const colourOf = colouring();
  lines = ids.map((_, run) => {
    const points = axes.map((axis, at) => `${x(at).toFixed(1)},${heightOf(run, axis).toFixed(1)}`);
    const line = svg("polyline", { points: points.join(" "), class: "line" });
    line.style.stroke = colourOf(run);
    return line;
  });
  const name = `Parallel coordinates of ${ids.length} runs; the list below tells which are within the ranges`;
  const drawing = svg("svg", { width: width(), height: HEIGHT, role: "img", "aria-label": name }, ...lines, ...axes.map(drawnAxis));
  drawing.addEventListener("pointermove", point);
  drawing.addEventListener("pointerleave", () => near(null));
  host.replaceChildren(drawing);
  const held = document.activeElement.dataset.held;
  document.getElementById("ranges").replaceChildren(...axes.map(controls));
  if (held) document.querySelector(`[data-held="${CSS.escape(held)}"]`)?.focus();
  mark();
}

function drawnAxis(axis, number) {
  const at = x(number);
  const tick = (place, text) => svg("text", { x: at - 6, y: y(place) + 4, class: "tick" }, cut(text, 12));
  const ticks = axis.scale.ticks.map((place) => tick(place, axis.scale.tell(place)));
  if (axis.column.values.includes(null)) ticks.push(tick(NONE, "none"));
  const title = svg("text", { x: at, y: number % 2 ? 16 : 34, class: "title" }, cut(axis.column.title, 22));
  const handle = svg("rect", { x: at - 14, y: TOP - 6, width: 28, height: HEIGHT - TOP - BOTTOM + 12, class: "handle" });
  handle.addEventListener("pointerdown", (event) => drawRange(event, axis));
  title.addEventListener("pointerdown", (event) => dragAxis(event, axis));
  axis.brush = svg("rect", { x: at - 8, width: 16, class: "brush" });
  return svg("g", { class: "axis" }, svg("line", { x1: at, x2: at, y1: y(0), y2: y(1) }), ...ticks, axis.brush, handle, title);
}

function cut(text, most) {
  const letters = [...text.slice(0, 4 * most)];
  return `\u2068${letters.length > most ? `${letters.slice(0, most - 1).join("")}…` : letters.join("")}\u2069`;
}

/** Answers the colour of a run, and tells what the colours mean. */
function colouring() {
  const column = byId.get(switches.colour.value);
  const scale = column?.numeric ? ofNumbers(column, false) : null;
  document.querySelector(".scale").hidden = !scale;
  document.getElementById("scale-ends").textContent = scale ? `${scale.tell(0)} to ${scale.tell(1)}` : "";
  const words = column && [...new Set(column.values)];
  return (run) => {
    if (!column) return seriesColour(numbers.get(ids[run]));
    const value = column.values[run];
    if (value === null) return "var(--line-strong)";
    if (!scale) return seriesColour(words.indexOf(value));
    const place = 4 * scale.at(value);
    const stop = Math.min(Math.floor(place), 3);
    return `color-mix(in oklab, var(--scale-${stop + 1}) ${(100 * (place - stop)).toFixed(0)}%, var(--scale-${stop}))`;
  };
}

/** Shows which runs are within all ranges: in the drawing, in the list, in what can be compared next. */
function mark() {
  const within = ids.filter((id, run) => {
    const isIn = isWithin(run);
    lines[run].classList.toggle("out", !isIn);
    lines[run].toggleAttribute("hidden", isHidden(id));
    listed[run].hidden = !isIn;
    return isIn;
  });
  for (const { range, brush } of axes) {
    brush.setAttribute("y", range ? y(range[1]) : 0);
    brush.setAttribute("height", range ? Math.max(y(range[0]) - y(range[1]), 2) : 0);
  }
  document.getElementById("within").textContent = `${within.length} of ${ids.length} runs within the ranges`;
  const link = document.getElementById("compare-within");
  link.hidden = within.length < 2 || within.length === ids.length;
  link.href = `/compare?runs=${within.join(",")}`;
}

function save() {
  keep({
    axis: axes.map(({ column }) => column.id),
    range: axes.filter(({ range }) => range).map(({ column, range }) => `${range.map((end) => end.toFixed(3)).join("~")}~${column.id}`),
    scale: axes.filter(({ turned }) => turned).map(({ column }) => column.id),
    colour: switches.colour.value,
  });
}

function changed() {
  save();
  redraw();
}

// --- by the mouse ---------------------------------------------------------------------------------------------

function follow(event, moved, end) {
  event.preventDefault();
  const stop = new AbortController();
  addEventListener("pointermove", moved, { signal: stop.signal });
  addEventListener("pointerup", (last) => (stop.abort(), end(last)), { signal: stop.signal });
}

function drawRange(event, axis) {
  const { top } = host.firstChild.getBoundingClientRect();
  const place = ({ clientY }) => Math.min(Math.max((y(0) - (clientY - top)) / (y(0) - y(1)), 0), 1);
  const start = place(event);
  follow(event, (moved) => {
    axis.range = [Math.min(start, place(moved)), Math.max(start, place(moved))];
    mark();
  }, (last) => {
    if (Math.abs(place(last) - start) < 0.01) axis.range = null; // a click clears it
    changed();
  });
}

function dragAxis(event, axis) {
  const { left } = host.firstChild.getBoundingClientRect();
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
  const across = event.clientX - box.left;
  const left = axes.findLastIndex((_, at) => x(at) <= across);
  if (left < 0 || left === axes.length - 1) return near(null);
  const part = (across - x(left)) / (x(left + 1) - x(left));
  const gap = (run) => Math.abs(heightOf(run, axes[left]) * (1 - part) + heightOf(run, axes[left + 1]) * part - (event.clientY - box.top));
  let closest = null;
  ids.forEach((_, run) => {
    if (isWithin(run) && gap(run) < (closest === null ? NEAR : gap(closest))) closest = run;
  });
  near(closest);
}

/** Brings one run out of the others, or none. */
function near(run) {
  lines.forEach((line, at) => line.classList.toggle("near", at === run));
  listed.forEach((item, at) => item.classList.toggle("near", at === run));
  document.getElementById("near").textContent = run === null ? "" : listed[run].textContent.trim();
}

// --- by the keyboard ---------------------------------------------------------------------------------------------

function controls(axis, number) {
  const { column, scale } = axis;
  const name = column.title.slice(0, 80);
  const told = h("output");
  const tell = () => (told.textContent = axis.range ? axis.range.map(scale.tell).join(" to ") : "all");
  const ends = ["Lowest", "Highest"].map((word, end) => {
    const input = h("input", { type: "range", min: 0, max: 1, step: 0.005, value: axis.range?.[end] ?? end, "aria-label": `${word} ${name}`, "data-held": `${end} ${column.id}`, onchange: save });
    const say = () => input.setAttribute("aria-valuetext", scale.tell(Number(input.value)));
    input.addEventListener("input", () => {
      const [low, high] = ends.map((one) => Number(one.value)).sort((a, b) => a - b);
      axis.range = low <= 0 && high >= 1 ? null : [low, high];
      say();
      tell();
      mark();
    });
    say();
    return input;
  });
  const button = (text, label, action) => h("button", { type: "button", class: "icon", "aria-label": `${label} ${name}`, title: label, "data-held": text + column.id, onclick: () => (action(), changed()) }, text);
  const log = scale.mayBeLog && h("label", {}, h("input", { type: "checkbox", checked: scale.isLog, "data-held": `log ${column.id}`, onchange: () => {
    Object.assign(axis, axisOf(column.id, !axis.turned, null));
    changed();
  } }), "log");
  tell();
  return h("fieldset", {}, h("legend", { class: "cut", title: column.title.slice(0, 500) }, name), ends, told,
    h("div", {}, button("←", "Move to the left:", () => move(axis, number - 1)), button("→", "Move to the right:", () => move(axis, number + 1)), button("×", "Take away the axis", () => axes.splice(number, 1)), log));
}
