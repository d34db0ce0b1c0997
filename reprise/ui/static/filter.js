// The field of the filter: completion while one types, and the character that is to blame for a fault.
import { getJSON, h } from "./page.js";

const input = document.getElementById("filter");
const list = document.getElementById("options");
const fault = document.getElementById("fault");
let begin = 0;
let chosen = -1;
let asked = 0;

/** Completes what is typed with what the server at `address` knows of. */
export function completes(address) {
  input.addEventListener("input", () => complete(address));
  input.addEventListener("focus", () => input.value || complete(address));
  input.addEventListener("blur", () => setTimeout(close, 150));
  input.addEventListener("keydown", pressed);
  list.addEventListener("mousedown", (event) => {
    event.preventDefault(); // the field keeps the focus
    const at = [...list.children].indexOf(event.target.closest("li"));
    if (at >= 0) take(at, address);
  });

  function pressed(event) {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (list.hidden) return complete(address);
      event.preventDefault();
      const many = list.children.length;
      choose((chosen + (event.key === "ArrowDown" ? 1 : many - (chosen < 0 ? 0 : 1))) % many);
    } else if ((event.key === "Enter" || event.key === "Tab") && chosen >= 0 && !list.hidden) {
      event.preventDefault();
      take(chosen, address);
    } else if (event.key === "Escape" && !list.hidden) {
      event.preventDefault();
      close();
    }
  }
}

async function complete(address) {
  const mine = ++asked;
  const typed = input.value.slice(0, input.selectionStart);
  const { start, options } = await getJSON(`${address}?${new URLSearchParams({ typed })}`).catch(() => ({ options: [] }));
  if (mine !== asked || document.activeElement !== input) return;
  if (!options.length) return close();
  begin = start;
  const before = list.children[chosen]?.textContent; // chosen among what was offered so far
  list.replaceChildren(...options.map((text, at) => h("li", { role: "option", id: `option-${at}`, "aria-selected": "false" }, text)));
  list.hidden = false;
  input.setAttribute("aria-expanded", "true");
  choose(options.indexOf(before));
}

function choose(at) {
  chosen = at;
  [...list.children].forEach((option, number) => option.setAttribute("aria-selected", String(number === at)));
  list.children[at]?.scrollIntoView({ block: "nearest" });
  if (at < 0) input.removeAttribute("aria-activedescendant");
  else input.setAttribute("aria-activedescendant", `option-${at}`);
}

function take(at, address) {
  input.setRangeText(list.children[at].textContent, begin, input.selectionStart, "end");
  close();
  complete(address);
}

export function close() {
  asked += 1;
  list.hidden = true;
  chosen = -1;
  input.setAttribute("aria-expanded", "false");
  input.removeAttribute("aria-activedescendant");
}

/** Says why a filter is refused, and shows the character; nothing when `message` is undefined. */
export function blame(message, at) {
  fault.hidden = message === undefined;
  input.removeAttribute("aria-invalid");
  if (message === undefined) return fault.replaceChildren();
  input.setAttribute("aria-invalid", "true");
  const text = [...input.value]; // Python counts characters, and so do we
  const marked = h("mark", {}, text[at] ?? "␣");
  fault.replaceChildren(message, h("code", {}, text.slice(0, at).join(""), marked, text.slice(at + 1).join("")));
}
