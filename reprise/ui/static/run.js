// The frame of a run's tabs: rename, delete, restore; and what is live while the run goes on.
import { api, asked, byId, counted, dialog, getPage, inOrder, onChange, onDo, onKey, renew, root } from "./page.js";

const head = () => byId("run").dataset;

export const { runId } = head();
export const isGoingOn = () => head().goingOn === "yes";

const read = new Map(); // what was last read of each live part, by id

const again = inOrder((isWhole) => getPage(isWhole ? location.pathname + location.search : `${root}/runs/${encodeURIComponent(runId)}/frame`));

/** Reads this page again, puts what is live in it in the place of the old, and tells the rest of it by an event. */
export async function refresh() {
  const live = () => document.querySelectorAll("[data-live][id]");
  const fresh = await again(live().length > 1);
  if (!fresh) return;
  while (document.querySelector("[data-live]:active")) await new Promise(requestAnimationFrame); // a click that is half done is not lost
  for (const old of live()) {
    const found = fresh.getElementById(old.id);
    if (!found) return location.reload(); // nothing has become something
    if (found.outerHTML === read.get(old.id) || old.contains(document.activeElement?.closest("input"))) continue;
    read.set(old.id, found.outerHTML);
    renew(old, found);
  }
  dispatchEvent(new CustomEvent("refreshed", { detail: fresh }));
}

/** Actions of buttons after which the page shows what has changed. */
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
    const choices = count ? [["Delete it and those in it", "danger", "all"], ["Delete it alone", "danger", "one"]] : [["Delete", "danger", "one"]];
    const asked = await dialog(`Delete this run${count ? `, which has ${counted(count, "run")} in it` : ""}? It can be restored.`, "", [...choices, ["Cancel", "", null]]);
    if (asked) await api("runs/delete", { run_id: runId, with_children: asked === "all" });
  },
  restore: () => api("runs/restore", { run_id: runId }),
});

if (isGoingOn()) {
  const stop = onChange(async () => {
    await refresh().catch(() => {}); // the server is away: its news will tell when it is back
    if (!isGoingOn()) stop();
  }, 1000);
}

const tabs = [...document.querySelectorAll(".tabs a")];
tabs.forEach((tab, at) => onKey(String(at + 1), `Go to ${tab.textContent}`, () => tab.click()));
