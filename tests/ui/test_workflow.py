"""The whole way of a day of work: from the list of experiments to a run that was done again."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.ui.conftest import Opened, Serve, follow, keep_picture
from tests.ui.sample import Sample, make_sample

if TYPE_CHECKING:
    from playwright.sync_api import Page


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_from_a_choice_of_experiments_to_a_run_done_again(
    tmp_path: Path, serve: Serve, opened: Opened, theme: str
) -> None:
    sample = make_sample(tmp_path)
    url = serve(sample.store)
    page = opened(f"{url}/experiments", theme=theme, permissions=["clipboard-read", "clipboard-write"])
    follow(page.get_by_role("link", name="flowers", exact=True))
    find_the_best(page, sample)
    look_at_a_run(page, theme)
    compare_with_its_rivals(page, sample, theme)
    command = copied_command(page, sample)

    assert perform(command, tmp_path) == 0
    page.reload()
    page.get_by_role("region", name="Verdicts").get_by_text("identical").first.wait_for()
    keep_picture(page, f"workflow-verdict-{theme}")


def find_the_best(page: Page, sample: Sample) -> None:
    """By a filter that is refused at its character, completed and mended; then by the order of a metric."""
    field = page.get_by_role("combobox", name="Filter")
    field.fill("metrics.accuracy = 'high'")
    field.press("Enter")
    page.locator("#fault mark", has_text="=").wait_for()
    field.fill("")
    field.press_sequentially("metrics.acc")
    page.get_by_role("option", name="metrics.accuracy").wait_for()
    field.press("ArrowDown")
    field.press("Tab")
    field.press_sequentially(" > 0.5")
    field.press("Enter")
    page.get_by_text("12 runs").wait_for()
    page.get_by_role("button", name="accuracy", exact=True).click()
    first = page.locator("#rows tr:first-child", has_text=sample.runs[-1].run_name)
    follow(first.get_by_role("link").first)
    page.get_by_role("heading", name=sample.runs[-1].run_name).wait_for()


def look_at_a_run(page: Page, theme: str) -> None:
    """Its chart, its log, an artifact; and a note of what was seen."""
    parts = page.get_by_role("navigation", name="Parts of the run")
    follow(parts.get_by_role("link", name="Metrics"))
    page.get_by_role("img", name="loss: 20 points").wait_for()
    keep_picture(page, f"workflow-chart-{theme}")
    follow(parts.get_by_role("link", name="Log"))
    page.get_by_text("loaded 150 flowers").wait_for()
    follow(parts.get_by_role("link", name="Artifacts"))
    page.get_by_role("treeitem", name="notes.md").get_by_role("link").click()
    page.get_by_role("region", name="Selected file").get_by_text("plain").wait_for()
    follow(parts.get_by_role("link", name="Overview"))
    page.get_by_role("button", name="Write a note").click()
    page.get_by_label("Note in Markdown").fill("the **deepest** so far")
    page.get_by_role("button", name="Save").click()
    page.locator("#note strong", has_text="deepest").wait_for()


def compare_with_its_rivals(page: Page, sample: Sample, theme: str) -> None:
    """All that the filter finds, which the way back has kept; and which param mattered."""
    page.goto(
        f"{page.url.partition('/runs/')[0]}/experiments/{sample.experiment_id}?filter=metrics.accuracy+>+0.5"
    )
    page.locator("#rows").get_by_role("checkbox").first.check()
    page.get_by_role("button", name="Select all matching").click()
    page.get_by_text("12 selected").wait_for()
    with page.expect_navigation():
        page.keyboard.press("c")
    page.get_by_role("heading", name="Compare 12 runs").wait_for()
    follow(page.get_by_role("link", name="Importance"))
    page.get_by_role("rowheader", name="depth").wait_for()
    keep_picture(page, f"workflow-importance-{theme}")


def copied_command(page: Page, sample: Sample) -> str:
    """What somebody has copied on the provenance of the best run, to perform it again."""
    follow(page.get_by_role("link", name=sample.runs[-1].run_name, exact=True).first)
    follow(page.get_by_role("link", name="Provenance"))
    page.get_by_role("button", name="Copy: The same once more").click()
    page.get_by_text("Copied", exact=True).wait_for()
    return str(page.evaluate("navigator.clipboard.readText()"))


def perform(command: str, folder: Path) -> int:
    """The exit code of a command as a page tells it, in a terminal of somebody who is in ``folder``."""
    program, *arguments = shlex.split(command)
    assert program == "reprise"
    home = folder / "home"
    environ = {**os.environ, "HOME": str(home), "REPRISE_CACHE_DIR": str(home / "cache")}
    environ["REPRISE_STATE_DIR"] = str(home / "state")
    return subprocess.run([sys.executable, "-m", "reprise", *arguments], cwd=folder, env=environ).returncode
