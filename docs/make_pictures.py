"""Make the pictures of the web UI that the documents show: sample runs, ``reprise ui``, and Chromium.

.venv/bin/python docs/make_pictures.py
"""

from __future__ import annotations

import math
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

from playwright.sync_api import Browser, sync_playwright  # noqa: E402
from reprise.tracking.embedded import EmbeddedStore  # noqa: E402

from reprise.schemas import tags  # noqa: E402
from reprise.schemas.entities import Metric  # noqa: E402
from tests.ui.conftest import serving  # noqa: E402
from tests.ui.sample import Sample, make_sample  # noqa: E402

PICTURES = REPOSITORY / "docs" / "pictures"
SIZE = {"width": 1280, "height": 760}


def main() -> None:
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        raise SystemExit("no chromium is on PATH")
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        sample = make_sample(Path(folder))
        experiment, compared = add_search(sample)
        views = {
            "runs": (f"/experiments/{experiment}?sort=-metrics.accuracy", "light"),
            "compare": (f"/compare?runs={','.join(compared)}&tab=parallel", "light"),
            "metrics": (f"/compare?runs={','.join(compared[:6])}&tab=charts", "dark"),
            "provenance": (f"/runs/{sample.dirty.run_id}/provenance", "dark"),
            "run": (f"/runs/{sample.runs[-2].run_id}", "light"),
        }
        with serving(sample.store, Path(folder) / "home") as url, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
            for name, (path, theme) in views.items():
                take(browser, f"{url}{path}", theme, PICTURES / f"{name}.png")
            browser.close()


def add_search(sample: Sample) -> tuple[str, list[str]]:
    """An experiment with a search over two parameters; its id, and the finished runs of the search."""
    draw = random.Random(7)
    now = int(time.time() * 1000)
    with EmbeddedStore(sample.store) as store:
        experiment = store.create_experiment("petals")
        runs = []
        for number in range(40):
            rate, depth = round(10 ** draw.uniform(-3, -0.5), 4), draw.randint(2, 9)
            kind = draw.choice(("boost", "forest", "net"))
            start = now - (41 - number) * 1_700_000
            name = f"{kind}-{number:02}"
            run = store.create_run(
                experiment,
                start_time=start,
                user_id=draw.choice(("ada", "grace")),
                run_name=name,
                tags=TAGS,
            ).run_id
            best = 0.97 - 0.06 * abs(math.log10(rate) + 1.7) - 0.012 * abs(depth - 6) + draw.gauss(0, 0.005)
            points = [
                Metric(
                    "loss",
                    (1 - best) * 4 * math.exp(-step / 9) + (1 - best) + draw.gauss(0, 0.004),
                    start,
                    step,
                )
                for step in range(40)
            ]
            params = {"rate": str(rate), "depth": str(depth), "kind": kind}
            store.log_batch(run, metrics=[*points, Metric("accuracy", best, start)], params=params)
            if number == 39:
                continue  # goes on
            failed = number in (11, 23)
            store.update_run(
                run, status="FAILED" if failed else "FINISHED", end_time=start + 60_000 + 9_000 * depth
            )
            if not failed:
                runs.append(run)
        return experiment, runs


TAGS = {
    tags.SOURCE_NAME: "https://git.example.org/team/petals.git",
    tags.GIT_COMMIT: "3ca07348d1c34f7e2b6a90b1f0d7c8e95a4b6c2d",
    tags.ENTRY_POINT: "main",
}


def take(browser: Browser, url: str, theme: str, target: Path) -> None:
    page = browser.new_page(viewport=SIZE, color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]
    page.goto(url, wait_until="load")
    page.wait_for_timeout(2500)  # charts are drawn when they are seen
    page.screenshot(path=target)
    page.close()
    print(f"Made {target.relative_to(REPOSITORY)}")


if __name__ == "__main__":
    main()
