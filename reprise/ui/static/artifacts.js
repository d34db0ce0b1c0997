// The tree of a run's files: folders are fetched when they are opened, the selected file is shown next to it.
import { all, attempt, byId, getPage, h, inOrder, queried, root, setQuery } from "./page.js";

const ITEM = "[role=treeitem]";
const [tree, preview] = [byId("files"), byId("preview")];

/** Fetches the server's HTML for a folder or file. */
async function fetched(verb, owner, query) {
  return (await getPage(`${root}/runs/${encodeURIComponent(owner)}/${verb}?${new URLSearchParams(query)}`)).body.childNodes;
}

const previewed = inOrder((owner, path) => fetched("preview", owner, { path }));

async function open(item) {
  const { owner, path } = item.dataset;
  item.ariaExpanded = "true";
  if (item.querySelector("ul")) return;
  const list = h("ul", { role: "group" });
  item.append(list);
  try {
    list.append(...(await fetched("files", owner, { path })));
  } catch (error) {
    list.remove();
    item.ariaExpanded = "false";
    throw error;
  }
}

/** Opens or closes a folder; returns whether it did. */
function turn(item, isToOpen) {
  if (item.ariaExpanded !== String(!isToOpen)) return false;
  if (isToOpen) attempt(() => open(item));
  else item.ariaExpanded = "false";
  return true;
}

/** Tab reaches one item of the tree; the arrow keys reach the others. */
function focus(item) {
  for (const other of tree.querySelectorAll("[tabindex='0']")) other.tabIndex = -1;
  item.tabIndex = 0;
  item.focus();
}

async function show(owner, path) {
  tree.querySelector("[aria-selected]")?.removeAttribute("aria-selected");
  const item = all(ITEM, tree).find(({ dataset }) => dataset.owner === owner && dataset.path === path);
  item?.setAttribute("aria-selected", "true");
  preview.ariaBusy = "true";
  const shown = await previewed(owner, path).finally(() => (preview.ariaBusy = "false"));
  if (!shown) return; // another file was selected meanwhile
  preview.replaceChildren(...shown);
  preview.dataset.owner = owner;
}

function choose(owner, path) {
  setQuery({ owner, path }, { push: true });
  attempt(() => show(owner, path));
}

function press(item) {
  focus(item);
  turn(item, true) || turn(item, false);
  choose(item.dataset.owner, item.dataset.path);
}

/** Returns the item that a key moves to from `item`; may open or close a folder instead. */
function reached(key, item) {
  const seen = all(ITEM, tree).filter((one) => one.checkVisibility());
  const at = seen.indexOf(item);
  if (key === "ArrowRight") return turn(item, true) || !item.ariaExpanded ? item : seen[at + 1];
  if (key === "ArrowLeft") return turn(item, false) ? item : item.parentElement.closest(ITEM);
  return seen.at({ ArrowDown: at + 1, ArrowUp: Math.max(0, at - 1), Home: 0, End: -1 }[key]);
}

tree?.addEventListener("click", async (event) => {
  const more = event.target.closest("[data-from]");
  const link = event.target.closest("a");
  if (more) {
    const { owner, folder: path, from } = more.dataset;
    const list = more.closest("ul");
    await attempt(async () => list.replaceChildren(...(await fetched("files", owner, { path, from }))));
    focus(list.querySelector(ITEM));
  } else if (link && !(event.ctrlKey || event.metaKey || event.shiftKey)) {
    event.preventDefault();
    if (event.detail < 2) press(link.closest(ITEM)); // a double click on a folder opens it like a single click
  }
});
tree?.addEventListener("keydown", (event) => {
  const item = event.target;
  if (!item.matches(ITEM) || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Enter" || event.key === " ") press(item);
  else if (/^Arrow|^Home$|^End$/.test(event.key)) focus(reached(event.key, item) ?? item);
  else return;
  event.preventDefault();
});
preview?.addEventListener("click", (event) => {
  const link = event.target.closest("[data-open]");
  if (!link) return;
  event.preventDefault();
  choose(preview.dataset.owner, link.dataset.open);
});
addEventListener("popstate", () => {
  attempt(() => show(queried("owner") || byId("run").dataset.runId, queried("path")));
});

const chosen = tree?.querySelector("[aria-selected]");
chosen?.scrollIntoView({ block: "nearest" });
if (tree) (chosen ?? tree.querySelector(ITEM)).tabIndex = 0;
