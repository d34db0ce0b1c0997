// Parallel coordinates: the server draws them (_compare_parallel.html); this script selects ranges and moves axes.

import { keep, take, view } from "./compare.js";
import { attempt, byId, given, root } from "./page.js";

const all = (selector) => [...view.querySelectorAll(selector)];

let runs = []; // their ids, in the order of the lines
let axes = []; // from left to right: {id, places, range, …}; a range is [low, high] within 0 to 1, or null

export function show() {
  view.addEventListener("pointerdown", (event) => {
    if (event.target.closest(".axis") && !event.button) (event.target.closest(".title") ? dragAxis : drawRange)(event);
  });
  view.addEventListener("pointerover", ({ target }) => near(target.closest(".reach, #brushed li")));
  view.addEventListener("focusin", ({ target }) => near(target.closest("#brushed li")));
  view.addEventListener("input", ({ target }) => target.type === "range" && slide(target));
  view.addEventListener("change", ({ target }) => {
    const axis = axisOf(target);
    if (target.type === "range") save();
    else if (target.id === "add-axis") changed([...axes, { id: target.value }]);
    else if (axis) clear([axis], { turned: !axis.turned });
  });
  view.addEventListener("click", ({ target }) => {
    const by = target.closest("[data-by]")?.dataset.by;
    const axis = axisOf(target);
    if (by === "0") changed(axes.filter((one) => one !== axis));
    else if (by) move(axis, axes.indexOf(axis) + Number(by));
    else if (target.id === "all-runs") clear(axes);
  });
  read();
}

export function redraw() {
  return attempt(async () => {
    await take();
    read();
  });
}

function read() {
  if (!byId("axes")) return;
  ({ runs, axes } = given("axes"));
  axes.forEach(tell);
  mark();
}

/** Returns the axis of a control or a part of the drawing, which may predate the last change. */
const axisOf = (element) => axes.find(({ id }) => id === element.closest("[data-axis]")?.dataset.axis);

/** Stores the axes in the address; the server draws from it. */
function changed(wanted) {
  axes = wanted;
  save();
  redraw();
}

const clear = (these, more) => changed(axes.map((axis) => (these.includes(axis) ? { ...axis, ...more, range: null } : axis)));

function save() {
  keep({
    axis: axes.map(({ id }) => id),
    range: axes.filter(({ range }) => range).map(({ id, range }) => `${range.map((end) => end.toFixed(3)).join("~")}~${id}`),
    scale: axes.filter(({ turned }) => turned).map(({ id }) => id),
  });
}

/** Shows which runs are within all ranges: in the drawing, in the list, in the link to compare them. */
function mark() {
  const lines = all(".lines g");
  const listed = all("#brushed li");
  const within = runs.filter((_, run) => {
    const isIn = axes.every(({ places, range }) => !range || (places[run] !== null && places[run] >= range[0] && places[run] <= range[1]));
    lines[run].classList.toggle("out", !isIn);
    listed[run].hidden = !isIn;
    return isIn;
  });
  for (const brush of all(".brush")) {
    const range = axisOf(brush)?.range;
    const [low, high] = range ?? [0, 0];
    brush.setAttribute("y", `${100 * (1 - high)}%`);
    brush.setAttribute("height", range ? `${Math.max(100 * (high - low), 1)}%` : 0);
  }
  byId("within").textContent = `${within.length} of ${runs.length} runs within the ranges`;
  const link = byId("compare-within");
  link.hidden = within.length < 2 || within.length === runs.length;
  link.href = `${root}/compare?runs=${within.join(",")}`;
}

/** Highlights one run, by its line or list item, or none. */
function near(found) {
  const [lines, listed] = [all(".lines g"), all("#brushed li")];
  const run = Math.max(lines.indexOf(found?.parentNode), listed.indexOf(found));
  for (const shown of [lines, listed]) shown.forEach((one, at) => one.classList.toggle("near", at === run));
  if (listed.length) byId("near").textContent = listed[run]?.textContent.trim() ?? "";
}

// --- by the mouse: a range is drawn on its axis, and an axis is dragged by its title

function follow(event, moved, end) {
  event.preventDefault();
  const stop = new AbortController();
  addEventListener("pointermove", moved, { signal: stop.signal });
  for (const over of ["pointerup", "pointercancel"]) addEventListener(over, (last) => (stop.abort(), end(last)), { signal: stop.signal });
}

function drawRange(event) {
  const { top, height } = all(".lines")[0].getBoundingClientRect();
  const place = ({ clientY }) => Math.min(Math.max(1 - (clientY - top) / height, 0), 1);
  const start = place(event);
  follow(event, (moved) => {
    axisOf(event.target).range = [start, place(moved)].sort((one, other) => one - other);
    mark();
  }, (last) => {
    if (Math.abs(place(last) - start) < 0.01) axisOf(event.target).range = null; // a click clears it
    changed(axes);
  });
}

function dragAxis(event) {
  const { left, width } = all(".lines")[0].getBoundingClientRect();
  const place = ({ clientX }) => Math.min(Math.max(Math.floor(((clientX - left) / width) * axes.length), 0), axes.length - 1);
  const show = (at) => all(".axis").forEach((axis, one) => axis.classList.toggle("aim", one === at && !axis.contains(event.target)));
  follow(event, (moved) => show(place(moved)), (last) => (show(-1), move(axisOf(event.target), place(last))));
}

function move(axis, to) {
  if (axis && axes[to] && axes[to] !== axis) changed(axes.filter((one) => one !== axis).toSpliced(to, 0, axis));
}

// --- by the keyboard

function slide(input) {
  const axis = axisOf(input);
  const ends = [...input.closest("fieldset").querySelectorAll("[type=range]")].map((one) => Number(one.value)).sort(); // all written with a point
  axis.range = ends[0] <= 0 && ends[1] >= 1 ? null : ends;
  tell(axis);
  mark();
}

/** Shows the ends of a range. */
function tell({ id, range, words, ends, is_log }) {
  const said = (place) => {
    if (words.length) return words[Math.min(Math.floor(place * words.length), words.length - 1)];
    const [low, high] = is_log ? ends.map(Math.log10) : ends;
    const there = low * (1 - place) + high * place;
    return String(Number((is_log ? 10 ** there : there).toPrecision(4)));
  };
  const field = all("fieldset").find(({ dataset }) => dataset.axis === id);
  for (const input of field.querySelectorAll("[type=range]")) input.setAttribute("aria-valuetext", said(Number(input.value)));
  field.querySelector("output").textContent = range ? range.map(said).join(" to ") : "all";
}
