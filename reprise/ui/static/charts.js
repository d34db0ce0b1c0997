// Charts by plotly for all pages: loaded on the first chart, in the colours of the theme, with their data.
// A page includes templates/_charts.html among its styles.

import { byId, colour, counted, dialog, h } from "./page.js";

const COLOURS = 8; // --series-0 … of charts.css
const DASHES = ["solid", "dot", "dash", "dashdot"];
const MOST_ROWS = 1000;
const CONFIG = { displayModeBar: false, displaylogo: false, responsive: true, showTips: false };

const drawn = new Map(); // host to the requested drawing
const colours = new Map();
let loading = null;

/**
 * Draws or redraws plotly's `traces` with `layout` in `host`; resolves with plotly's element.
 * Either may be a function that is called at each drawing, for callers of `seriesColour`.
 * `name` is the label for screen readers. Text from outside must go through `plain`.
 */
export async function plot(host, traces, layout = {}, { name = "Chart" } = {}) {
  drawn.set(host, { traces, layout, name });
  await plotly();
  return drawn.has(host) ? draw(host) : null;
}

/** Forgets a chart and empties its host. */
export function unplot(host) {
  if (drawn.delete(host) && host.firstChild?.data) globalThis.Plotly.purge(host.firstChild);
  host.replaceChildren();
}

/** Calls `action` once, when `element` is near the visible part of the page. */
export function onceSeen(element, action) {
  actions.set(element, action);
  seeing.observe(element);
}

/** Returns text from outside for plotly: without markup, shortened, with its own text direction. */
export function plain(text, most = 60) {
  const letters = [...String(text).slice(0, 4 * most)];
  const cut = letters.length > most ? `${letters.slice(0, most - 1).join("")}…` : letters.join("");
  return `\u2068${cut.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")}\u2069`;
}

/**
 * Returns a number for each of `keys` (run ids, names), for `seriesColour` and `seriesDash`.
 * A key keeps its number unless an earlier key has the same number.
 */
export function seriesNumbers(keys) {
  const taken = new Map(); // key by number
  for (const key of keys) {
    const round = Math.floor(taken.size / COLOURS) * COLOURS;
    let number = hash(key) % COLOURS;
    while (taken.has(round + number)) number = (number + 1) % COLOURS;
    taken.set(round + number, key);
  }
  return new Map([...taken].map(([number, key]) => [key, number]));
}

export const seriesColour = (number) => known(`series-${number % COLOURS}`);

/** Returns a dash pattern: series beyond the number of colours differ by dashes. */
export const seriesDash = (number) => DASHES[Math.floor(number / COLOURS) % DASHES.length];

/** Shows the points of a chart as a table in a dialog. */
export function showData(host) {
  const { traces, layout, name } = drawn.get(host);
  const rows = called(traces).filter((trace) => trace.showInData !== false).flatMap(rowsOf);
  const shown = rows.slice(0, MOST_ROWS);
  const axes = called(layout);
  const keys = ["name", "x", "y", "z"].filter((key) => shown.some((row) => row[key] !== undefined));
  const titles = { name: "series", x: axes.xaxis?.title?.text ?? "x", y: axes.yaxis?.title?.text ?? "y", z: "value" };
  const line = (tag, cells) => h("tr", {}, cells.map((cell) => h(tag, {}, cell)));
  const table = h("table", {},
    h("thead", {}, line("th", keys.map((key) => titles[key]))),
    h("tbody", {}, shown.map((row) => line("td", keys.map((key) => readable(row[key]))))));
  const told = `${rows.length > shown.length ? `The first ${shown.length} of ` : ""}${counted(rows.length, "point")}`;
  return dialog(name, h("div", {}, h("p", { class: "quiet" }, told), h("div", { class: "scroll chart-data", tabindex: 0 }, table)));
}

function draw(host) {
  const { traces, layout, name } = drawn.get(host);
  if (!host.firstChild) {
    host.classList.add("chart");
    const button = h("button", { class: "chart-table", title: "Show points as a table", onclick: () => showData(host) }, "Data");
    host.append(h("div", { class: "chart-canvas", role: "img" }), button);
  }
  const [canvas, button] = host.children;
  canvas.setAttribute("aria-label", name);
  button.setAttribute("aria-label", `Points of ${name}`);
  return globalThis.Plotly.react(canvas, called(traces), themed(called(layout)), CONFIG);
}

function themed(layout) {
  const quiet = known("quiet");
  const line = known("line");
  const axis = { gridcolor: line, linecolor: line, zerolinecolor: line, tickcolor: line, automargin: true, tickfont: { color: quiet }, exponentformat: "e" };
  const axes = ["xaxis", "yaxis", ...Object.keys(layout).filter((key) => /^[xy]axis\d*$/.test(key))];
  return {
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: known("text"), family: getComputedStyle(document.body).fontFamily, size: 12 },
    margin: { l: 44, r: 14, t: 10, b: 34 },
    hovermode: "closest",
    hoverlabel: { bgcolor: known("raised"), bordercolor: known("line-strong"), font: { color: known("text") }, align: "left" },
    colorway: Array.from({ length: COLOURS }, (_, number) => seriesColour(number)),
    showlegend: false,
    ...layout,
    ...Object.fromEntries(axes.map((key) => {
      const { title, ...given } = layout[key] ?? {};
      return [key, { ...axis, ...given, title: title && { font: { size: 12, color: quiet }, ...title } }];
    })),
  };
}

function plotly() {
  loading ??= new Promise((resolve, reject) => {
    const source = byId("plotly.js-style-global").dataset.plotly;
    document.head.append(h("script", { src: source, onload: resolve, onerror: () => reject(new Error("Could not load the charts")) }));
  });
  return loading;
}

const called = (value) => (typeof value === "function" ? value() : value);

function readable(value) {
  if (value instanceof Date) return value.toISOString();
  return String(value ?? "").replace(/[\u2068\u2069]/g, "").replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}

function rowsOf(trace) {
  const places = Math.max(trace.x?.length ?? 0, trace.y?.length ?? 0);
  return Array.from({ length: places }, (_, at) => ({ name: trace.name, x: trace.x?.[at], y: trace.y?.[at], z: trace.z?.[at] }));
}

function known(name) {
  if (!colours.has(name)) colours.set(name, colour(name));
  return colours.get(name);
}

const hash = (text) => [...text].reduce((found, letter) => (31 * found + letter.codePointAt()) >>> 0, 0);

function redraw() {
  colours.clear();
  for (const host of drawn.keys()) {
    if (!host.isConnected) drawn.delete(host);
    else if (host.firstChild) draw(host);
  }
}
addEventListener("themechange", redraw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

const actions = new Map();
const seeing = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    seeing.unobserve(target);
    actions.get(target)?.();
    actions.delete(target);
  }
}, { rootMargin: "300px" });
