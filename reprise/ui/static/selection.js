// The selected runs: by checkbox, ranges with Shift, all matching; and the actions on them.
import { api, attempt, byId, counted, dialog, getJSON, h, mayWrite, onDo, onKey, root, toast } from "./page.js";

const AT_ONCE = 6; // requests
const MOST_COMPARED = 200;
const chosen = new Set(history.state?.chosen); // when going back from a comparison
const compare = byId("compare");
const comparable = () => chosen.size >= 2 && chosen.size <= MOST_COMPARED;
const runs = () => counted(chosen.size, "run");

/** `address(values)` returns the address of run ids; `done()` is called after changes to runs. */
export function selects(table, address, done) {
  let anchor = null; // a run: its place changes when others arrive

  async function toggle({ dataset: { run } }, through) {
    const change = chosen.has(run) ? "delete" : "add";
    (through && anchor ? await getJSON(address({ from: anchor, to: run })) : [run]).forEach((id) => chosen[change](id));
    anchor = run;
    show();
  }

  function show() {
    for (const row of table.querySelectorAll("[data-run]")) row.querySelector("input").checked = chosen.has(row.dataset.run);
    byId("selection").hidden = !chosen.size;
    byId("chosen").textContent = `${chosen.size.toLocaleString("en")} selected`;
    compare.ariaDisabled = String(!comparable());
    const kept = chosen.size > MOST_COMPARED ? [] : [...chosen];
    if (comparable()) compare.href = `${root}/compare?runs=${kept.map(encodeURIComponent).join(",")}`;
    else compare.removeAttribute("href");
    if (kept.length !== history.state?.chosen?.length) history.replaceState({ ...history.state, chosen: kept }, "");
  }

  function choose(ids) {
    chosen.clear();
    ids.forEach((id) => chosen.add(id));
    show();
  }

  /** Calls `action` for each run, a few at a time, until stopped; then shows the verb `told` with the count. */
  async function each(ids, doing, told, action) {
    const faults = [];
    const progress = h("progress", { max: ids.length, value: 0, "aria-label": doing });
    if (ids.length > AT_ONCE) dialog(doing, progress, [["Stop", "", null]]).then(() => (ids.length = 0));
    const work = async () => {
      while (ids.length && faults.length < 5) {
        await action(ids.pop()).then(() => (progress.value += 1), (error) => faults.push(error.message));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    progress.closest("form")?.requestSubmit();
    if (faults.length) toast(faults[0], { fault: true });
    if (progress.value) toast(`${told} ${counted(progress.value, "run")}`);
    await done();
  }

  async function change(word, kind) {
    const [ids, doing] = [[...chosen], `${word} ${runs()}`]; // more may be selected during the question
    const within = h("input", { type: "checkbox" });
    const more = word === "Delete" ? h("label", {}, within, " With nested runs") : "";
    if (!ids.length || (await dialog(`${doing}?`, more, [[word, kind, word], ["Cancel", "", null]])) === null) return;
    const body = within.checked ? { with_children: true } : {};
    await each(ids, doing, `${word}d`, async (run_id) => (await api(`runs/${word.toLowerCase()}`, { run_id, ...body }), chosen.delete(run_id)));
  }

  onDo({
    chooseAll: async () => choose(await getJSON(address({}))),
    chooseNone: () => choose([]),
    delete: () => change("Delete", "danger"),
    restore: () => change("Restore", "primary"),
    async tag() {
      const [key, value] = [h("input", { required: true, maxlength: 250 }), h("input")];
      const fields = h("div", {}, h("label", {}, "Tag", key), h("label", {}, "Value", value));
      const [ids, doing] = [[...chosen], `Tag of ${runs()}`];
      const verb = await dialog(doing, fields, [["Set", "primary", "set"], ["Remove", "danger", "delete"], ["Cancel", "", null]]);
      if (verb === null || !key.value) return;
      const tag = { key: key.value, ...(verb === "set" && { value: value.value }) };
      await each(ids, doing, verb === "set" ? "Tag set on" : "Tag removed from", (run_id) => api(`runs/${verb}-tag`, { run_id, ...tag }).catch((error) => {
        if (error.code !== "RESOURCE_DOES_NOT_EXIST") throw error; // skip runs without the tag
      }));
    },
  });
  table.addEventListener("click", ({ target, shiftKey }) => {
    if (target.type === "checkbox") attempt(() => toggle(target.closest("tr"), shiftKey));
  });
  onKey("c", "Compare the selected runs", () => compare.click());
  onKey("u", "Clear the selection", () => choose([]));
  if (mayWrite) onKey("Delete", "Delete the selected runs", () => document.querySelector("[data-do=delete]")?.click());
  return { show, toggle };
}
