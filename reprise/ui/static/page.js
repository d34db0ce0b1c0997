// Shared by all pages: requests to the server, events, messages, dialogs, keys, theme.

/** Creates an element: `h("a", {href, class, onclick}, "text", child)`. Text is always text, never markup. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.replace(/^on/, ""), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** The path prefix of all our addresses, if the server has one. */
export const root = document.body.dataset.root ?? "";

export const byId = (id) => document.getElementById(id);

/** Returns all elements that match `selector`, as an array. */
export const all = (selector, root = document) => [...root.querySelectorAll(selector)];

/** Returns a function for input events that calls `action` after a pause in typing. */
export function afterTyping(action) {
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(() => attempt(action), 200);
  };
}

/** "1 run", "1,200 runs". */
export const counted = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;

/** Returns whether `text` contains all searched words. */
export const holds = (text, words) => words.toLowerCase().split(/\s+/).every((word) => text.toLowerCase().includes(word));

function wayIn() {
  const path = location.pathname.startsWith(`${root}/`) ? location.pathname.slice(root.length) : location.pathname;
  return `${root}/login?next=${encodeURIComponent(path + location.search)}`;
}

/** An error from the server, with the `code` of the REST API. */
async function answered(response) {
  if (response.ok) return response;
  if (response.status === 401) location.assign(wayIn());
  const { error_code: code, message } = await response.json().catch(() => ({})); // not JSON: use the status
  throw Object.assign(new Error(message ?? `The server responded with ${response.status}`), { code });
}

async function called(path, options) {
  const response = await fetch(path, options).catch(() => null);
  if (!response) throw new Error("The server does not respond");
  return answered(response);
}

/** Calls the REST API, for example `api("runs/delete", {run_id})`. All changes of pages go through it. */
export async function api(verb, body, method = "POST") {
  const headers = { "Content-Type": "application/json" };
  return (await called(`${root}/ajax-api/2.0/mlflow/${verb}`, { method, headers, body: JSON.stringify(body) })).json();
}

// Errors are always JSON.
const get = (path, options) => called(path, { ...options, headers: { Accept: "application/json" } });

/** Fetches JSON from one of our pages. */
export const getJSON = async (path, options) => (await get(path, options)).json();

/** Fetches a fragment of HTML, rendered and escaped by the server. */
export const getHTML = async (path, options) => (await get(path, options)).text();

/** Fetches it as an inert document. */
export const getPage = async (path, options) => new DOMParser().parseFromString(await getHTML(path, options), "text/html");

/** Wraps `ask`: an answer that arrives after the answer to a later call is undefined, so old data never replaces new. */
export function inOrder(ask) {
  let asked = 0;
  let answered = 0;
  return async (...values) => {
    const mine = ++asked;
    const answer = await ask(...values);
    if (mine < answered) return undefined;
    answered = mine;
    return answer;
  };
}

/** Replaces `old` with `fresh`; keeps what the reader has opened, typed and focused. */
export function renew(old, fresh) {
  const kept = "details, input, summary, a[href], button, tr[tabindex]";
  const named = (one) => {
    const { key, run } = one.closest("[data-key], [data-run]")?.dataset ?? {};
    return [key ?? run, one.tagName, one.ariaLabel ?? (one.matches("a, button") && one.textContent)].join("\n");
  };
  const focused = old.contains(document.activeElement) && named(document.activeElement);
  const before = new Map([...old.querySelectorAll(kept)].map((one) => [named(one), one]));
  tellTimes(fresh);
  old.replaceWith(fresh);
  for (const one of fresh.querySelectorAll(kept)) {
    const { open, type, value } = before.get(named(one)) ?? {};
    if (open) one.open = true;
    if (type === "search" && value) {
      one.value = value;
      one.dispatchEvent(new Event("input", { bubbles: true }));
    }
    if (named(one) === focused) one.focus({ preventScroll: true });
  }
}

/** Returns the values in the template's `<script type="application/json" id="...">`. */
export const given = (id) => JSON.parse(byId(id).textContent);

// --- addresses that MLflow's clients print: /#/experiments/1/runs/ID, /#/models/NAME/versions/2

const meant = location.hash.match(/^#\/(experiments|models)\/([^/?]+)(?:\/(?:runs|versions)\/([^/?]+))?/);
if (meant) {
  const [, kind, name, part] = meant;
  location.replace(kind === "experiments" && part ? `${root}/runs/${part}` : `${root}/${kind}/${name}${part ? `/${part}` : ""}`);
}

// --- prefetch for the next page after this page is painted

const later = document.querySelector("[data-later]")?.dataset.later;
if (later) addEventListener("load", () => setTimeout(() => document.head.append(h("link", { rel: "prefetch", as: "script", href: later })), 1000));

// --- events: the store has changed

/** Listens to the server's `events` at `address()` while the page is visible: a browser has only six connections per host. */
export function hear(address, events) {
  let source = null;
  let isOver = false;
  const turn = () => {
    if (document.hidden || isOver) {
      source?.close();
      source = null;
    } else if (!source) {
      source = new EventSource(address());
      for (const [name, action] of Object.entries({ ...events, error: lost })) source.addEventListener(name, action);
    }
  };
  const lost = () => {
    if (source?.readyState !== EventSource.CLOSED) return; // it reconnects by itself
    source = null;
    setTimeout(async () => {
      const { status } = await fetch(`${root}/events`, { method: "HEAD" }).catch(() => ({}));
      if (status === 401) toast(h("a", { href: wayIn() }, "Your session has expired. Log in again."), { fault: true });
      else turn();
    }, 3000);
  };
  document.addEventListener("visibilitychange", turn);
  turn();
  return () => {
    isOver = true;
    turn();
  };
}

const listeners = new Set();
let news = document.body.dataset.news; // the version of the store that the page shows
let isHeard = false;

/** Calls `listener` when the store has changed, at most once every `pause` ms; returns a function that stops it. */
export function onChange(listener, pause = 500) {
  let timer = null;
  let last = 0;
  const called = () => {
    timer ??= setTimeout(() => {
      timer = null;
      last = Date.now();
      if (!document.hidden) listener(); // otherwise it is called when the page is visible again
    }, Math.max(0, last + pause - Date.now()));
  };
  listeners.add(called);
  const changed = ({ lastEventId }) => {
    news = lastEventId;
    listeners.forEach((each) => each());
  };
  if (!isHeard) hear(() => `${root}/events?since=${news}`, { changed });
  isHeard = true;
  return () => listeners.delete(called);
}

// --- messages and questions

/** Shows a message in the corner; an error stays until it is clicked. */
export function toast(message, { fault = false } = {}) {
  const shown = h("div", { class: fault ? "toast fault" : "toast", onclick: () => shown.remove() }, message);
  byId("toasts").append(shown);
  if (!fault) setTimeout(() => shown.remove(), 4000);
}

/** Runs `action`; if it throws, shows the error and returns false. */
export async function attempt(action) {
  try {
    await action();
    return true;
  } catch (error) {
    toast(error.message, { fault: true });
    return false;
  }
}

/** Shows a dialog with `content`; resolves with the value of the button that closed it, null if it was cancelled. */
export function dialog(title, content, buttons = [["Close", "", "close"]]) {
  return new Promise((resolve) => {
    const close = (value) => {
      element.close();
      element.remove();
      resolve(value);
    };
    const form = h(
      "form",
      { method: "dialog", onsubmit: (event) => (event.preventDefault(), close(buttons[0][2])) },
      h("h2", { id: "dialog-title" }, title),
      content,
      h("p", { class: "buttons" }, buttons.map(([text, kind, value], at) =>
        h("button", { type: at ? "button" : "submit", class: kind, onclick: at ? () => close(value) : undefined }, text))),
    );
    const element = h("dialog", { "aria-labelledby": "dialog-title", oncancel: () => close(null) }, form);
    document.body.append(element);
    element.showModal();
    (element.querySelector("input, textarea, select") ?? element.querySelector("button")).focus();
  });
}

/** Resolves with whether the button `word` below `content` was pressed. */
export const agreed = async (title, content, word, kind = "primary") =>
  (await dialog(title, content, [[word, kind, "yes"], ["Cancel", "", null]])) === "yes";

export const confirmed = (question, word, kind = "danger") => agreed(question, "", word, kind);

/** Asks for one line of text; null if the dialog was cancelled. */
export async function asked(title, label, value = "", word = "Save") {
  const input = Object.assign(h(/\n/.test(value) ? "textarea" : "input", { "aria-label": label }), { value });
  return (await agreed(title, h("label", {}, label, input), word)) ? input.value : null;
}

// A button copies its `data-copy` and confirms it.
document.addEventListener("click", async ({ target }) => {
  const button = target.closest("[data-copy]");
  if (!button || button.textContent === "Copied") return;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
  } catch {
    const area = h("textarea", { class: "unseen" }, button.dataset.copy); // pages over plain HTTP have no clipboard
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  const before = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = before), 1500);
});

// --- the state of a view lives in its URL

export const query = () => new URLSearchParams(location.search);
export const queried = (name) => query().get(name) ?? "";

/** Sets values in the query of the address; empty ones are removed. `push` adds a history entry. */
export function setQuery(values, { push = false } = {}) {
  const url = new URL(location.href);
  for (const [name, value] of Object.entries(values)) {
    url.searchParams.delete(name);
    for (const one of [value].flat()) if (one || one === 0) url.searchParams.append(name, one);
  }
  history[push ? "pushState" : "replaceState"](push ? null : history.state, "", url);
  return url;
}

/** Registers actions: a click on an element with `data-do` calls the action of that name with the element. */
export function onDo(actions) {
  document.addEventListener("click", (event) => {
    const element = event.target.closest("[data-do]");
    const action = actions[element?.dataset.do];
    if (action) attempt(() => action(element));
  });
}

/** Calls `action` when the store has changed; while the server is unreachable it fails, and the next event retries. */
export const keepUp = (action, pause) => onChange(() => action().catch(() => {}), pause);

// --- times, theme, keys

/** Updates `<time data-ms>`: how long ago, and on hover the time in the reader's time zone; `data-since`: the duration so far. */
export function tellTimes(root = document) {
  for (const element of root.querySelectorAll("time[data-ms]")) {
    const ms = Number(element.dataset.ms);
    element.textContent = `${since(ms)} ago`;
    element.title = new Date(ms).toLocaleString();
  }
  for (const element of root.querySelectorAll("[data-since]")) element.textContent = since(element.dataset.since);
}

function duration(seconds) {
  if (seconds < 10) return `${Math.max(seconds, 0).toFixed(1)} s`;
  for (const [unit, size] of [["d", 86400], ["h", 3600], ["min", 60]]) {
    if (seconds >= 2 * size) return `${Math.round(seconds / size)} ${unit}`;
  }
  return `${Math.round(seconds)} s`;
}
const since = (ms) => duration((Date.now() - ms) / 1000);
tellTimes();
setInterval(() => document.hidden || tellTimes(), 2000);

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

/** Returns a colour of page.css in the current theme, for example `colour("accent")`, for charts. */
export function colour(name) {
  const probe = h("i", { class: "unseen" });
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

function switchTheme() {
  const theme = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  document.cookie = `reprise-theme=${theme}; path=${root || "/"}; max-age=31536000; samesite=lax`; // the server paints it
  dispatchEvent(new Event("themechange"));
}
byId("theme")?.addEventListener("click", switchTheme);

const keys = new Map();

/** Adds a key for this page, for example `onKey("c", "Compare the selected runs", compare)`; ignored while typing. */
export function onKey(key, meaning, action) {
  keys.set(key, { meaning, action });
}
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable], dialog")) return;
  if ([" ", "Enter"].includes(event.key) && event.target.closest("a, button, summary, input")) return; // it is pressed
  if (!keys.has(event.key)) return;
  event.preventDefault();
  attempt(keys.get(event.key).action);
});

function showKeys() {
  const rows = [...keys].map(([key, { meaning }]) => h("tr", {}, h("td", {}, h("kbd", {}, key.replace(" ", "Space"))), h("td", {}, meaning)));
  dialog("Keyboard shortcuts", h("table", { class: "keys" }, rows));
}
onKey("?", "Show keyboard shortcuts", showKeys);
onKey("t", "Switch between light and dark", switchTheme);
onKey("/", "Go to the search field", () => document.querySelector("[data-search]")?.focus());
byId("keys")?.addEventListener("click", showKeys);

export const mayWrite = document.body.dataset.mayWrite === "yes";
