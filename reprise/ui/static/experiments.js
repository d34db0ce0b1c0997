// The list of experiments: search, and what can be done with one.
import { api, asked, attempt, confirmed, dialog, getHTML, getJSON, h, onChange, setQuery, tellTimes } from "./page.js";

const list = document.getElementById("list");
const search = document.getElementById("search");

async function load() {
  const html = await getHTML(`/experiments/rows${location.search}`);
  if (document.querySelector("dialog[open]")) return; // its button would be gone
  const focused = list.contains(document.activeElement) ? document.activeElement : null;
  const row = focused?.closest("[data-id]")?.dataset.id;
  const at = row ? [...focused.closest("tr").querySelectorAll("a, button")].indexOf(focused) : -1;
  list.innerHTML = html;
  tellTimes(list);
  if (row) list.querySelector(`[data-id="${row}"]`)?.querySelectorAll("a, button")[at]?.focus();
}
onChange(() => load().catch(() => {})); // the server is away: its news will tell when it is back

let timer = null;
search.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(() => (setQuery({ q: search.value.trim() }), attempt(load)), 120);
});
document.getElementById("deleted").addEventListener("change", (event) => {
  setQuery({ view: event.target.checked ? "deleted" : "" });
  attempt(load);
});
document.getElementById("create")?.addEventListener("click", async () => {
  const name = await asked("New experiment", "Name", "", "Create");
  if (name) await attempt(async () => {
    const { experiment_id } = await api("experiments/create", { name });
    location.assign(`/experiments/${experiment_id}`);
  });
});

const acts = {
  async rename({ name }, experiment_id) {
    const new_name = await asked("Rename the experiment", "Name", name);
    if (new_name && new_name !== name) await api("experiments/update", { experiment_id, new_name });
  },
  async describe({ name }, experiment_id) {
    const { experiment } = await getJSON(`/ajax-api/2.0/mlflow/experiments/get?experiment_id=${experiment_id}`);
    const note = experiment.tags?.find((tag) => tag.key === "mlflow.note.content")?.value ?? "";
    const text = h("textarea", { "aria-label": "Description", maxlength: 20_000 }, note);
    const done = await dialog(`Describe ${name}`, text, [["Save", "primary", "yes"], ["Cancel", "", null]]);
    if (done) await api("experiments/set-experiment-tag", { experiment_id, key: "mlflow.note.content", value: text.value });
  },
  async delete({ name, runs }, experiment_id) {
    const question = `Delete ${name} with ${Number(runs).toLocaleString("en")} ${runs === "1" ? "run" : "runs"}? They can be restored.`;
    if (await confirmed(question, "Delete")) await api("experiments/delete", { experiment_id });
  },
  restore: (_, experiment_id) => api("experiments/restore", { experiment_id }),
};
list.addEventListener("click", (event) => {
  const button = event.target.closest("[data-act]");
  if (button) attempt(async () => {
    await acts[button.dataset.act](button.dataset, button.closest("tr").dataset.id);
    await load();
  });
});
