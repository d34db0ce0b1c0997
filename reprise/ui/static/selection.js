// The chosen runs: by checkbox, ranges with Shift, all that are found; and what is done with them.
import { api, attempt, byId, confirmed, counted, dialog, getJSON, h, mayWrite, onDo, onKey, toast } from "./page.js";

const AT_ONCE = 6; // requests
const MOST_COMPARED = 200;
const chosen = new Set();
const compare = byId("compare");
const comparable = () => chosen.size >= 2 && chosen.size <= MOST_COMPARED;
const runs = () => counted(chosen.size, "run");

/** `address(values)` is where run ids come from; `done()` is called when runs were changed. */
export function selects(table, address, done) {
  let anchor = null;

  async function toggle(row, through) {
    const at = Number(row.ariaRowIndex) - 2;
    const change = chosen.has(row.dataset.run) ? "delete" : "add";
    const range = through && anchor !== null && { start: Math.min(at, anchor), count: Math.abs(at - anchor) + 1 };
    (range ? await getJSON(address(range)) : [row.dataset.run]).forEach((id) => chosen[change](id));
    anchor = at;
    show();
  }

  function show() {
    for (const row of table.querySelectorAll("[data-run]")) {
      const on = chosen.has(row.dataset.run);
      row.classList.toggle("chosen", on);
      row.querySelector("input").checked = on;
    }
    byId("selection").hidden = chosen.size === 0;
    byId("chosen").textContent = `${chosen.size.toLocaleString("en")} chosen`;
    compare.ariaDisabled = String(!comparable());
    if (comparable()) compare.href = `/compare?runs=${[...chosen].map(encodeURIComponent).join(",")}`;
    else compare.removeAttribute("href");
    compare.title = comparable() ? "" : `2 to ${MOST_COMPARED} runs can be compared`;
  }

  function choose(ids) {
    chosen.clear();
    ids.forEach((id) => chosen.add(id));
    show();
  }

  /** Calls `action` for each chosen run, a few at a time; whether all went well. */
  async function each(doing, action) {
    const ids = [...chosen];
    const faults = [];
    const progress = h("progress", { max: ids.length, value: 0, "aria-label": doing });
    const element = h("dialog", { "aria-label": doing, oncancel: (event) => event.preventDefault() }, h("p", {}, doing), progress);
    document.body.append(element);
    if (ids.length > AT_ONCE) element.showModal();
    const work = async () => {
      while (ids.length && faults.length < 5) {
        await action(ids.pop()).catch((error) => faults.push(error.message));
        progress.value += 1;
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    element.remove();
    if (faults.length) toast(faults[0], { fault: true });
    show();
    await done();
    return !faults.length;
  }

  async function change(word, verb, kind) {
    const many = runs();
    if (!chosen.size || !(await confirmed(`${word} ${many}?`, word, kind))) return;
    const changed = async (run_id) => (await api(`runs/${verb}`, { run_id }), chosen.delete(run_id));
    if (await each(`${word}: ${many}`, changed)) toast(`${word}d ${many}`);
  }

  onDo({
    chooseAll: async () => choose(await getJSON(address({}))),
    chooseNone: () => choose([]),
    delete: () => change("Delete", "delete", "danger"),
    restore: () => change("Restore", "restore", "primary"),
    async tag() {
      const [key, value] = [h("input", { required: true, maxlength: 250 }), h("input")];
      const fields = h("div", {}, h("label", {}, "Tag", key), h("label", {}, "Value", value));
      const verb = await dialog(`A tag of ${runs()}`, fields, [["Set", "primary", "set"], ["Remove", "danger", "delete"], ["Cancel", "", null]]);
      if (verb === null || !key.value) return;
      const tag = { key: key.value, ...(verb === "set" && { value: value.value }) };
      await each(`Tag ${key.value}`, (run_id) => api(`runs/${verb}-tag`, { run_id, ...tag }).catch((error) => {
        if (error.code !== "RESOURCE_DOES_NOT_EXIST") throw error; // one without the tag need not lose it
      }));
    },
  });
  table.addEventListener("click", ({ target, shiftKey }) => {
    if (target.type === "checkbox") attempt(() => toggle(target.closest("tr"), shiftKey));
  });
  onKey("c", "Compare the chosen runs", () => comparable() && compare.click());
  onKey("u", "Choose no run", () => choose([]));
  if (mayWrite) onKey("Delete", "Delete the chosen runs", () => document.querySelector("[data-do=delete]")?.click());
  return { show, toggle };
}
