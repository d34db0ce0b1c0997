// A long table of which only some rows are there: those that one sees, and some before and after them.
import { getHTML } from "./page.js";

const HEIGHT = 32; // of a row, as runs.css has it
const SPARE = 25; // rows before and after those that one sees
const MOST = 15_000_000; // px: browsers do not draw elements that are much higher

/**
 * `address(values)` is where rows come from, and `shown(body)` is called when some have come. All rows
 * are `rows`, a tbody between two that take the place of those that are not there.
 */
export function windowed(box, address, shown) {
  const [before, after] = [...box.querySelectorAll(".space td")];
  const head = box.querySelector("thead");
  let rows = box.querySelector("#rows");
  let total = 0; // as far as it is known
  let start = 0;
  let asked = null; // the answer that is under way
  let again = false;
  let first = false; // the next answer may be without the total

  const view = () => box.clientHeight - head.offsetHeight;
  const high = () => Math.min(total * HEIGHT, MOST);

  /** The row at the top, with its fraction: a table that is too high is scrolled through faster. */
  function top() {
    if (total * HEIGHT <= MOST) return box.scrollTop / HEIGHT;
    return (box.scrollTop / Math.max(1, high() - view())) * (total - view() / HEIGHT);
  }

  /** How far one has scrolled when row `at` is at the top. */
  function offset(at) {
    if (total * HEIGHT <= MOST) return at * HEIGHT;
    return (at / (total - view() / HEIGHT)) * (high() - view());
  }

  function place() {
    const wanted = total * HEIGHT <= MOST ? start * HEIGHT : box.scrollTop - (top() - start) * HEIGHT;
    const above = Math.max(0, Math.min(wanted, high()));
    before.style.height = `${above}px`;
    after.style.height = `${Math.max(0, high() - above - rows.rows.length * HEIGHT)}px`;
  }

  function missing() {
    const from = Math.max(0, Math.floor(top()));
    const last = Math.min(total, Math.ceil(top() + view() / HEIGHT));
    return from < start || last > start + rows.rows.length;
  }

  /** Asks for what one sees, one answer at a time, so that fast scrolling asks for the last place only. */
  function load() {
    again = asked !== null;
    asked ??= ask()
      .finally(() => (asked = null))
      .then(() => (again || missing()) && setTimeout(follow));
    return asked;
  }

  const follow = () => load().catch(() => {}); // the server is away: what is there stays

  async function ask() {
    const count = Math.ceil(view() / HEIGHT) + 2 * SPARE;
    const from = Math.max(0, Math.floor(top()) - SPARE);
    const template = document.createElement("template");
    const answer = getHTML(address({ start: from, count, ...(first && { first }) }));
    first = false;
    template.innerHTML = `<table>${await answer}</table>`;
    put(template.content.querySelector("tbody"));
  }

  function put(body) {
    const focused = rows.contains(document.activeElement) ? document.activeElement : null;
    const kept = focused?.closest("tr").dataset.run;
    const which = focused ? focused.closest("tr").querySelectorAll("a, button, input") : [];
    const at = [...which].indexOf(focused);
    rows.replaceWith(body);
    rows = body;
    read();
    const row = kept && rows.querySelector(`[data-run="${CSS.escape(kept)}"]`);
    if (row) (row.querySelectorAll("a, button, input")[at] ?? row).focus({ preventScroll: true });
  }

  function read() {
    start = Number(rows.dataset.start);
    total = Number(rows.dataset.total ?? Math.max(total, rows.rows.length));
    again ||= rows.dataset.total === undefined;
    place();
    shown(rows);
  }

  let framed = false;
  box.addEventListener("scroll", () => {
    if (framed) return;
    framed = true;
    requestAnimationFrame(() => {
      framed = false;
      if (total * HEIGHT > MOST) place();
      if (missing()) follow();
    });
  });
  addEventListener("resize", () => missing() && follow());

  return {
    load,
    /** Shows the rows that the page came with, and asks how many there are where it does not say so. */
    begin() {
      read();
      if (again || missing()) follow();
    },
    /** From the top: another order, or another filter. */
    reload() {
      box.scrollTop = 0;
      first = true;
      return load();
    },
    get top() {
      return Math.floor(top());
    },
    get total() {
      return total;
    },
    get rows() {
      return rows;
    },
    /** Puts row number `at` to the top. */
    scroll(at) {
      box.scrollTop = offset(at);
    },
    /** Brings row number `at` into view, and resolves with it. */
    async show(at) {
      const visible = top();
      if (at < visible) box.scrollTop = offset(at);
      else if (at + 1 > visible + view() / HEIGHT) box.scrollTop = offset(at + 1 - view() / HEIGHT);
      while (missing()) await load();
      return rows.rows[at - start] ?? null;
    },
  };
}
