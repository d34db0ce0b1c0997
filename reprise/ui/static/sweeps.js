// Sweeps: the metric that decides which run is best is in the address; the rest follows the store.
import { attempt, byId, getPage, inOrder, keepUp, root, setQuery, tellTimes } from "./page.js";

const place = byId("sweeps");

/** Replaces the changed parts; keeps controls in use. */
function renew(fresh) {
  tellTimes(fresh);
  const parts = [...fresh.querySelectorAll("[data-part]")];
  const olds = parts.map((part) => byId(part.id));
  if (olds.includes(null) || parts.length !== place.querySelectorAll("[data-part]").length) {
    place.replaceChildren(...fresh.childNodes);
    return;
  }
  parts.forEach((part, at) => olds[at].isEqualNode(part) || olds[at].replaceWith(part));
}

const now = inOrder(() => getPage(`${root}/sweeps/now${location.search}`));

async function refresh() {
  const fresh = await now();
  if (!fresh) return;
  const focused = document.activeElement.id;
  renew(fresh.body);
  if (focused) byId(focused)?.focus();
}

place.addEventListener("change", ({ target }) => {
  setQuery({ [target.dataset.query]: target.value });
  attempt(refresh);
});
keepUp(refresh, 1000);
