// The frame of a run's tabs: rename, delete, restore; and what is live while the run goes on.

import { api, asked, attempt, confirmed, getHTML, onChange, onKey, tellTimes } from "./page.js";

const head = () => document.getElementById("run");

export const runId = head().dataset.runId;
export const isGoingOn = () => head().dataset.goingOn === "yes";

/** Reads this page again, puts what is live in it in the place of the old, and tells the rest of it by an event. */
export async function refresh() {
  const fresh = new DOMParser().parseFromString(await getHTML(location.pathname + location.search), "text/html");
  for (const old of document.querySelectorAll("[data-live][id]")) {
    const found = fresh.getElementById(old.id);
    if (!found || old.contains(document.activeElement?.closest("input, textarea, select"))) continue;
    tellTimes(found);
    if (found.outerHTML === old.outerHTML) continue;
    const focused = place(old, document.activeElement);
    old.replaceWith(found);
    if (focused >= 0) focusable(found)[focused]?.focus();
  }
  dispatchEvent(new CustomEvent("refreshed", { detail: fresh }));
}

const focusable = (root) => [...root.querySelectorAll("a[href], button, summary")];
const place = (root, element) => (element && root.contains(element) ? focusable(root).indexOf(element) : -1);

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
