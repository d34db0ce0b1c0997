// The list of experiments: search and actions.
import { afterTyping, agreed, api, asked, byId, confirmed, counted, getJSON, getPage, h, inOrder, keepUp, onDo, renew, root, setQuery } from "./page.js";

const NOTE = "mlflow.note.content";

const read = inOrder(() => getPage(`${root}/experiments/rows${location.search}`));

async function load() {
  const fresh = await read();
  if (fresh && !document.querySelector("dialog[open]")) renew(byId("list"), fresh.getElementById("list")); // its button would disappear
}
keepUp(load);

byId("search").addEventListener("input", afterTyping(() => {
  setQuery({ q: byId("search").value.trim() });
  return load();
}));

/** The actions on the experiment in the row of the button. */
const changing = (action) => async (button) => {
  const { key, ...row } = button.closest("tr").dataset;
  await action(key, row);
  await load();
};

onDo({
  async create() {
    const name = await asked("New experiment", "Name", "", "Create");
    if (name) location.assign(`${root}/experiments/${(await api("experiments/create", { name })).experiment_id}`);
  },
  rename: changing(async (experiment_id, { name }) => {
    const new_name = await asked("Rename the experiment", "Name", name);
    if (new_name && new_name !== name) await api("experiments/update", { experiment_id, new_name });
  }),
  describe: changing(async (experiment_id, { name }) => {
    const { experiment } = await getJSON(`${root}/ajax-api/2.0/mlflow/experiments/get?experiment_id=${experiment_id}`);
    const note = experiment.tags?.find((tag) => tag.key === NOTE)?.value;
    const text = h("textarea", { "aria-label": "Description", maxlength: 20_000 }, note);
    if (await agreed(`Describe ${name}`, text, "Save")) await api("experiments/set-experiment-tag", { experiment_id, key: NOTE, value: text.value });
  }),
  delete: changing(async (experiment_id, { name, runs }) => {
    const question = `Delete ${name} with ${counted(Number(runs), "run")}? They can be restored.`;
    if (await confirmed(question, "Delete")) await api("experiments/delete", { experiment_id });
  }),
  restore: changing((experiment_id) => api("experiments/restore", { experiment_id })),
});
