// The points of a metric for plotly: x axis, smoothing, and values that are not numbers.
// `line` is {step, time, value}, arrays as long as each other; a value may be "NaN", "Infinity", "-Infinity" or null.
// `view` is {x: "" (steps) | "time" | "relative", log, smooth}.

import { plain, seriesColour, seriesDash } from "./charts.js";
import { queried } from "./page.js";

const MOST_MARKERS = 40; // no point markers beyond this many points
const UNITS = [["days", 86400], ["hours", 3600], ["minutes", 60], ["seconds", 1]];

/** Returns the exponential moving average without the bias to zero at the start; non-numbers are unchanged. */
export function smoothed(values, weight) {
  let sum = 0;
  let share = 0;
  return values.map((value) => {
    if (!Number.isFinite(value)) return value;
    sum = weight * sum + (1 - weight) * value;
    share = weight * share + (1 - weight);
    return sum / share;
  });
}

/** Returns the traces of one line; `number` is its series number, `unit` the result of `unitOf` for the chart. */
export function lineTraces(line, view, { name, number, unit = 1 }) {
  const order = [...line.step.keys()];
  if (!view.x) order.sort((a, b) => line.step[a] - line.step[b] || line.time[a] - line.time[b]);
  const places = { time: (at) => local(line.time[at]), relative: (at) => (line.time[at] - line.time[0]) / 1000 / unit };
  const x = order.map(places[view.x] ?? ((at) => line.step[at]));
  const values = order.map((at) => line.value[at]);
  const y = values.map((value) => (typeof value === "number" ? value : null));
  const customdata = order.map((at) => [line.step[at], local(line.time[at]).replace("T", " "), String(line.value[at])]);
  const style = { color: seriesColour(number), dash: seriesDash(number), width: 1.7 };
  const common = { x, name: plain(name), customdata, line: style, marker: { color: style.color, size: 5 } };
  const hovertemplate = "%{customdata[2]}<br>step %{customdata[0]}<br>%{customdata[1]}<br>%{fullData.name}<extra></extra>";
  const mode = y.length > MOST_MARKERS ? "lines" : "lines+markers";
  const shown = { ...common, mode, y: view.smooth ? smoothed(y, view.smooth) : y, hovertemplate };
  const traces = view.smooth ? [{ ...common, mode: "lines", y, opacity: 0.25, hoverinfo: "skip", showInData: false }, shown] : [shown];
  const odd = [...values.keys()].filter((at) => y[at] === null && values[at] !== null);
  if (odd.length) {
    const symbols = { NaN: "x-thin", Infinity: "triangle-up", "-Infinity": "triangle-down" };
    const marker = { symbol: odd.map((at) => symbols[values[at]]), size: 9, color: style.color, line: { width: 2, color: style.color } };
    traces.push({
      x: odd.map((at) => x[at]), y: odd.map((at) => near(y, at, view.log)), customdata: odd.map((at) => customdata[at]),
      name: common.name, mode: "markers", marker, hovertemplate, showInData: false,
    });
  }
  return traces;
}

/** Returns the seconds in the unit of relative time for a chart of these lines. */
export function unitOf(lines) {
  const longest = Math.max(0, ...lines.map(({ time }) => time.at(-1) - time[0] || 0)) / 1000;
  return (UNITS.find(([, seconds]) => longest >= 2 * seconds) ?? UNITS[3])[1];
}

export function lineLayout(view, unit = 1) {
  const text = { time: "time", relative: UNITS.find(([, seconds]) => seconds === unit)[0] }[view.x] ?? "step";
  return {
    xaxis: { title: { text, standoff: 4 }, type: text === "time" ? "date" : "linear", exponentformat: "SI" },
    yaxis: { type: view.log ? "log" : "linear" },
    uirevision: text + view.log, // new points keep the reader's zoom
  };
}

/** Reads the view from a form with fields x, log and smooth; `write` sets it. */
export function viewOf({ elements: { x, log, smooth } }) {
  return { x: x.value, log: log.checked, smooth: Number(smooth.value) };
}

export function writeView({ elements: { x, log, smooth } }) {
  x.value = queried("x");
  if (x.selectedIndex < 0) x.value = "";
  log.checked = queried("log") === "1";
  smooth.value = queried("smooth") || "0";
}

/** Returns a place on the line for a point without a number: that of the previous number, else of the next. */
function near(y, at, log) {
  const fits = (value) => Number.isFinite(value) && (!log || value > 0);
  return y.slice(0, at).findLast(fits) ?? y.slice(at).find(fits) ?? (log ? 1 : 0);
}

/** Returns a time in the reader's time zone in plotly's format. */
function local(ms) {
  const moment = new Date(ms - new Date(ms).getTimezoneOffset() * 60_000);
  return Number.isNaN(moment.getTime()) ? "1970-01-01T00:00:00" : moment.toISOString().slice(0, 23);
}
