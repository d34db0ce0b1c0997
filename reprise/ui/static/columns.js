// The dialog in which the columns of the table are chosen and put into an order.
import { dialog, getJSON, h } from "./page.js";

const SHOWN = 300; // choices in the list: more are found by the search

/** Resolves with the ids of the chosen columns, or null when nothing was to change. */
export async function chooseColumns(address, before) {
  const all = await getJSON(address);
  const titles = new Map(all.map((one) => [one.id, one]));
  let chosen = [...before];
  const search = h("input", { type: "search", placeholder: "Search", "aria-label": "Search columns", oninput: draw });
  const left = h("ul", { "aria-label": "All columns", tabindex: "0" });
  const right = h("ol", { "aria-label": "Chosen columns", tabindex: "0" });

  const named = (id) => h("span", { class: "cut", title: id }, titles.get(id)?.title ?? id, " ", h("span", { class: "quiet" }, titles.get(id)?.kind));

  function draw() {
    const word = search.value.toLowerCase();
    const found = all.filter((one) => one.id.toLowerCase().includes(word) || one.title.toLowerCase().includes(word));
    left.replaceChildren(
      ...found.slice(0, SHOWN).map(({ id }) => h("li", {}, h("label", {}, box(id), named(id)))),
      found.length > SHOWN ? h("li", { class: "quiet" }, `${found.length - SHOWN} more`) : "",
    );
    right.replaceChildren(...chosen.map((id, at) => h("li", {}, named(id), mover(at, -1, "↑", "up"), mover(at, 1, "↓", "down"))));
  }

  function box(id) {
    const change = (event) => {
      chosen = event.target.checked ? [...chosen, id] : chosen.filter((one) => one !== id);
      draw();
      left.querySelector(`input[value="${CSS.escape(id)}"]`)?.focus();
    };
    const element = h("input", { type: "checkbox", value: id, onchange: change });
    element.checked = chosen.includes(id);
    return element;
  }

  function mover(at, by, sign, word) {
    const move = () => {
      const [id] = chosen.splice(at, 1);
      chosen.splice(at + by, 0, id);
      draw();
      right.children[at + by].querySelector(`[data-by="${by}"]:enabled`)?.focus();
    };
    return h("button", { type: "button", "data-by": by, disabled: at + by < 0 || at + by >= chosen.length, "aria-label": `Move ${titles.get(chosen[at])?.title ?? chosen[at]} ${word}`, onclick: move }, sign);
  }

  draw();
  const content = h("div", { class: "columns" }, h("div", {}, h("p", {}, search), left), h("div", {}, h("p", {}, "Shown, from left to right"), right));
  const answer = await dialog("Columns", content, [["Show", "primary", "yes"], ["As at first", "", "first"], ["Cancel", "", null]]);
  return answer === "yes" ? chosen : answer === "first" ? [] : null;
}
