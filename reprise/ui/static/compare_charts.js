// The charts of a comparison: a metric of all runs in each, drawn when it comes into view.

import { getJSON, attempt } from "./page.js";
import { ids, isHidden, keep, numbers, query, told } from "./compare.js";
import { onceSeen, plain, plot, seriesColour, seriesDash } from "./charts.js";

const form = document.getElementById("switches-charts");
const figures = [...document.querySelectorAll("[data-metric]")];
const names = new Map([...document.querySelectorAll("[data-run]")].map((item) => [item.dataset.run, item.querySelector("a").textContent]));
const fetched = new Map(); // metric -> the points of each run
const AXES = { "": "step", time: "time", relative: "seconds since the first point" };

export function show() {
  if (!form) return;
  for (const control of form.elements) {
    const asked = query().get(control.name);
    if (control.type === "checkbox") control.checked = asked === "1";
    else if (asked) control.value = asked;
  }
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

/** Draws anew what is drawn, with the points that have come since. */
export function redraw() {
  attempt(async () => {
    await Promise.all([...fetched.keys()].map(load));
    draw();
  });
}

async function load(metric) {
  const asking = new URLSearchParams({ metric, runs: ids.join(",") });
  fetched.set(metric, await getJSON(`/compare/points?${asking}`));
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
  const { x, log, smooth } = told(form);
  const found = Object.entries(fetched.get(metric)).filter(([id]) => !isHidden(id));
  figure.querySelector("figcaption .quiet").textContent = `${found.length} of ${ids.length} runs`;
  const isSingle = found.every(([, { value }]) => value.length === 1);
  const xaxis = isSingle ? { showticklabels: false } : { title: { text: AXES[x] }, ...(x === "time" ? { type: "date" } : {}) };
  const layout = { xaxis, yaxis: log ? { type: "log" } : {} };
  const traces = () => (isSingle ? [bars(found)] : found.flatMap(([id, points]) => lines(id, points, x, Number(smooth))));
  plot(figure.querySelector("div"), traces, layout, { name: metric.slice(0, 120) });
}

/** Of a metric that each run has logged once. */
function bars(found) {
  return {
    type: "bar",
    x: found.map((_, at) => at + 1),
    y: found.map(([, { value }]) => value[0]),
    text: found.map(([id]) => plain(names.get(id), 40)),
    textposition: "none",
    marker: { color: found.map(([id]) => seriesColour(numbers.get(id))) },
    hovertemplate: "%{y}<br>%{text}<extra></extra>",
  };
}

function lines(id, { step, time, value }, x, smooth) {
  const line = { color: seriesColour(numbers.get(id)), dash: seriesDash(numbers.get(id)), width: 1.5 };
  const at = x === "" ? step : x === "time" ? time : time.map((moment) => (moment - time[0]) / 1000);
  const common = { type: "scatter", mode: value.length > 1 ? "lines" : "markers", x: at, name: plain(names.get(id), 40), line };
  const shown = { ...common, y: smooth ? smoothed(value, smooth) : value, hovertemplate: "%{y} at %{x}<br>%{fullData.name}<extra></extra>" };
  return smooth ? [{ ...common, y: value, opacity: 0.25, hoverinfo: "skip", showInData: false }, shown] : [shown];
}

/** The exponential moving average, corrected for its beginning; nothing where there is no number. */
function smoothed(values, weight) {
  let sum = 0;
  let weights = 0;
  return values.map((value) => {
    if (value === null) return null;
    sum = sum * weight + value * (1 - weight);
    weights = weights * weight + (1 - weight);
    return sum / weights;
  });
}
