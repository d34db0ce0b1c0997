// A long table of which only some rows are there: those that one sees, and some before and after them.
import { getPage, renew } from "./page.js";

const HEIGHT = 32; // of a row, as runs.css has it
const SPARE = 25; // rows before and after those that one sees
const MOST = 15_000_000; // px: browsers do not draw elements that are much higher

/** What a row says, but for how long ago that was. */
const said = (row) => row.innerHTML.replace(/(<time data-\w+="\d+")[^>]*>[^<]*/g, "$1");

/**
 * `address(values)` is where rows come from, and `shown(rows, page)` is called when some have come, with the
 * page that brought them. All rows are `rows`, a tbody between two that take the place of those that are not there.
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

  const seen = () => (box.clientHeight - head.offsetHeight) / HEIGHT; // rows
  const isLow = () => total * HEIGHT <= MOST;
  const high = () => Math.min(total * HEIGHT, MOST);
  const ends = () => [Math.max(1, high() - seen() * HEIGHT), total - seen()]; // how far one scrolls: px, rows

  /** The row at the top, with its fraction: a table that is too high is scrolled through faster. */
  function top() {
    const [px, row] = ends();
    return isLow() ? box.scrollTop / HEIGHT : (box.scrollTop / px) * row;
  }

  /** Scrolls so that row `at` is at the top. */
  function scroll(at) {
    const [px, row] = ends();
    box.scrollTop = isLow() ? at * HEIGHT : (at / row) * px;
  }

  function place() {
    const wanted = isLow() ? start * HEIGHT : box.scrollTop - (top() - start) * HEIGHT;
    const above = Math.max(0, Math.min(wanted, high()));
    before.style.height = `${above}px`;
    after.style.height = `${Math.max(0, high() - above - rows.rows.length * HEIGHT)}px`;
  }

  const missing = () => Math.floor(top()) < start || Math.min(total, Math.ceil(top() + seen())) > start + rows.rows.length;

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
    const from = Math.max(0, Math.floor(top()) - SPARE);
    const answer = getPage(address({ start: from, count: Math.ceil(seen()) + 2 * SPARE, ...(first && { first }) }));
    first = false;
    const page = await answer;
    put(page.getElementById("rows"));
    read(page);
  }

  /** Where they are the same runs, rows that say the same stay: a click that is half done is not lost. */
  function put(fresh) {
    const before = [...rows.rows];
    const after = [...fresh.rows];
    const place = ({ dataset, ariaRowIndex }) => dataset.run + ariaRowIndex;
    if (before.map(place).join() === after.map(place).join()) {
      after.forEach((row, at) => said(before[at]) === said(row) || renew(before[at], row));
      delete rows.dataset.total; // nobody may have counted yet what is found now
      Object.assign(rows.dataset, fresh.dataset);
    } else {
      renew(rows, fresh);
      rows = fresh;
    }
  }

  function read(page) {
    start = Number(rows.dataset.start);
    total = Number(rows.dataset.total ?? Math.max(total, rows.rows.length));
    again ||= rows.dataset.total === undefined;
    place();
    shown(rows, page);
  }

  let framed = null;
  box.addEventListener("scroll", () => {
    framed ??= requestAnimationFrame(() => {
      framed = null;
      if (!isLow()) place();
      if (missing()) follow();
    });
  });
  addEventListener("resize", () => missing() && follow());

  return {
    load,
    scroll,
    top: () => Math.floor(top()),
    total: () => total,
    rows: () => rows,
    /** Shows the rows that the page came with, and asks how many there are where it does not say so. */
    begin() {
      read(document);
      if (again || missing()) follow();
    },
    /** From the top: another order, or another filter. */
    reload() {
      box.scrollTop = 0;
      first = true;
      return load();
    },
    /** Brings row number `at` into view, and resolves with it. */
    async show(at) {
      const visible = top();
      if (at < visible) scroll(at);
      else if (at + 1 > visible + seen()) scroll(at + 1 - seen());
      while (missing()) await load();
      return rows.rows[at - start] ?? null;
    },
  };
}
