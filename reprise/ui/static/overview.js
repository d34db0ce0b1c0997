// The overview of a run: edits tags and note, searches tables.
import { agreed, api, asked, attempt, byId, confirmed, getPage, given, h, holds, inOrder, root } from "./page.js";
import { changing, refresh, runId } from "./run.js";

const setTag = (key, value) => api("runs/set-tag", { run_id: runId, key, value });
const row = (button) => button.closest("[data-key]");

const note = () => given("note-source");

changing({
  async editNote() {
    await refresh();
    let written = note().text;
    let base;
    do {
      base = note();
      written = await editedNote(written, base.most);
    } while (written !== null && !(await attempt(() => keep(written, base.text))));
  },
  async addTag() {
    const [key, value] = [h("input", { required: true, maxlength: 250 }), h("input")];
    const fields = h("div", {}, h("label", {}, "Name", key), h("label", {}, "Value", value));
    if (await agreed("Add a tag", fields, "Add")) await setTag(key.value, value.value);
  },
  async editTag(button) {
    const { key } = row(button).dataset;
    const written = await asked(`Edit the tag ${key}`, "Value", row(button).querySelector(".value").textContent);
    if (written !== null) await setTag(key, written);
  },
  async deleteTag(button) {
    const { key } = row(button).dataset;
    if (await confirmed(`Delete the tag ${key}?`, "Delete")) await api("runs/delete-tag", { run_id: runId, key });
  },
});

/** Saves the note, unless it is no longer `base`. */
async function keep(written, base) {
  await refresh();
  if (note().text !== base) throw new Error("The note was changed meanwhile. Save again to overwrite it.");
  await setTag("mlflow.note.content", written);
}

/** Asks for Markdown with a preview; null if the dialog was cancelled. */
async function editedNote(text, most) {
  const area = h("textarea", { "aria-label": "Note in Markdown", maxlength: most, oninput: preview });
  const count = h("p", { class: "quiet" });
  const shown = h("div", { class: "note", "aria-label": "Preview", role: "region", tabindex: 0 });
  const rendered = inOrder((body) => getPage(`${root}/notes/preview`, { method: "POST", body }));
  area.value = text;
  async function preview() {
    count.textContent = `${area.value.length.toLocaleString("en")} of ${most.toLocaleString("en")} characters`;
    const page = await rendered(area.value).catch((error) => (shown.textContent = error.message));
    if (page?.body) shown.replaceChildren(...page.body.childNodes);
  }
  preview();
  const done = await agreed("Note", h("div", {}, h("div", { class: "note-editor" }, area, shown), count), "Save");
  return done ? area.value : null;
}

document.addEventListener("input", ({ target }) => {
  if (!target.dataset.rows) return;
  const part = byId(target.dataset.rows);
  for (const one of part.querySelectorAll("tr[data-key]")) one.hidden = !holds(one.textContent, target.value);
  if (target.value) part.querySelectorAll(".rest").forEach((rest) => (rest.open = true));
});
