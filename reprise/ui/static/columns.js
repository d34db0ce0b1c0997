// The dialog that selects and orders the columns of the table.
import { dialog, getJSON, h, holds } from "./page.js";

const SHOWN = 300; // columns in the list: the search finds more

/** Resolves with the ids of the selected columns, or null if the dialog was cancelled. */
export async function chooseColumns(address, before) {
  const all = new Map((await getJSON(address)).map((one) => [one.id, one]));
  let chosen = [...before];
  const search = h("input", { type: "search", placeholder: "Search", "aria-label": "Search columns", oninput: draw });
  const left = h("ul", { "aria-label": "All columns", tabindex: "0" });
  const right = h("ol", { "aria-label": "Selected columns", tabindex: "0" });
  const titled = (id) => all.get(id)?.title ?? id;
  const named = (id) => h("span", { class: "cut", title: id }, titled(id), " ", h("span", { class: "quiet" }, all.get(id)?.kind));

  function draw() {
    const found = [...all.keys()].filter((id) => holds(`${id}\n${titled(id)}`, search.value));
    const more = found.length - SHOWN;
    left.replaceChildren(
      ...found.slice(0, SHOWN).map((id) => h("li", {}, h("label", {}, box(id), named(id)))),
      more > 0 ? h("li", { class: "quiet" }, `${more} more`) : "",
    );
    right.replaceChildren(...chosen.map((id, at) => h("li", {}, named(id), mover(id, at, -1, "↑", "up"), mover(id, at, 1, "↓", "down"))));
  }

  function box(id) {
    const change = ({ target }) => {
      chosen = target.checked ? [...chosen, id] : chosen.filter((one) => one !== id);
      draw();
      left.querySelector(`input[value="${CSS.escape(id)}"]`)?.focus();
    };
    return h("input", { type: "checkbox", value: id, checked: chosen.includes(id), onchange: change });
  }

  function mover(id, at, by, sign, word) {
    const move = () => {
      chosen.splice(at, 1);
      chosen.splice(at + by, 0, id);
      draw();
      right.children[at + by].querySelector(`[data-by="${by}"]:enabled`)?.focus();
    };
    const disabled = !(at + by in chosen);
    return h("button", { type: "button", "data-by": by, disabled, "aria-label": `Move ${titled(id)} ${word}`, onclick: move }, sign);
  }

  draw();
  const content = h("div", { class: "columns" }, h("div", {}, h("p", {}, search), left), h("div", {}, h("p", {}, "Shown, from left to right"), right));
  const answer = await dialog("Columns", content, [["Show", "primary", "yes"], ["Reset", "", "first"], ["Cancel", "", null]]);
  return { yes: chosen, first: [] }[answer] ?? null;
}
