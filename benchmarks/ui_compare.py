"""How long it takes until a comparison of many runs is on the screen, view by view.

Measured in headless Chromium, from the start of the navigation: until the first paint with contents
(*paint*), and until what the view draws itself is there (*drawn*: charts, lines of parallel coordinates).
The server is warm; the browser has the scripts in its cache after the first round, which is not counted.

    python benchmarks/ui_compare.py [--runs 100] [--rounds 7]
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from reprise.schemas.entities import Metric
from reprise.tracking.sqlite.store import EmbeddedStore

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

GOAL = 500  # milliseconds until 100 runs are compared
PARAMS = METRICS = 20
POINTS = 200  # of each metric

VIEWS = {
    "table": "table tbody tr:nth-child(5)",
    "charts": "figure .trace",
    "parallel": "#parallel .lines g",
    "scatter": "#plot .point",
    "importance": ".importance tbody tr",
}
"""The tabs, and what is there when one has been drawn."""


class Figure(NamedTuple):
    """Medians, in milliseconds."""

    view: str
    paint: float
    drawn: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="reprise-bench-") as root:
        ids = fill(Path(root) / "mlruns", args.runs)
        with serving(Path(root)) as url, chromium() as browser:
            print(f"{args.runs} runs of {PARAMS} params and {METRICS} metrics; goal: paint in {GOAL} ms")
            for figure in measure(browser, url, ids, args.rounds):
                met = "met" if figure.paint <= GOAL else "MISSED"
                print(f"{figure.view:12} paint {figure.paint:5.0f}  drawn {figure.drawn:5.0f}  {met}")


def fill(folder: Path, runs: int) -> list[str]:
    """A store of runs that were trained with different params; their ids."""
    chance = random.Random(1)
    with EmbeddedStore(folder) as store:
        return [_run(store, number, chance) for number in range(runs)]


def _run(store: EmbeddedStore, number: int, chance: random.Random) -> str:
    run = store.create_run(
        "0", start_time=1_790_000_000_000 + number, user_id="ada", run_name=f"run {number}"
    )
    params = {f"param_{at}": f"{chance.random():.4f}" for at in range(PARAMS - 1)}
    params["kind"] = chance.choice(("adam", "sgd", "rmsprop"))
    store.log_batch(run.run_id, params=params, tags={"team": "vision"})
    for at in range(METRICS):
        value = float(params["param_0"]) + chance.random() * at
        points = [
            Metric(f"metric_{at}", value / (step + 1), run.start_time + step, step)
            for step in range(POINTS)
        ]
        store.log_batch(run.run_id, metrics=points)
    store.update_run(run.run_id, status="FINISHED", end_time=run.start_time + 60_000)
    return run.run_id


def measure(browser: Browser, url: str, ids: Sequence[str], rounds: int) -> Iterator[Figure]:
    """The views of a comparison of ``ids`` by the server at ``url``."""
    page = browser.new_page(viewport={"width": 1360, "height": 860})
    for view, drawn in VIEWS.items():
        target = f"{url}/compare?runs={','.join(ids)}&tab={view}"
        taken = [_opened(page, target, drawn) for _ in range(rounds + 1)][1:]
        paints, draws = zip(*taken, strict=True)
        yield Figure(view, median(paints), median(draws))
    page.close()


def _opened(page: Page, target: str, drawn: str) -> tuple[float, float]:
    page.goto(target, wait_until="commit")
    page.locator(drawn).first.wait_for()
    at = page.evaluate("performance.now()")
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime")
    return (at if paint is None else paint), at


@contextmanager
def serving(root: Path) -> Iterator[str]:
    """``reprise ui`` over the store in ``root``; its URL."""
    environ = {**os.environ, "HOME": str(root), "REPRISE_CACHE_DIR": str(root / "cache")}
    command = [sys.executable, "-m", "reprise", "ui", "--no-browser", "--port", "0"]
    with subprocess.Popen(
        [*command, "--store", str(root / "mlruns")], stderr=subprocess.PIPE, text=True, env=environ
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if found := re.search(r"http://\S+", line):
                break
        else:
            raise SystemExit("the server did not start")
        try:
            yield found.group()
        finally:
            process.terminate()


@contextmanager
def chromium() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        program = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


if __name__ == "__main__":
    main()
