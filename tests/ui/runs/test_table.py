"""The table of runs."""

from __future__ import annotations

import json
import math
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from reprise.schemas.entities import Metric, ModelLink
from reprise.tracking.sqlite.store import EmbeddedStore
from reprise.ui.runs.table import FIRST
from tests.conftest import eventually
from tests.ui.asking import asking
from tests.ui.conftest import Opened, Serve, accessible, follow, keep_picture
from tests.ui.sample import HOSTILE, SHOWN, Sample

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page, Route

MANY = 5000
VIEW = "loss < 0.1 🎉 a//b"  # no key of a tag may be called so


def fill(store: Path, count: int) -> None:
    """Runs ``run-1`` ... of the first experiment, each with a metric ``n``; the last is the newest."""
    with EmbeddedStore(store) as opened:
        opened.get_experiment("0")
    numbers = range(1, count + 1)
    with closing(sqlite3.connect(store / "reprise.db")) as connection, connection:
        connection.executemany(
            "INSERT INTO run (id, run_id, experiment, name, user_id, status, start_time, end_time,"
            " artifact_uri, lifecycle_stage) VALUES (?, ?, 0, ?, 'ada', 'FINISHED', ?, ?, '', 'active')",
            ((n, f"{n:032x}", f"run-{n}", n, n + n % 7) for n in numbers),
        )
        connection.executemany(
            "INSERT INTO series (run, key, value, timestamp, step) VALUES (?, 'n', ?, 0, 0)",
            ((n, float((n * 7919) % count)) for n in numbers),
        )


def names(page: Page) -> list[str]:
    """The names of the runs that are there, from the top."""
    return page.locator("#rows a.text").all_inner_texts()


def row(page: Page, name: str) -> Locator:
    return page.locator("#rows tr").filter(has=page.get_by_role("link", name=name, exact=True))


# --- without a browser ------------------------------------------------------------------------------


def test_the_first_rows_come_with_the_page(tmp_path: Path) -> None:
    fill(tmp_path / "mlruns", 200)
    with EmbeddedStore(tmp_path / "mlruns") as store:
        text = asking(store)("/experiments/0?sort=name").text
    assert text.count("<tr data-run=") == FIRST
    assert "data-total" not in text  # nobody counted yet


def test_rows_beyond_the_end_are_the_last_ones(tmp_path: Path) -> None:
    fill(tmp_path / "mlruns", 200)
    with EmbeddedStore(tmp_path / "mlruns") as store:
        text = asking(store)("/experiments/0/rows?start=99999&count=10").text
        assert 'data-start="190" data-total="200"' in text
        assert ">run-1<" in text
        assert asking(store)("/experiments/0/rows?start=x").status_code == 400


def test_runs_are_sorted_and_found_by_their_duration(tmp_path: Path) -> None:
    fill(tmp_path / "mlruns", 8)  # run-6 took 6 ms, run-7 none
    with EmbeddedStore(tmp_path / "mlruns") as store:
        store.create_run("0", start_time=1, user_id="", run_name="goes on")
        text = asking(store)("/experiments/0/rows?sort=-duration&filter=duration+>%3D+0").text
    assert re.findall(r">(run-\d|goes on)<", text) == [f"run-{n}" for n in (6, 5, 4, 3, 2, 8, 1, 7)]


def test_runs_are_sorted_and_found_by_their_models(tmp_path: Path) -> None:
    fill(tmp_path / "mlruns", 6)
    with EmbeddedStore(tmp_path / "mlruns") as store:
        for model, runs in {"iris": (4, 2), "churn": (2, 5)}.items():
            store.create_registered_model(model)
            for n in runs:
                store.create_model_version(model, source="s", run_id=f"{n:032x}")
        for n, count in ((1, 2), (3, 1)):
            links = [ModelLink(f"m-{n}-{one}") for one in range(count)]
            store.log_outputs(f"{n:032x}", links)
        ask = asking(store)
        for sort, order in (("models", "315246"), ("-models", "452136")):
            text = ask(f"/experiments/0/rows?sort={sort}&columns=models").text
            assert re.findall(r">run-(\d)<", text) == list(order)
        text = ask("/experiments/0/rows?sort=models&filter=models+%3D+'churn'&columns=models").text
        assert re.findall(r">run-(\d)<", text) == ["5", "2"]
        assert re.findall(r">(\w+ v\d)<", text) == ["churn v2", "churn v1", "iris v2"]
        head = ask("/experiments/0?columns=models").text.partition('data-column="models"')[2]
        assert head.partition("</th>")[0].count("<button") == 1


def test_what_a_plain_client_logged_breaks_nothing(tmp_path: Path) -> None:
    """No record, no tags, values that are no numbers, thousands of params."""
    with EmbeddedStore(tmp_path / "mlruns") as store:
        run = store.create_run("0", start_time=2**62, user_id="", run_name=HOSTILE[:250])
        params = {f"p{n}": HOSTILE + "y" * 10_000 for n in range(300)}
        points = [
            Metric(f"m{n}", value, 1) for n, value in enumerate((math.nan, math.inf, -math.inf, 1e308))
        ]
        store.log_batch(run.run_id, metrics=points, params=params)
        ask = asking(store)
        page = ask("/experiments/0")
        shown = ask("/experiments/0?" + "&".join(f"columns=params.{name}" for name in params))
    assert page.status_code == shown.status_code == 200
    assert "at most 200 columns: 100 more columns left out" in shown.text
    assert "<script>document" not in page.text + shown.text
    assert ">NaN<" in page.text
    assert len(page.text) < 30_000


def test_exports_have_what_the_filter_finds(tmp_path: Path) -> None:
    fill(tmp_path / "mlruns", 1200)
    with EmbeddedStore(tmp_path / "mlruns") as store:
        ask = asking(store)
        text = ask("/experiments/0/export.csv?filter=metrics.n+<+1100&columns=metrics.n&sort=metrics.n")
        whole = ask("/experiments/0/export.json?filter=metrics.n+<+1100")
        assert ask("/experiments/0/export.xml").status_code == 404
    lines = text.text.splitlines()
    assert len(lines) == 1101
    assert lines[0].endswith(",metrics.n")
    assert lines[1].endswith(",0.0")
    assert "attachment" in text.headers["content-disposition"]
    assert len(json.loads(whole.text)) == 1100


def test_a_range_is_what_lies_between_two_runs(tmp_path: Path) -> None:
    fill(tmp_path / "mlruns", 20)
    with EmbeddedStore(tmp_path / "mlruns") as store:
        ask = asking(store)
        ends = f"from={3:032x}&to={6:032x}"
        assert ask(f"/experiments/0/ids?{ends}").json() == [f"{n:032x}" for n in (6, 5, 4, 3)]
        assert ask(f"/experiments/0/ids?{ends}&sort=created").json() == [f"{n:032x}" for n in (3, 4, 5, 6)]
        store.delete_run(f"{3:032x}")  # it has no row any more
        assert ask(f"/experiments/0/ids?{ends}").json() == [f"{6:032x}"]
        assert len(ask("/experiments/0/ids").json()) == 19


def test_one_who_only_reads_is_offered_no_change(tmp_path: Path) -> None:
    fill(tmp_path / "mlruns", 3)
    with EmbeddedStore(tmp_path / "mlruns") as store:
        store.set_experiment_tag("0", "reprise.view.mine", "sort=metrics.n")
        ask = asking(store)
        for path in ("/experiments", "/experiments/0?columns=tags.team", "/experiments/0?view=deleted"):
            text = ask(path).text
            for word in (
                ">Delete<",
                ">Restore<",
                ">Set a tag<",
                ">Rename<",
                ">Save this view<",
                ">New experiment<",
            ):
                assert word not in text, (path, word)
            assert "data-tag=" not in text


# --- in a browser ---------------------------------------------------------------------------------------


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_from_an_experiment_to_the_best_run(sample: Sample, opened: Opened, theme: str) -> None:
    page = opened(f"{sample.url}/experiments/{sample.experiment_id}", theme=theme)
    page.get_by_text("14 runs").wait_for()
    assert len(names(page)) == 8  # six are folded
    verdict = row(page, sample.again.run_name).locator("td").filter(has_text="identical")
    verdict.get_by_role("link").wait_for()
    row(page, sample.dirty.run_name).get_by_text("±").wait_for()
    accessible(page)
    keep_picture(page, f"runs-{theme}")

    page.get_by_role("button", name="Runs nested in search for a depth").click()
    row(page, "trial 3").wait_for()
    expect(page).to_have_url(re.compile("open="))
    page.get_by_role("button", name="accuracy").click()
    header = page.get_by_role("columnheader", name="accuracy")
    trials = page.locator("#rows a.text", has_text="trial")
    expect(trials).to_have_text([f"trial {n}" for n in (5, 4, 3, 2, 1, 0)])
    assert names(page)[0] == sample.runs[-1].run_name
    assert header.get_attribute("aria-sort") == "descending"

    page.get_by_role("button", name="finished").click()
    page.get_by_text("12 runs").wait_for()
    assert page.get_by_label("Filter", exact=True).input_value() == "status = 'FINISHED'"
    page.reload()
    page.get_by_text("12 runs").wait_for()
    assert names(page)[0] == sample.runs[-1].run_name
    best, rival = (
        row(page, run.run_name).get_by_role("checkbox") for run in (sample.runs[-1], sample.runs[0])
    )
    best.check()
    rival.check()
    page.get_by_text("2 selected").wait_for()
    accessible(page)
    target = page.get_by_role("link", name="Compare", exact=True).get_attribute("href")
    assert target == f"/compare?runs={sample.runs[-1].run_id},{sample.runs[0].run_id}"
    page.get_by_role("link", name=sample.runs[-1].run_name, exact=True).click()
    page.wait_for_url(f"**/runs/{sample.runs[-1].run_id}")
    page.go_back()  # to add a rival, perhaps
    page.get_by_text("2 selected").wait_for()
    expect(best).to_be_checked()


@pytest.mark.browser
def test_a_filter_is_completed_and_a_wrong_one_is_marked(sample: Sample, opened: Opened) -> None:
    page = opened(f"{sample.url}/experiments/{sample.experiment_id}")
    field = page.get_by_role("combobox", name="Filter")
    field.press_sequentially("params.k")
    page.locator("#options li:only-child", has_text="params.kind").wait_for()
    field.press("ArrowDown")
    field.press("Enter")
    field.press_sequentially(" = 't")
    page.locator("#options li:only-child", has_text="'tree'").wait_for()
    field.press("ArrowDown")
    field.press("Tab")
    field.press("Enter")
    page.get_by_text("1 run", exact=True).wait_for()
    assert field.input_value().strip() == "params.kind = 'tree'"

    field.fill("🌸 = 'x' OR y")
    field.press("Enter")
    page.get_by_role("alert").wait_for()
    field.fill("status = 'x' OR user_id = 'y'")
    field.press("Enter")
    page.get_by_text("joined by AND only").wait_for()
    assert page.locator("#fault code").inner_text() == "status = 'x' OR user_id = 'y'"
    assert page.locator("#fault mark").inner_text() == "O"
    accessible(page)
    keep_picture(page, "runs-fault")
    field.fill("")
    field.press("Enter")
    page.get_by_text("14 runs").wait_for()


@pytest.mark.browser
def test_a_filter_is_asked_for_before_the_scripts_are_there(sample: Sample, opened: Opened) -> None:
    page = opened(f"{sample.url}/experiments/{sample.experiment_id}", java_script_enabled=False)
    field = page.get_by_role("combobox", name="Filter")
    field.fill("metrics.accuracy = 'high'")
    field.press("Enter")
    page.locator("#fault mark", has_text="=").wait_for()
    field.fill("params.kind = 'tree'")
    field.press("Enter")
    page.wait_for_url("**filter=params.kind*")
    assert len(names(page)) == 1


@pytest.mark.browser
def test_the_middle_of_a_filter_is_completed(sample: Sample, opened: Opened) -> None:
    from playwright.sync_api import expect

    page = opened(f"{sample.url}/experiments/{sample.experiment_id}")
    field = page.get_by_role("combobox", name="Filter")
    field.focus()
    page.locator("#options li").first.wait_for()
    field.press("Tab")  # past the list of what can come next
    expect(page.get_by_role("button", name="Filter", exact=True)).to_be_focused()
    field.fill("tags.team = '🌸' AND params.ki = 'tree'")
    field.press("End")
    for _ in "i = 'tree'":
        field.press("ArrowLeft")
    field.press("Delete")
    page.locator("#options li:only-child", has_text="params.kind").wait_for()
    field.press("Home")  # and still it is that word which is completed
    field.press("ArrowDown")
    field.press("Enter")
    expect(field).to_have_value("tags.team = '🌸' AND params.kind = 'tree'")


@pytest.mark.browser
def test_hostile_names_are_text(sample: Sample, opened: Opened) -> None:
    page = opened(f"{sample.url}/experiments/{sample.experiment_id}?columns=tags.team&columns=params.text")
    cells = row(page, SHOWN[:205]).get_by_text("<script>document")
    cells.first.wait_for()
    assert cells.count() == 3
    boxes = [one.bounding_box() for one in page.locator("#rows tr").all()]
    assert {box["height"] for box in boxes if box} == {32}
    assert page.title() == "flowers · reprise"


@pytest.mark.browser
def test_thousands_of_runs_are_scrolled_through(tmp_path: Path, serve: Serve, opened: Opened) -> None:
    fill(tmp_path / "mlruns", MANY)
    page = opened(f"{serve(tmp_path / 'mlruns')}/experiments/0")
    page.get_by_text("5,000 runs").wait_for()
    assert names(page)[0] == f"run-{MANY}"
    box = page.locator("#box")
    assert box.evaluate("box => box.scrollHeight") == (MANY + 1) * 32
    box.evaluate("box => (box.scrollTop = 2500 * 32)")
    row(page, "run-2500").wait_for()
    assert len(names(page)) < 120
    assert box.evaluate("box => box.scrollTop") == 2500 * 32
    assert eventually(lambda: page.evaluate("history.state?.row") == 2500)
    row(page, "run-2490").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/runs/*")
    page.go_back()
    row(page, "run-2490").wait_for()
    page.get_by_text("5,000 runs").wait_for()

    page.keyboard.press("End")
    row(page, "run-1").wait_for()
    page.keyboard.press(" ")
    page.get_by_text("1 selected").wait_for()
    page.keyboard.press("?")
    page.get_by_role("row", name="Space Select the run").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Columns").focus()
    page.keyboard.press(" ")  # presses the button, and chooses no run
    page.get_by_role("button", name="Cancel").click()
    row(page, "run-1").get_by_role("checkbox").focus()
    page.keyboard.press("Home")
    row(page, f"run-{MANY}").wait_for()
    row(page, f"run-{MANY}").get_by_role("checkbox").click(modifiers=["Shift"])
    page.get_by_text("5,000 selected").wait_for()
    page.get_by_role("button", name="Clear selection").click()

    page.get_by_role("button", name="n", exact=True).click()
    page.locator("#rows tr").first.get_by_text("4,999", exact=True).wait_for()
    page.get_by_role("button", name="n", exact=True).wait_for()  # the arrow is no part of its name
    page.get_by_role("button", name="Duration").click(modifiers=["Shift"])
    page.wait_for_url("**/experiments/0?sort=-metrics.n&sort=-duration")
    box.evaluate("box => (box.scrollTop = 1000 * 32)")
    assert eventually(lambda: page.evaluate("history.state?.row") == 1000)
    seen = page.locator("#rows tr[aria-rowindex='1010'] a.text")
    name = seen.inner_text()
    seen.click()
    page.wait_for_url("**/runs/*")
    page.go_back()
    row(page, name).wait_for()


@pytest.mark.browser
def test_a_million_rows_are_reached_though_no_element_is_so_high(sample: Sample, opened: Opened) -> None:
    """The rows are made here: what is tested is where they are put."""
    page = opened("about:blank")

    def rows(route: Route) -> None:
        start = min(int(parse_qs(urlsplit(route.request.url).query)["start"][0]), 1_000_000 - 60)
        lines = "".join(
            f'<tr data-run="{n}" aria-rowindex="{n + 2}"><th><input type="checkbox"><a>{n}</a></th></tr>'
            for n in range(start, start + 60)
        )
        head = f'<tbody id="rows" data-start="{start}" data-total="1000000">'
        count = '<p data-told id="count">1,000,000 runs</p>'
        route.fulfill(body=f"<table>{head}{lines}</tbody></table>{count}", content_type="text/html")

    page.route("**/rows?*", rows)
    page.goto(f"{sample.url}/experiments/{sample.experiment_id}")
    page.get_by_role("button", name="Created").click()
    page.get_by_text("1,000,000 runs").wait_for()
    box = page.locator("#box")
    for share, first, last in ((0.5, 499_900, 500_100), (1, 999_940, 1_000_000)):
        box.evaluate(
            "(box, share) => (box.scrollTop = share * (box.scrollHeight - box.clientHeight))", share
        )
        middle = page.evaluate(
            """async () => {
              const { left, bottom } = document.querySelector('#box').getBoundingClientRect();
              for (;;) {
                const found = document.elementFromPoint(left + 60, bottom - 60)?.closest('[data-run]');
                if (found && Number(found.dataset.run) > 1000) return Number(found.dataset.run);
                await new Promise(requestAnimationFrame);
              }
            }"""
        )
        assert first <= middle <= last


@pytest.mark.browser
def test_columns_are_chosen_and_a_view_is_kept(tmp_path: Path, serve: Serve, opened: Opened) -> None:
    fill(tmp_path / "mlruns", 30)
    page = opened(f"{serve(tmp_path / 'mlruns')}/experiments/0?sort=metrics.n")
    page.get_by_text("30 runs").wait_for()
    page.get_by_role("button", name="Columns").click()
    page.get_by_label("Search columns").fill("dur")
    page.get_by_role("checkbox", name="Duration").uncheck()
    page.get_by_label("Search columns").fill("")
    for title in ("Source", "Commit", "User", "Models", "Verdict"):
        page.get_by_role("checkbox", name=title, exact=True).uncheck()
    page.get_by_role("button", name="Move n up").click()
    accessible(page)
    keep_picture(page, "runs-columns")
    page.get_by_role("button", name="Show", exact=True).click()
    page.wait_for_url("**columns=status**")
    heads = page.get_by_role("columnheader").all_inner_texts()
    assert heads == ["Run", "Status", "n", "Created"]

    page.locator("summary", has_text="Views").click()
    page.get_by_role("button", name="Save this view").click()
    page.get_by_role("textbox", name="Name").fill(VIEW)
    with page.expect_navigation():
        page.get_by_role("button", name="Save", exact=True).click()
    page.locator("summary", has_text="Views").click()
    page.get_by_role("link", name=VIEW).wait_for()
    page.get_by_role("button", name="Save this view").click()
    page.get_by_role("textbox", name="Name").fill(VIEW)
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("heading", name=f"Replace the view {VIEW}?").wait_for()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("link", name="Active").click()
    page.wait_for_url("**/experiments/0")
    page.locator("summary", has_text="Views").click()
    follow(page.get_by_role("link", name=VIEW))
    page.locator("#rows tr").first.get_by_text("0", exact=True).wait_for()
    assert page.get_by_role("columnheader").all_inner_texts() == heads
    page.locator("summary", has_text="Views").click()
    page.get_by_role("button", name=f"Delete the view {VIEW}").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.get_by_text(VIEW).wait_for(state="detached")
    with EmbeddedStore(tmp_path / "mlruns") as store:
        assert not any(key.startswith("reprise.view") for key in store.get_experiment("0").tags)
