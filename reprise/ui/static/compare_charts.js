// The charts of a comparison: a metric of all runs in each, drawn when it comes into view.

import { ids, isHidden, keep, names, numbers, query, told } from "./compare.js";
import { onceSeen, plain, plot, seriesColour } from "./charts.js";
import { lineLayout, lineTraces, unitOf, viewOf, writeView } from "./lines.js";
import { attempt, getJSON } from "./page.js";

const form = document.getElementById("lines");
const figures = [...document.querySelectorAll("[data-metric]")];
const fetched = new Map(); // metric -> its lines, one for each run that has it

export function show() {
  if (!form) return;
  writeView(form, query());
  form.elements.find.value = query().get("find") ?? "";
  form.addEventListener("input", () => {
    keep({ ...told(form), smooth: form.elements.smooth.value === "0" ? "" : form.elements.smooth.value });
    sift();
    draw();
  });
  sift();
  for (const figure of figures) {
    onceSeen(figure, () => attempt(async () => {
      await load(figure.dataset.metric);
      drawOne(figure);
    }));
  }
}

export const redraw = draw;

/** Draws anew what is drawn, with the points that have come since. */
export async function update() {
  await Promise.all([...fetched.keys()].map(load));
  draw();
}

async function load(metric) {
  const asking = new URLSearchParams({ metric, runs: ids.join(",") });
  fetched.set(metric, (await getJSON(`/compare/lines?${asking}`)).lines);
}

function sift() {
  const sought = form.elements.find.value.toLowerCase();
  form.querySelector("output").textContent = Number(form.elements.smooth.value).toFixed(2);
  for (const figure of figures) figure.hidden = !figure.dataset.metric.toLowerCase().includes(sought);
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
  const traces = () => (isSingle ? [bars(found)] : found.flatMap((line) => lineTraces(line, view, { name: names.get(line.run), number: numbers.get(line.run), unit })));
  plot(figure.querySelector("div"), traces, layout, { name: metric.slice(0, 120) });
}

/** Of a metric that each run has logged once. */
function bars(found) {
  return {
    type: "bar",
    x: found.map((_, at) => at + 1),
    y: found.map(({ value }) => value[0]),
    text: found.map(({ run }) => plain(names.get(run), 40)),
    textposition: "none",
    marker: { color: found.map(({ run }) => seriesColour(numbers.get(run))) },
    hovertemplate: "%{y}<br>%{text}<extra></extra>",
  };
}
