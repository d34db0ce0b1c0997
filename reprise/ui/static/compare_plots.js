// The scatter, the contour and the box plots of a comparison.

import { byId, colour, given } from "./page.js";
import { ids, isHidden, keep, names, numbers, told } from "./compare.js";
import { plain, plot, seriesColour, unplot } from "./charts.js";

const form = byId("axes");
const { columns } = given("plotted");
const host = byId("plot");
const DRAW = { scatter, contour, box };
let kind = "";

export function show(tab) {
  kind = tab;
  form?.addEventListener("change", () => (keep(told(form)), redraw()));
  redraw();
}

export function redraw() {
  if (!form) return;
  const chosen = Object.fromEntries(Object.entries(told(form)).map(([name, id]) => [name, columns.find((column) => column.id === id)]));
  const needed = ["x", "y", "z"].filter((name) => name in chosen).map((name) => chosen[name]);
  const there = [...ids.keys()].filter((at) => !isHidden(ids[at]) && needed.every((column) => column && column.values[at] !== null));
  const least = kind === "contour" ? 4 : 1;
  const without = ids.length - there.length;
  const said = byId("told");
  if (there.length < least) {
    said.textContent = `A ${kind} plot needs at least ${least} runs with all of these values; there are ${there.length}.`;
    unplot(host);
    return;
  }
  said.textContent = without ? `${without} of ${ids.length} runs are hidden or lack some of these values.` : "";
  const axis = ({ title, numeric, log }) => ({ title: { text: plain(title) }, type: numeric ? (log ? "log" : "linear") : "category" });
  const layout = { xaxis: axis({ ...chosen.x, ...(kind === "box" && { numeric: false }) }), yaxis: axis(chosen.y), margin: { l: 60, r: 20, t: 20, b: 50 } };
  plot(host, () => DRAW[kind](there, chosen), layout, { name: `${kind}: ${needed.map((column) => column.title.slice(0, 80)).join(", ")}` });
}

const of = (column, there) => there.map((at) => (column.numeric ? column.values[at] : plain(column.values[at] ?? "none", 30)));
const texts = (there) => there.map((at) => plain(names.get(ids[at])));
const scale = () => [0, 1, 2, 3, 4].map((stop) => [stop / 4, colour(`scale-${stop}`)]);
const bar = (column) => ({ title: { text: plain(column.title, 30), side: "right" }, thickness: 12, outlinewidth: 0 });

function scatter(there, { x, y, colour: by, size }) {
  const marker = { size: sizes(size, there), line: { width: 1, color: colour("ground") } };
  if (by?.numeric) Object.assign(marker, { color: of(by, there), colorscale: scale(), showscale: true, colorbar: bar(by) });
  else if (by) marker.color = there.map((at) => seriesColour([...new Set(by.values)].indexOf(by.values[at])));
  else marker.color = there.map((at) => seriesColour(numbers.get(ids[at])));
  const told = by ? of(by, there).map((value) => `<br>${plain(by.title, 30)}: ${value ?? "none"}`) : [];
  const text = texts(there).map((name, at) => name + (told[at] ?? ""));
  return [{ type: "scatter", mode: "markers", x: of(x, there), y: of(y, there), text, marker, hovertemplate: "%{text}<br>%{x}, %{y}<extra></extra>" }];
}

/** Returns diameters of 6 to 26 px: the areas are proportional to the values. */
function sizes(column, there) {
  if (!column) return 10;
  const values = of(column, there);
  const known = values.filter((value) => value !== null);
  const low = Math.min(...known);
  const span = Math.max(...known) - low || 1;
  return values.map((value) => (value === null ? 6 : Math.sqrt(36 + (640 * (value - low)) / span)));
}

function contour(there, { x, y, z }) {
  const at = { x: of(x, there), y: of(y, there) };
  return [
    { type: "contour", ...at, z: of(z, there), colorscale: scale(), colorbar: bar(z), connectgaps: true, line: { width: 0.5 }, hoverinfo: "skip", contours: { coloring: "heatmap" } },
    { type: "scatter", mode: "markers", ...at, text: texts(there), marker: { color: colour("text"), size: 6, line: { width: 1, color: colour("ground") } }, hovertemplate: "%{text}<br>%{x}, %{y}<extra></extra>", showInData: false },
  ];
}

function box(there, { x, y }) {
  const groups = Map.groupBy(there, (at) => x.values[at]);
  const ordered = [...groups].sort(([one], [other]) => (x.numeric ? one - other : String(one).localeCompare(other)));
  return ordered.map(([value, members], number) => ({
    type: "box", name: plain(value, 30), y: of(y, members), text: texts(members), boxpoints: "all", jitter: 0.4, pointpos: 0,
    marker: { size: 5, color: seriesColour(number) }, hovertemplate: "%{text}<br>%{y}<extra></extra>",
  }));
}
