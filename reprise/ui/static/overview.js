// The overview of a run: its tags and its note are edited, its tables searched.

import { api, asked, confirmed, dialog, getHTML, given, h } from "./page.js";
import { changing, runId } from "./run.js";

const setTag = (key, value) => api("runs/set-tag", { run_id: runId, key, value });

const actions = {
  async editNote() {
    const { text, most } = given("note-source");
    const written = await editedNote(text, most);
    if (written !== null) await setTag("mlflow.note.content", written);
  },
  async addTag() {
    const key = h("input", { required: true, maxlength: 250 });
    const value = h("input");
    const done = await dialog("Add a tag", h("div", { class: "tag" }, h("label", {}, "Name", key), h("label", {}, "Value", value)),
      [["Add", "primary", "yes"], ["Cancel", "", null]]);
    if (done === "yes") await setTag(key.value, value.value);
  },
  async editTag({ key, value }) {
    const written = await asked(`Edit the tag ${key}`, "Value", value);
    if (written !== null) await setTag(key, written);
  },
  async deleteTag({ key }) {
    if (await confirmed(`Delete the tag ${key}?`, "Delete")) await api("runs/delete-tag", { run_id: runId, key });
  },
};

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-do]");
  const action = actions[button?.dataset.do];
  if (!action) return;
  const row = button.closest("[data-key]");
  changing(() => action({ key: row?.dataset.key, value: row?.querySelector(".value").textContent }));
});

/** Asks for Markdown, and shows beside it what becomes of it; null when the question was left. */
async function editedNote(text, most) {
  const area = h("textarea", { "aria-label": "Note in Markdown", maxlength: most });
  area.value = text;
  const count = h("p", { class: "quiet" });
  const shown = h("div", { class: "note", "aria-label": "Preview", role: "region", tabindex: 0 });
  let asking = null;
  const preview = async () => {
    count.textContent = `${area.value.length.toLocaleString("en")} of ${most.toLocaleString("en")} characters`;
    asking?.abort();
    asking = new AbortController();
    try {
      const body = area.value;
      shown.replaceChildren(...fragment(await getHTML("/notes/preview", { method: "POST", body, signal: asking.signal })));
    } catch (error) {
      if (error.name !== "AbortError") shown.textContent = error.message;
    }
  };
  area.addEventListener("input", preview);
  preview();
  const done = await dialog("Note", h("div", {}, h("div", { class: "note-editor" }, area, shown), count), [["Save", "primary", "yes"], ["Cancel", "", null]]);
  return done === "yes" ? area.value : null;
}

const fragment = (html) => new DOMParser().parseFromString(html, "text/html").body.childNodes;

function find(field) {
  const words = field.value.toLowerCase().split(/\s+/);
  for (const row of document.querySelectorAll(`#${field.dataset.rows} tr[data-key]`)) {
    row.hidden = !words.every((word) => row.textContent.toLowerCase().includes(word));
  }
}
document.addEventListener("input", (event) => event.target.dataset.rows && find(event.target));
