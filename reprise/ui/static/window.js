// A long table with only some rows in the page: the visible ones, and some before and after them.
import { getPage, renew } from "./page.js";

const HEIGHT = 32; // of a row, as runs.css has it
const SPARE = 25; // rows before and after the visible ones
const MOST = 15_000_000; // px: browsers do not draw much higher elements

/** Returns the content of a row without relative times. */
const said = (row) => row.innerHTML.replace(/(<time data-\w+="\d+")[^>]*>[^<]*/g, "$1");

/**
 * `address(values)` returns the address of rows; `shown(rows, page)` is called with new rows and their page.
 * `rows` is a tbody between two others that fill the space of the missing rows.
 */
export function windowed(box, address, shown) {
  const [before, after] = [...box.querySelectorAll(".space td")];
  const head = box.querySelector("thead");
  let rows = box.querySelector("#rows");
  let total = 0; // if known
  let start = 0;
  let asked = null; // the pending answer
  let again = false;
  let first = false; // the next answer may omit the total

  const seen = () => (box.clientHeight - head.offsetHeight) / HEIGHT; // rows
  const isLow = () => total * HEIGHT <= MOST;
  const high = () => Math.min(total * HEIGHT, MOST);
  const ends = () => [Math.max(1, high() - seen() * HEIGHT), total - seen()]; // scroll range: px, rows

  /** Returns the row at the top, with its fraction: a table that is too high scrolls faster. */
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

  /** Requests the visible rows, one request at a time, so that fast scrolling only requests the last place. */
  function load() {
    again = asked !== null;
    asked ??= ask()
      .finally(() => (asked = null))
      .then(() => (again || missing()) && setTimeout(follow));
    return asked;
  }

  const follow = () => load().catch(() => {}); // the server is unreachable: keep the rows

  async function ask() {
    const from = Math.max(0, Math.floor(top()) - SPARE);
    const answer = getPage(address({ start: from, count: Math.ceil(seen()) + 2 * SPARE, ...(first && { first }) }));
    first = false;
    const page = await answer;
    put(page.getElementById("rows"));
    read(page);
  }

  /** Keeps unchanged rows of the same runs, so that a click in progress is not lost. */
  function put(fresh) {
    const before = [...rows.rows];
    const after = [...fresh.rows];
    const place = ({ dataset, ariaRowIndex }) => dataset.run + ariaRowIndex;
    if (before.map(place).join() === after.map(place).join()) {
      after.forEach((row, at) => said(before[at]) === said(row) || renew(before[at], row));
      delete rows.dataset.total; // the new result may not be counted yet
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
    /** Shows the rows of the page, and requests the total if it is missing. */
    begin() {
      read(document);
      if (again || missing()) follow();
    },
    /** Starts from the top: a new order or filter. */
    reload() {
      box.scrollTop = 0;
      first = true;
      return load();
    },
    /** Scrolls row number `at` into view, and resolves with it. */
    async show(at) {
      const visible = top();
      if (at < visible) scroll(at);
      else if (at + 1 > visible + seen()) scroll(at + 1 - seen());
      while (missing()) await load();
      return rows.rows[at - start] ?? null;
    },
  };
}
