// The tree of a run's files: folders are fetched when they are opened, a chosen file is shown beside it.
import { attempt, getHTML, setQuery } from "./page.js";

const tree = document.getElementById("files");
const preview = document.getElementById("preview");
let asked = 0;

const items = () => [...tree.querySelectorAll("[role=treeitem]")].filter((item) => item.checkVisibility());
const isFolder = (item) => item.hasAttribute("aria-expanded");
const isOpen = (item) => item.getAttribute("aria-expanded") === "true";
const find = (owner, path) =>
  [...tree.querySelectorAll("[role=treeitem]")].find((item) => item.dataset.owner === owner && item.dataset.path === path);

function address(verb, owner, values) {
  return `/runs/${encodeURIComponent(owner)}/${verb}?${new URLSearchParams(values)}`;
}

function parsed(html) {
  const holder = document.createElement("template");
  holder.innerHTML = html; // escaped by the server, and the policy of the page runs nothing in it
  return holder.content;
}

async function open(item) {
  let group = item.querySelector(":scope > [role=group]");
  if (!group) {
    const { owner, path } = item.dataset;
    const content = parsed(await getHTML(address("files", owner, { path })));
    group = document.createElement("ul");
    group.setAttribute("role", "group");
    group.append(content);
    item.append(group);
  }
  group.hidden = false;
  item.setAttribute("aria-expanded", "true");
}

function close(item) {
  item.querySelector(":scope > [role=group]").hidden = true;
  item.setAttribute("aria-expanded", "false");
}

async function turn(button) {
  const { owner, folder, from } = button.dataset;
  const group = button.closest("[role=group]") ?? tree;
  const content = parsed(await getHTML(address("files", owner, { path: folder, from })));
  const models = group === tree ? [...tree.children].filter((item) => item.dataset.path === "") : [];
  group.replaceChildren(content, ...models);
  focus(group.querySelector("[role=treeitem]"));
}

/** One item of the tree is reached by Tab; the others from it by the arrows. */
function focus(item) {
  for (const other of tree.querySelectorAll("[tabindex='0']")) other.tabIndex = -1;
  item.tabIndex = 0;
  item.focus();
}

function mark(owner, path) {
  for (const other of tree.querySelectorAll("[aria-selected]")) other.removeAttribute("aria-selected");
  const item = find(owner, path);
  item?.setAttribute("aria-selected", "true");
  return item;
}

async function show(owner, path) {
  const mine = ++asked;
  mark(owner, path);
  preview.setAttribute("aria-busy", "true");
  const html = await getHTML(address("preview", owner, { path }));
  if (mine !== asked) return; // another one was chosen meanwhile
  preview.replaceChildren(parsed(html));
  preview.removeAttribute("aria-busy");
  Object.assign(preview.dataset, { owner, path });
}

function choose(owner, path) {
  setQuery({ owner, path }, { push: true });
  return attempt(() => show(owner, path));
}

function pressed(item) {
  focus(item);
  if (isFolder(item)) attempt(() => (isOpen(item) ? close(item) : open(item)));
  choose(item.dataset.owner, item.dataset.path);
}

const moves = {
  ArrowDown: (item, all) => all[all.indexOf(item) + 1],
  ArrowUp: (item, all) => all[all.indexOf(item) - 1],
  Home: (_, all) => all[0],
  End: (_, all) => all.at(-1),
  ArrowRight: (item, all) => {
    if (isFolder(item) && !isOpen(item)) attempt(() => open(item));
    else if (isFolder(item)) return all[all.indexOf(item) + 1];
  },
  ArrowLeft: (item) => {
    if (isFolder(item) && isOpen(item)) close(item);
    else return item.parentElement.closest("[role=treeitem]");
  },
};

function start() {
  tree.addEventListener("click", (event) => {
    const plain = !(event.ctrlKey || event.metaKey || event.shiftKey);
    const more = event.target.closest("[data-from]");
    const link = event.target.closest("a");
    if (more) attempt(() => turn(more));
    else if (link && plain) {
      event.preventDefault();
      pressed(link.closest("[role=treeitem]"));
    }
  });
  tree.addEventListener("keydown", (event) => {
    const item = event.target;
    if (!item.matches("[role=treeitem]") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" || event.key === " ") pressed(item);
    else if (moves[event.key]) {
      const next = moves[event.key](item, items());
      if (next) focus(next);
    } else return;
    event.preventDefault();
  });
  preview.addEventListener("click", (event) => {
    const link = event.target.closest("[data-open]");
    if (!link) return;
    event.preventDefault();
    choose(preview.dataset.owner, link.dataset.open);
  });
  addEventListener("popstate", () => {
    const query = new URLSearchParams(location.search);
    attempt(() => show(query.get("owner") || document.getElementById("run").dataset.runId, query.get("path") ?? ""));
  });
  const chosen = mark(preview.dataset.owner, preview.dataset.path);
  (chosen ?? tree.querySelector("[role=treeitem]")).tabIndex = 0;
  chosen?.scrollIntoView({ block: "nearest" });
}
if (tree) start();
