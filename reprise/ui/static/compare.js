// The page of a comparison: its runs, the controls of its views, and reloading a view.

import { seriesColour, seriesNumbers } from "./charts.js";
import { afterTyping, all, attempt, byId, getHTML, inOrder, keepUp, onKey, queried, query, root, setQuery } from "./page.js";

export const view = byId("view");
const more = byId("more");
const tab = view?.dataset.tab;

const items = all("[data-run]");

/** The ids of all runs of the comparison, with the name and the number for `seriesColour` of each. */
export const ids = items.map((item) => item.dataset.run);
export const names = new Map(items.map((item) => [item.dataset.run, item.querySelector("a").textContent]));
export const numbers = seriesNumbers(ids);

const hidden = new Set(queried("hidden").split(",").filter(Boolean));
export const isHidden = (id) => hidden.has(id);

/** Stores values in the address and in the addresses of the tabs. */
export function keep(values) {
  const url = setQuery(values);
  for (const link of document.querySelectorAll(".tabs a")) {
    url.searchParams.set("tab", new URL(link.href).searchParams.get("tab"));
    link.href = url;
  }
}

/** Returns the values of a form's named controls for the address; an unchecked box is empty. */
export function told(form) {
  return Object.fromEntries([...form.elements].filter(({ name }) => name)
    .map(({ name, type, checked, value }) => [name, type === "checkbox" && !checked ? "" : value]));
}

function paint() {
  for (const shown of document.querySelectorAll("[data-colour]")) shown.style.color = seriesColour(numbers.get(shown.dataset.colour));
}

let module = null;
const made = inOrder((asked) => getHTML(`${root}/compare/view${asked}`));

/** Reloads the content below the tabs from the server, and keeps the focus. */
export async function take() {
  const asked = location.search;
  const html = await made(asked);
  if (html === undefined) return;
  if (location.search !== asked) return take(); // keep selections made meanwhile
  const at = document.activeElement;
  const { scrollLeft, scrollTop } = view.querySelector(".scroll, #parallel") ?? {};
  view.innerHTML = html;
  const again = view.querySelector(at.name ? `[name="${CSS.escape(at.name)}"]` : `[data-held="${CSS.escape(at.dataset.held ?? "")}"]`);
  if (again && !at.isConnected) {
    if (at.type === "search") again.replaceWith(at); // keep text typed meanwhile
    (at.isConnected ? at : again).focus();
  }
  view.querySelector(".scroll, #parallel")?.scrollTo(scrollLeft, scrollTop);
  paint();
}

const renew = () => (module ? module.redraw() : attempt(take));

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const { baseline, remove, add, flip } = button.dataset;
  if (button.matches(".swatch")) {
    const id = button.closest("[data-run]").dataset.run;
    if (!hidden.delete(id)) hidden.add(id);
    button.ariaPressed = !hidden.has(id);
    keep({ hidden: [...hidden].join(",") });
    renew();
  } else if (baseline) {
    const wanted = button.ariaPressed === "true" ? "" : baseline;
    for (const one of document.querySelectorAll("[data-baseline]")) one.ariaPressed = one.dataset.baseline === wanted;
    keep({ baseline: wanted });
    renew();
  } else if (remove) {
    go(ids.filter((id) => id !== remove));
  } else if (add) {
    go([...ids, add]);
  } else if (flip !== undefined) {
    const flipped = query().getAll("flip");
    keep({ flip: flipped.includes(flip) ? flipped.filter((name) => name !== flip) : [...flipped, flip] });
    renew();
  }
});

function go(runs) {
  setQuery({ runs: runs.join(",") });
  location.reload();
}

const takeSoon = afterTyping(take);

view?.addEventListener("input", (event) => {
  const form = event.target.closest("#switches");
  if (!form) return;
  keep(told(form));
  if (event.target.type === "search") takeSoon();
  else renew();
});
view?.addEventListener("submit", (event) => event.preventDefault());

const found = inOrder(() => getHTML(`${root}/compare/more?${new URLSearchParams({ q: more.value, runs: queried("runs") })}`));

async function search() {
  const html = await found();
  if (html !== undefined) byId("found").innerHTML = html;
}
more.addEventListener("input", afterTyping(search));
more.addEventListener("focus", () => byId("found").childElementCount || attempt(search));

onKey("d", "Switch between differences and all rows", () => view?.querySelector("[name=only]")?.click());
onKey("a", "Add a run", () => {
  more.closest("details").open = true;
  more.focus();
});

paint();
addEventListener("themechange", paint);
document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
if (view?.dataset.module) {
  attempt(async () => {
    module = await import(`./${view.dataset.module}.js`);
    module.show(tab);
  });
}
if (view?.dataset.live === "yes") {
  if (tab === "table") keepUp(take, 3000);
  if (tab === "charts") keepUp(async () => module?.update(), 3000);
}
