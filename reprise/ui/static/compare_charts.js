// The charts of a comparison: one metric of all runs per chart, drawn when it comes into view.

import { ids, isHidden, keep, names, numbers, told } from "./compare.js";
import { onceSeen, plain, plot, seriesColour } from "./charts.js";
import { lineLayout, lineTraces, unitOf, viewOf, writeView } from "./lines.js";
import { all, attempt, byId, getJSON, holds, inOrder, queried, root } from "./page.js";

const MOST_MARKED = 20; // no point markers beyond this many runs: each marker is an element
const form = byId("lines");
const figures = all("[data-metric]");
const fetched = new Map(); // metric -> its lines, one for each run that has it
const seen = new Set(); // chart to the function that fetches and draws it once it is in view
let turn = Promise.resolve();

export function show() {
  if (!form) return;
  writeView(form);
  form.elements.find.value = queried("find");
  form.addEventListener("input", () => {
    keep(told(form));
    sift();
    draw();
  });
  sift();
  figures.forEach(watch);
}

export const redraw = draw;

/** Redraws the visible charts with new points; the others when they come into view. */
export const update = () => seen.forEach((look) => look());

function watch(figure) {
  const { metric } = figure.dataset;
  const ask = inOrder(() => getJSON(`${root}/compare/lines?${new URLSearchParams({ metric, runs: ids.join() })}`));
  const look = () => onceSeen(figure, () => attempt(async () => {
    seen.add(look);
    const found = await ask();
    if (!found) return;
    fetched.set(metric, found.lines);
    turn = turn.then(() => attempt(() => drawOne(figure))).then(() => new Promise(requestAnimationFrame)); // each is painted before the next
  }));
  look();
}

function sift() {
  form.querySelector("output").textContent = Number(form.elements.smooth.value).toFixed(2);
  for (const figure of figures) figure.hidden = !holds(figure.dataset.metric, form.elements.find.value.trim());
}

function draw() {
  for (const figure of figures) if (fetched.has(figure.dataset.metric)) drawOne(figure);
}

function drawOne(figure) {
  const { metric } = figure.dataset;
  const view = viewOf(form);
  const found = fetched.get(metric).filter(({ run }) => !isHidden(run));
  figure.querySelector("figcaption .quiet").textContent = `${found.length} of ${ids.length} runs`;
  const isSingle = found.every(({ value }) => value.length === 1);
  const unit = unitOf(found);
  const layout = lineLayout(view, unit);
  if (isSingle) layout.xaxis = { showticklabels: false };
  const lines = () => found.flatMap((line) => lineTraces(line, view, { name: names.get(line.run), number: numbers.get(line.run), unit }))
    .map((trace) => (found.length > MOST_MARKED && trace.x.length > 1 ? { ...trace, mode: trace.mode.replace("+markers", "") } : trace));
  return plot(figure.querySelector("div"), isSingle ? () => [bars(found)] : lines, layout, { name: metric.slice(0, 120) });
}

/** Draws a metric that each run has logged once. */
function bars(found) {
  return {
    type: "bar",
    x: found.map((_, at) => at + 1),
    y: found.map(({ value }) => value[0]),
    hovertext: found.map(({ run }) => plain(names.get(run), 40)),
    marker: { color: found.map(({ run }) => seriesColour(numbers.get(run))) },
    hovertemplate: "%{y}<br>%{hovertext}<extra></extra>",
  };
}
