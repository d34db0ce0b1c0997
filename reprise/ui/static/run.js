// The frame of a run's tabs: rename, delete, restore; and what is live while the run goes on.

import { api, asked, attempt, confirmed, getHTML, onChange, onKey, tellTimes } from "./page.js";

const head = () => document.getElementById("run");

export const runId = head().dataset.runId;
export const isGoingOn = () => head().dataset.goingOn === "yes";

const read = new Map(); // what was last read of each live part, by id

/** Reads this page again, puts what is live in it in the place of the old, and tells the rest of it by an event. */
export async function refresh() {
  const live = document.querySelectorAll("[data-live][id]");
  const path = live.length > 1 ? location.pathname + location.search : `/runs/${encodeURIComponent(runId)}/frame`;
  const fresh = new DOMParser().parseFromString(await getHTML(path), "text/html");
  for (const old of live) {
    const found = fresh.getElementById(old.id);
    if (!found || found.outerHTML === read.get(old.id) || old.contains(document.activeElement?.closest("input"))) continue;
    read.set(old.id, found.outerHTML);
    tellTimes(found);
    replace(old, found);
  }
  dispatchEvent(new CustomEvent("refreshed", { detail: fresh }));
}

/** What the reader has opened, typed and focused stays so. */
function replace(old, found) {
  const focused = old.contains(document.activeElement) && named(document.activeElement);
  const states = new Map([...old.querySelectorAll(KEPT)].map((element) => [named(element), element]));
  old.replaceWith(found);
  for (const element of found.querySelectorAll(KEPT)) {
    const before = states.get(named(element));
    if (before?.open) element.open = true;
    if (before?.value) element.value = before.value;
    if (before?.value) element.dispatchEvent(new Event("input", { bubbles: true }));
    if (named(element) === focused) element.focus();
  }
}

const KEPT = "details, input, summary, a[href], button";
const named = (element) => [element.closest("[data-key]")?.dataset.key, element.tagName, element.getAttribute("aria-label"), element.textContent.slice(0, 99)].join("\n");

const actions = {
  async rename() {
    const name = await asked("Rename the run", "Name", head().dataset.runName);
    if (name !== null) await api("runs/update", { run_id: runId, run_name: name });
  },
  async delete() {
    if (await confirmed("Delete this run? It can be restored.", "Delete")) await api("runs/delete", { run_id: runId });
  },
  async restore() {
    await api("runs/restore", { run_id: runId });
  },
};

/** Performs `action` and shows what has changed; what goes wrong is told. */
export function changing(action) {
  return attempt(async () => {
    await action();
    await refresh();
  });
}

document.addEventListener("click", (event) => {
  const action = actions[event.target.closest("[data-do]")?.dataset.do];
  if (action) changing(action);
});

if (isGoingOn()) {
  const stop = onChange(async () => {
    await refresh();
    if (!isGoingOn()) stop();
  }, 1000);
}

const tabs = [...document.querySelectorAll(".tabs a")];
tabs.forEach((tab, at) => onKey(String(at + 1), `Go to ${tab.textContent}`, () => tab.click()));
