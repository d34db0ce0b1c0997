"""What pages cost: `reprise ui` in Chromium, and beside it, where that can do the same, `mlflow server`.

The browser and the server are on this machine. A time is measured in the page: from the start of the
navigation, or from the click, to the frame in which the rows are drawn. Each is the median of several.

    python benchmarks/ui.py [--quick] [--save]

--quick takes less than a minute: without MLflow, and no more than 10,000 runs.
"""

from __future__ import annotations

import argparse
import os
import platform
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import ui_compare
import ui_log
from launch import found
from tracking_servers import EXPERIMENT, MLFLOW, OURS, Side

import reprise.ui

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

RESULTS = Path(__file__).resolve().parent / "results" / "ui.md"
STATIC = Path(reprise.ui.__file__).parent / "static"
MOST_SCRIPT = 100_000  # bytes of JavaScript, plotly not counted
FIRST_TABLE = {10_000: 200.0, 100_000: 500.0}  # ms, by the number of runs
COMPARED = 100
LOG_LINE = 50.0  # ms from a child's print to a reader of the page's stream
SHOWN = """(rows) => new Promise((shown) => {
  const drawn = () => requestAnimationFrame(() => setTimeout(() => shown(performance.now())));
  const look = () => (document.querySelector(rows) ? drawn() : requestAnimationFrame(look));
  look();
})"""
ACTED = """([act, until]) => new Promise((shown) => {
  const began = performance.now();
  const done = new Function(`return ${until}`);
  const drawn = () => requestAnimationFrame(() => setTimeout(() => shown(performance.now() - began)));
  const look = () => (done() ? drawn() : requestAnimationFrame(look));
  new Function(act)();
  look();
})"""


class Pages(Side):
    """A tool with its pages."""

    def command(self, folder: Path, port: int) -> list[str]:
        program, _, *options = super().command(folder, port)
        if self.name == "reprise":
            return [program, "ui", "--no-browser", *options]
        return [program, "server", *options]

    def table(self, port: int) -> tuple[str, str]:
        """The address of a table of runs, and what selects its rows."""
        if self.name == "reprise":
            return f"http://127.0.0.1:{port}/experiments/{EXPERIMENT}", "#rows tr"
        address = f"http://127.0.0.1:{port}/#/experiments/{EXPERIMENT}/runs"
        return address, ".ag-center-cols-container .ag-row"


PAGES = Pages(OURS.name, OURS.database)
THEIRS = Pages(MLFLOW.name, MLFLOW.database)


@dataclass(slots=True)
class Row:
    """One figure of both sides, less is better; ``goal`` is for reprise."""

    what: str
    unit: str = "ms"
    goal: float | None = None
    taken: dict[str, float] = field(default_factory=dict)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a look, in less than a minute")
    parser.add_argument("--save", action="store_true", help=f"write {RESULTS.name} into results/")
    args = parser.parse_args()
    rounds, sizes = (3, (10_000,)) if args.quick else (9, (10_000, 100_000))
    with_mlflow = not args.quick and shutil.which("mlflow", path=Path(sys.executable).parent)
    rows = [Row("JavaScript of ours", "kB", MOST_SCRIPT / 1000, {PAGES.name: script_size() / 1000})]
    with tempfile.TemporaryDirectory(prefix="reprise-bench-") as root, chromium() as browser:
        for count in sizes:
            first = Row(f"table of {count:,} runs, first rows drawn", goal=FIRST_TABLE[count])
            rows.append(first)
            with serving(PAGES, Path(root) / f"ours-{count}", count) as port:
                rows += measure_table(browser, port, count, rounds, first)
            if with_mlflow and count == min(sizes):
                with serving(THEIRS, Path(root) / f"theirs-{count}", count) as port:
                    times = drawn(browser, THEIRS.table(port), max(3, rounds // 3))
                    first.taken[THEIRS.name] = median(times[1:])
        rows += measure_comparison(browser, Path(root) / "compared", rounds)
    if not args.quick:
        rows += measure_log()
    text = report(rows)
    print(text)
    if args.save:
        RESULTS.write_text(text)


def measure_comparison(browser: Browser, root: Path, rounds: int) -> Iterator[Row]:
    """Each view of 100 runs: when something is seen, and when all of it is drawn (charts by plotly)."""
    root.mkdir()
    ids = ui_compare.fill(root / "mlruns", COMPARED)
    with ui_compare.serving(root) as url:
        for figure in ui_compare.measure(browser, url, ids, rounds):
            what = f"comparing {COMPARED} runs, {figure.view}"
            yield Row(f"{what}: painted", goal=ui_compare.GOAL, taken={PAGES.name: figure.paint})
            yield Row(f"{what}: drawn", taken={PAGES.name: figure.drawn})


def measure_log() -> Iterator[Row]:
    for what, taken in ui_log.log_lines().items():
        goal = LOG_LINE if what == "log line p50" else None
        yield Row(what, goal=goal, taken={PAGES.name: taken})


def script_size() -> int:
    return sum(file.stat().st_size for file in STATIC.glob("*.js"))


@contextmanager
def chromium() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        raise SystemExit("there is no Chromium on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@contextmanager
def serving(side: Pages, folder: Path, count: int) -> Iterator[int]:
    """The port of a server with so many runs that has answered nothing yet."""
    with side.serving(folder) as server:
        server.client().post("experiments/create", {"name": "bench"})
    side.fill(folder, count)
    with side.serving(folder) as server:
        yield server.port


def drawn(browser: Browser, table: tuple[str, str], rounds: int) -> Sequence[float]:
    """The times of a fresh visitor, the first of which is the first that the server ever had."""
    address, rows = table
    times = []
    for _ in range(rounds + 1):
        page = opened(browser)
        page.goto(address, wait_until="commit")
        times.append(float(page.evaluate(SHOWN, rows)))
        page.context.close()
    return times


def measure_table(browser: Browser, port: int, count: int, rounds: int, first: Row) -> Sequence[Row]:
    table = PAGES.table(port)
    times = drawn(browser, table, rounds)
    first.taken[PAGES.name] = median(times[1:])
    page = opened(browser)
    page.goto(table[0])
    page.wait_for_selector("#count:not(:empty)")
    middle = (
        "const box = document.querySelector('#box');"
        "box.scrollTop = box.scrollTop > 0 ? 0 : (box.scrollHeight - box.clientHeight) / 2;"
    )
    under = "document.elementFromPoint(400, 600)?.closest('[data-run]')"
    top = "document.querySelector('#rows a.text')?.textContent"
    head = "document.querySelector('[data-column=\"metrics.acc\"] button')"
    return [
        Row(f"the same, first page of a fresh server, {count:,} runs", taken={PAGES.name: times[0]}),
        acted(page, f"scrolling to the middle of {count:,} runs", middle, under, rounds),
        acted(
            page,
            f"sorting {count:,} runs by a metric",
            f"window.before = {top}; {head}.click();",
            f"{top} !== window.before",
            rounds,
        ),
    ]


def acted(page: Page, what: str, act: str, until: str, rounds: int) -> Row:
    times = []
    for _ in range(rounds):
        times.append(float(page.evaluate(ACTED, [act, until])))
        page.wait_for_timeout(300)
    return Row(what, taken={PAGES.name: median(times)})


def opened(browser: Browser) -> Page:
    """A page of a visitor who has nothing in the cache; ours allow no evaluated code but that of a test."""
    return browser.new_context(viewport={"width": 1360, "height": 860}, bypass_csp=True).new_page()


def report(rows: Sequence[Row]) -> str:
    both = [row for row in rows if THEIRS.name in row.taken]
    missed = [row.what for row in rows if row.goal is not None and row.taken[PAGES.name] > row.goal]
    lost = [row.what for row in both if row.taken[PAGES.name] > row.taken[THEIRS.name]]
    tools = ", ".join(f"{name} {found(name)}" for name in ("reprise-ml", "mlflow", "playwright"))
    lines = [
        "# Web UI",
        "",
        f"Made by `python {shlex.join(('benchmarks/ui.py', *sys.argv[1:]))}`.",
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f},"
        f" Python {platform.python_version()}, {tools}.",
        "",
        "Medians, of a headless Chromium without a GPU. *Times* is how many times faster reprise is.",
        "",
        "| | unit | reprise | mlflow | times | goal |",
        "|---|---|---|---|---|---|",
        *(line(row) for row in rows),
        "",
        f"Lost against MLflow: {', '.join(lost) or 'nothing'}.",
        f"Goals missed: {', '.join(missed) or 'none'}.",
    ]
    return "\n".join(lines) + "\n"


def line(row: Row) -> str:
    ours, theirs = row.taken[PAGES.name], row.taken.get(THEIRS.name)
    beside = ("", "") if theirs is None else (f"{theirs:,.0f}", f"{theirs / ours:.1f}")
    goal = "" if row.goal is None else f"{row.goal:g}: {'reached' if ours <= row.goal else 'MISSED'}"
    digits = 0 if ours >= 10 else 1
    return f"| {row.what} | {row.unit} | {ours:,.{digits}f} | {' | '.join(beside)} | {goal} |"


if __name__ == "__main__":
    main()
