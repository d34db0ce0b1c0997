// Completion in the filter field while typing.
import { byId, getJSON, h } from "./page.js";

const input = byId("filter");
const list = byId("options");
let place = []; // characters before and after the word that an option replaces
let chosen = -1;
let asked = 0;

/** Completes the typed text with the names that the server at `address` knows. */
export function completes(address) {
  async function complete() {
    const mine = ++asked;
    const { value, selectionStart: at } = input;
    const [typed, rest] = [value.slice(0, at), value.slice(at)];
    const { word, tail, options } = await getJSON(`${address}?${new URLSearchParams({ typed, rest })}`).catch(() => ({ options: [] }));
    if (mine !== asked || document.activeElement !== input) return;
    if (!options.length) return close();
    place = [typed.length - word.length, rest.length - tail.length];
    const before = list.children[chosen]?.textContent; // selected from the options so far
    list.replaceChildren(...options.map((text, at) => h("li", { role: "option", id: `option-${at}` }, text)));
    list.hidden = false;
    input.ariaExpanded = "true";
    choose(options.indexOf(before));
  }

  function take(at) {
    input.setRangeText(list.children[at].textContent, place[0], input.value.length - place[1], "end");
    close();
    complete();
  }

  input.addEventListener("input", complete);
  input.addEventListener("focus", () => input.value || complete());
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (list.hidden) return step && complete();
    const many = list.children.length;
    if (step) choose(chosen < 0 && step < 0 ? many - 1 : (chosen + step + many) % many);
    else if (event.key === "Escape") close();
    else if ((event.key === "Enter" || event.key === "Tab") && chosen >= 0) take(chosen);
    else return;
    event.preventDefault();
  });
  list.addEventListener("mousedown", (event) => {
    event.preventDefault(); // the field keeps the focus
    const at = [...list.children].indexOf(event.target.closest("li"));
    if (at >= 0) take(at);
  });
}

function choose(at) {
  chosen = at;
  [...list.children].forEach((option, number) => (option.ariaSelected = String(number === at)));
  list.children[at]?.scrollIntoView({ block: "nearest" });
  input.setAttribute("aria-activedescendant", at < 0 ? "" : `option-${at}`);
}

export function close() {
  asked += 1;
  list.hidden = true;
  input.ariaExpanded = "false";
  choose(-1);
}
