// The chosen runs: by checkbox, ranges with Shift, all that are found; and what is done with them.
import { api, attempt, asked, confirmed, dialog, getJSON, h, mayWrite, onKey, toast } from "./page.js";

const AT_ONCE = 6; // requests
const MOST_COMPARED = 200;
const bar = document.getElementById("selection");
const chosen = new Set();

/** `address(values)` is where run ids come from; `done()` is called when runs were changed. */
export function selects(table, address, done) {
  let anchor = null;

  async function toggle(row, through) {
    const at = Number(row.ariaRowIndex) - 2;
    const on = !chosen.has(row.dataset.run);
    let ids = [row.dataset.run];
    if (through && anchor !== null) {
      const start = Math.min(at, anchor);
      ids = await getJSON(address({ start, count: Math.abs(at - anchor) + 1 }));
    }
    ids.forEach((id) => (on ? chosen.add(id) : chosen.delete(id)));
    anchor = at;
    show();
  }

  function show() {
    for (const row of table.querySelectorAll("[data-run]")) {
      const on = chosen.has(row.dataset.run);
      row.classList.toggle("chosen", on);
      row.querySelector("input").checked = on;
    }
    bar.hidden = chosen.size === 0;
    document.getElementById("chosen").textContent = `${chosen.size.toLocaleString("en")} chosen`;
    const compare = document.getElementById("compare");
    if (comparable()) compare.href = `/compare?runs=${[...chosen].map(encodeURIComponent).join(",")}`;
    else compare.removeAttribute("href");
    compare.setAttribute("aria-disabled", String(!comparable()));
    compare.title = comparable() ? "" : `2 to ${MOST_COMPARED} runs can be compared`;
  }

  const comparable = () => chosen.size >= 2 && chosen.size <= MOST_COMPARED;

  function choose(ids) {
    chosen.clear();
    ids.forEach((id) => chosen.add(id));
    show();
  }

  /** Calls `action` for each chosen run, a few at a time; those that went well are no longer chosen if `drop`. */
  async function each(doing, action, drop) {
    const ids = [...chosen];
    const progress = h("progress", { max: ids.length, value: 0, "aria-label": doing });
    const element = h("dialog", { "aria-label": doing, oncancel: (event) => event.preventDefault() }, h("p", {}, doing), progress);
    document.body.append(element);
    if (ids.length > AT_ONCE) element.showModal();
    const faults = [];
    const work = async () => {
      for (let id = ids.pop(); id !== undefined && faults.length < 5; id = ids.pop()) {
        try {
          await action(id);
          if (drop) chosen.delete(id);
        } catch (error) {
          faults.push(error.message);
        }
        progress.value += 1;
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    element.remove();
    if (faults.length) toast(faults[0], { fault: true });
    show();
    await done();
    return faults.length === 0;
  }

  const runs = () => `${chosen.size.toLocaleString("en")} ${chosen.size === 1 ? "run" : "runs"}`;
  const changed = (word, verb, kind) => async () => {
    const many = runs();
    if (chosen.size && (await confirmed(`${word} ${many}?`, word, kind)) && (await each(`${word}: ${many}`, (run_id) => api(`runs/${verb}`, { run_id }), true))) {
      toast(`${word}d ${many}`);
    }
  };

  async function tag() {
    const key = h("input", { required: true, maxlength: 250 });
    const value = h("input", {});
    const fields = h("div", {}, h("label", {}, "Tag", key), h("label", {}, "Value", value));
    const answer = await dialog(`A tag of ${runs()}`, fields, [["Set", "primary", "set"], ["Remove", "danger", "delete"], ["Cancel", "", null]]);
    if (answer === null || !key.value) return;
    const body = { key: key.value, ...(answer === "set" && { value: value.value }) };
    await each(`Tag ${key.value}`, (run_id) => api(`runs/${answer}-tag`, { run_id, ...body }).catch((error) => {
      if (error.code !== "RESOURCE_DOES_NOT_EXIST") throw error; // one without the tag need not lose it
    }), false);
  }

  table.addEventListener("click", (event) => {
    if (event.target.type !== "checkbox") return;
    attempt(() => toggle(event.target.closest("tr"), event.shiftKey));
  });
  const on = (id, action) => document.getElementById(id)?.addEventListener("click", () => attempt(action));
  on("choose-all", async () => choose(await getJSON(address({}))));
  on("choose-none", () => choose([]));
  on("delete", changed("Delete", "delete", "danger"));
  on("restore", changed("Restore", "restore", "primary"));
  on("tag", tag);
  onKey("c", "Compare the chosen runs", () => comparable() && document.getElementById("compare").click());
  onKey("u", "Choose no run", () => choose([]));
  if (mayWrite) onKey("Delete", "Delete the chosen runs", () => document.getElementById("delete")?.click());
  return { show, toggle };
}

/** Changes a tag in its cell. */
export async function editTag(button, done) {
  const run_id = button.closest("tr").dataset.run;
  const key = button.dataset.tag;
  const value = await asked(`Tag ${key}`, "Value", button.dataset.value);
  if (value !== null && (await attempt(() => api("runs/set-tag", { run_id, key, value })))) await done();
}
