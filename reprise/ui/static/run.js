// The frame of a run's tabs: rename, delete, restore; and live updates while the run is running.
import { api, asked, byId, counted, dialog, getPage, inOrder, onChange, onDo, onKey, renew, root } from "./page.js";

const head = () => byId("run").dataset;

export const { runId } = head();
export const isGoingOn = () => head().goingOn === "yes";

const read = new Map(); // the last version of each live part, by id

const again = inOrder((isWhole) => getPage(isWhole ? location.pathname + location.search : `${root}/runs/${encodeURIComponent(runId)}/frame`));

/** Fetches this page again, replaces its live parts, and passes on the rest by an event. */
export async function refresh() {
  const live = () => document.querySelectorAll("[data-live][id]");
  const fresh = await again(live().length > 1);
  if (!fresh) return;
  while (document.querySelector("[data-live]:active")) await new Promise(requestAnimationFrame); // keeps an element that is being clicked
  for (const old of live()) {
    const found = fresh.getElementById(old.id);
    if (!found) return location.reload(); // a part that was empty
    if (found.outerHTML === read.get(old.id) || old.contains(document.activeElement?.closest("input"))) continue;
    read.set(old.id, found.outerHTML);
    renew(old, found);
  }
  dispatchEvent(new CustomEvent("refreshed", { detail: fresh }));
}

/** Actions of buttons that update the page afterwards. */
export function changing(actions) {
  const withRefresh = ([name, action]) => [name, async (button) => (await action(button), await refresh())];
  onDo(Object.fromEntries(Object.entries(actions).map(withRefresh)));
}

changing({
  async rename() {
    const name = await asked("Rename the run", "Name", head().runName);
    if (name !== null) await api("runs/update", { run_id: runId, run_name: name });
  },
  async delete() {
    const count = Number(byId("run").dataset.children);
    const choices = count ? [["Delete with nested runs", "danger", "all"], ["Delete only this run", "danger", "one"]] : [["Delete", "danger", "one"]];
    const asked = await dialog(`Delete this run${count ? `, which has ${counted(count, "run")} in it` : ""}? It can be restored.`, "", [...choices, ["Cancel", "", null]]);
    if (asked) await api("runs/delete", { run_id: runId, with_children: asked === "all" });
  },
  restore: () => api("runs/restore", { run_id: runId }),
});

if (isGoingOn()) {
  const stop = onChange(async () => {
    await refresh().catch(() => {}); // the server is unreachable: its next event updates the page
    if (!isGoingOn()) stop();
  }, 1000);
}

const tabs = [...document.querySelectorAll(".tabs a")];
tabs.forEach((tab, at) => onKey(String(at + 1), `Go to ${tab.textContent}`, () => tab.click()));
