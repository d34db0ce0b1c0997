"""Runs side by side: what the page says of them, and the work that people do on it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from reprise.runner.verdict.changes import find_changes
from reprise.runner.verdict.recorded import open_both
from reprise.schemas import tags
from reprise.schemas.entities import Metric, Run
from reprise.schemas.record.run_record import (
    ProjectRecord,
    RunRecord,
    SourceRecord,
    to_json,
)
from reprise.tracking.sqlite.store import EmbeddedStore
from reprise.ui.compare.comparison import (
    ComparisonRow,
    ComparisonSection,
    WantedRows,
    sections,
)
from reprise.ui.compare.run_diffs import FileDiff, files, parted
from reprise.ui.compare.run_selection import MOST, choose
from tests.fakes.repositories import commit, git, make
from tests.ui.asking import Ask
from tests.ui.conftest import Opened, Serve, accessible, follow, keep_picture, settled
from tests.ui.sample import HOSTILE, Sample

Log = Callable[..., Run]


@pytest.fixture
def log(store: EmbeddedStore) -> Log:
    """``log("name", {param: text}, metric=[values])``: a run with these."""

    def run(name: str, params: dict[str, str] | None = None, **metrics: list[float]) -> Run:
        made = store.create_run("0", start_time=1_790_000_000_000, user_id="ada", run_name=name)
        points = [
            Metric(key, value, made.start_time + step, step)
            for key, values in metrics.items()
            for step, value in enumerate(values)
        ]
        store.log_batch(made.run_id, params=params or {}, metrics=points)
        return store.get_run(made.run_id)

    return run


def _ids(*runs: Run) -> str:
    return ",".join(run.run_id for run in runs)


def _row(found: tuple[ComparisonSection, ...], name: str) -> ComparisonRow:
    return next(row for section in found for row in section.rows if row.name == name)


def test_the_best_value_is_marked_by_the_direction_that_the_name_tells(log: Log) -> None:
    runs = [log("a", loss=[0.3], accuracy=[0.8]), log("b", loss=[0.2], accuracy=[0.9])]
    found = sections(runs, WantedRows())
    assert [cell.is_best for cell in _row(found, "loss").cells] == [False, True]
    assert [cell.is_best for cell in _row(found, "accuracy").cells] == [False, True]
    flipped = sections(runs, WantedRows(flipped=frozenset({"loss"})))
    assert [cell.is_best for cell in _row(flipped, "loss").cells] == [True, False]


def test_nothing_is_best_of_what_is_equal_or_no_number(log: Log) -> None:
    runs = [log("a", loss=[0.3], odd=[float("nan")]), log("b", loss=[0.3], odd=[float("nan")])]
    found = sections(runs, WantedRows())
    assert not any(cell.is_best for name in ("loss", "odd") for cell in _row(found, name).cells)
    assert [cell.text for cell in _row(found, "odd").cells] == ["NaN", "NaN"]


def test_the_best_of_a_series_is_not_its_last(store: EmbeddedStore, log: Log) -> None:
    runs = [log("a", loss=[0.5, 0.1, 0.4]), log("b", loss=[0.6, 0.3, 0.2, float("nan")])]
    extremes = store.metric_extremes([run.run_id for run in runs])
    assert [cell.text for cell in _row(sections(runs, WantedRows(), extremes), "loss").cells] == [
        "0.1",
        "0.2",
    ]


def test_only_differences_leaves_out_what_is_the_same(log: Log) -> None:
    runs = [log("a", {"depth": "3", "kind": "tree"}), log("b", {"depth": "4", "kind": "tree"})]
    found = sections(runs, WantedRows(only_differences=True))
    names = {row.name for section in found for row in section.rows}
    assert "depth" in names
    assert "kind" not in names
    assert next(section for section in found if section.title == "Params").equal == 1


def test_names_are_in_the_order_of_their_numbers(log: Log) -> None:
    runs = [log("a", {"layer10": "1", "layer9": "1", "bias": "1"}), log("b")]
    (params, *_) = sections(runs, WantedRows())
    assert [row.name for row in params.rows] == ["bias", "layer9", "layer10"]


def test_a_baseline_is_what_the_others_are_measured_by(log: Log) -> None:
    runs = [
        log("a", {"rate": "0.1", "kind": "tree"}, loss=[0.5]),
        log("b", {"rate": "0.3", "kind": "forest"}, loss=[0.25]),
        log("c", {"kind": "tree"}),
    ]
    found = sections(runs, WantedRows(baseline=0))
    assert [cell.change for cell in _row(found, "loss").cells] == ["", "-0.25", "≠"]
    assert [cell.change for cell in _row(found, "rate").cells] == ["", "+0.2", "≠"]
    assert [cell.change for cell in _row(found, "kind").cells] == ["", "≠", ""]


def test_runs_are_found_by_ids_and_their_starts_and_others_are_told(store: EmbeddedStore, log: Log) -> None:
    one, other, gone = log("a"), log("b"), log("c")
    store.delete_run(gone.run_id)
    found = choose(store, [other.run_id, one.run_id[:12], one.run_id, "feed", "", gone.run_id])
    assert [run.run_name for run in found.runs] == ["b", "a"]
    told = " ".join(one.told for one in found.missing)
    assert "no run feed" in told
    assert f"{gone.run_id[:8]} is deleted" in told
    assert "Several runs begin with" in told  # every id begins with nothing


def test_more_runs_than_a_page_can_compare_are_refused_with_a_sentence(ask: Ask) -> None:
    answer = ask("/compare?runs=" + ",".join(f"{number:032x}" for number in range(MOST + 1)))
    assert answer.status_code == 400
    assert f"At most {MOST} runs can be compared; these are 201" in answer.text


@pytest.mark.parametrize("query", ["", "?runs=", "?runs=feed", "?runs=a%00b,%F0%9F%8C%B8"])
def test_without_two_runs_the_page_says_how_to_choose(ask: Ask, query: str) -> None:
    answer = ask(f"/compare{query}")
    assert answer.status_code == 200
    assert "Select at least two runs" in answer.text


@pytest.mark.parametrize(
    "tab",
    [
        "table",
        "charts",
        "parallel",
        "scatter",
        "contour",
        "box",
        "importance",
        "code",
        "environment",
        "inputs",
    ],
)
def test_every_view_stands_hostile_values(ask: Ask, log: Log, tab: str) -> None:
    runs = [
        log(HOSTILE[:250], {"text": HOSTILE, "n": "1e999"}, loss=[float("nan")], odd=[float("inf")]),
        log("", {"k" * 250: "x" * 6000, "n": "1"}, loss=[1e308, -1e308]),
        log("c"),
    ]
    answer = ask(f"/compare?runs={_ids(*runs)}&tab={tab}&baseline={runs[1].run_id}&value=best&other=no")
    assert answer.status_code == 200
    assert "<script>document" not in answer.text
    assert "NaN," not in answer.text  # which no browser reads as JSON


def test_a_view_of_fewer_than_two_runs_is_refused(ask: Ask, log: Log) -> None:
    answer = ask(f"/compare/view?runs={log('a').run_id}&tab=code")
    assert answer.status_code == 400
    assert "fewer than two runs" in answer.text


def test_thousands_of_params_are_cut_and_can_be_searched(ask: Ask, log: Log) -> None:
    many = {f"layer{number}.units": str(number) for number in range(1000)}
    runs = [log("a", many), log("b")]
    query = f"runs={_ids(*runs)}"
    assert "600 rows more: find them by name" in ask(f"/compare?{query}").text
    assert ">layer999.units<" in ask(f"/compare?{query}&find=LAYER999").text


def test_lines_of_all_runs_come_in_one_answer(ask: Ask, log: Log) -> None:
    runs = [log("a", loss=[0.5, float("nan"), 0.3]), log("b", other=[1.0])]
    answer = ask(f"/compare/lines?runs={_ids(*runs)}&metric=loss").json()
    (line,) = answer["lines"]
    assert (line["run"], line["step"], line["value"]) == (runs[0].run_id, [0, 1, 2], [0.5, "NaN", 0.3])


def test_long_series_are_thinned_where_there_are_many_runs(ask: Ask, log: Log) -> None:
    runs = [log(str(number), loss=[float(step) for step in range(1500)]) for number in range(2)]
    lines = ask(f"/compare/lines?runs={_ids(*runs)}&metric=loss").json()["lines"]
    assert all(500 < len(line["value"]) <= 1000 for line in lines)
    assert [line["step"][-1] for line in lines] == [1499, 1499]


def test_runs_to_add_are_found_by_name_and_id_but_not_those_that_are_there(ask: Ask, log: Log) -> None:
    one, other, third = log("o'ne fine run"), log("o'ne more"), log("third")
    named = ask(f"/compare/more?runs={one.run_id}&q=o'NE").text
    assert f'data-add="{other.run_id}"' in named
    assert one.run_id not in named
    assert f'data-add="{third.run_id}"' in ask(f"/compare/more?q={third.run_id[:6]}").text
    assert "No other run" in ask("/compare/more?q=zzz").text


def test_the_table_is_exported_as_it_is_shown(ask: Ask, log: Log) -> None:
    runs = [log("a", {"depth": "3", "same": "1"}, loss=[0.5]), log("=b()", {"depth": "4", "same": "1"})]
    text = ask(f"/compare/table.csv?runs={_ids(*runs)}&only=differences").text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["params.depth"] for row in rows] == ["3", "4"]
    assert "params.same" not in rows[0]
    assert rows[1]["run_name"] == "'=b()"


def test_a_view_alone_is_what_the_page_holds(ask: Ask, log: Log) -> None:
    query = f"runs={_ids(log('a', loss=[1.0]), log('b', loss=[2.0]))}&tab=importance"
    assert ask(f"/compare/view?{query}").text.strip() in ask(f"/compare?{query}").text


_DIFF = """diff --git a/train.py b/train.py
index 1..2 100644
--- a/train.py
+++ b/train.py
@@ -1,3 +1,3 @@
 import os
--- not a header
+++ nor this
 end
\\ No newline at end of file
diff --git a/old name b/new name
similarity index 100%
rename from old name
rename to new name
diff --git a/logo.png b/logo.png
Binary files a/logo.png and b/logo.png differ
"""


def test_a_diff_is_told_by_file() -> None:
    train, renamed, logo = files(_DIFF)
    assert (train.path, train.added, train.removed) == ("train.py", 1, 1)
    assert [line.kind for line in train.lines] == ["place", "same", "removed", "added", "same", "note"]
    assert renamed.path == "new name"
    assert [line.text for line in renamed.lines] == ["rename from old name", "rename to new name"]
    assert [line.kind for line in logo.lines] == ["note"]


def test_a_diff_of_what_was_kept_has_no_lines_of_git() -> None:
    diff = "Large files a/big and b/big differ\n--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-a\n+b\n"
    diff += "--- a/y.py\n+++ b/y.py\n@@ -0,0 +1 @@\n+c\n"
    found = [(one.path, one.added, one.removed) for one in files(diff)]
    assert found == [("big", 0, 0), ("x.py", 1, 1), ("y.py", 1, 0)]


def test_a_long_diff_is_cut_and_says_so() -> None:
    long = "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -0,0 +1,50 @@\n" + "+line\n" * 50
    (found,) = files(long, most=11)
    assert isinstance(found, FileDiff)
    assert (len(found.lines), found.beyond, found.added) == (11, 40, 50)


def test_a_diff_of_very_many_files_is_cut_and_says_so() -> None:
    diff = "".join(f"Binary files a/{number} and b/{number} differ\n" for number in range(600))
    found = parted(diff, is_cut=False)
    assert (len(found.files), found.is_cut) == (500, True)
    assert not parted(_DIFF, is_cut=False).is_cut


def test_no_folder_of_the_server_is_opened_that_a_run_only_names(
    store: EmbeddedStore, ask: Ask, log: Log, tmp_path: Path
) -> None:
    private = make(tmp_path / "private", {"plan.txt": "as it was\n"})
    first = git(private, "rev-parse", "HEAD")
    commits = (first, commit(private, {"plan.txt": "the secret plan\n"}, "second"))
    runs = [log("a"), log("b")]
    for run, told in zip(runs, commits, strict=True):
        store.set_tag(run.run_id, tags.SOURCE_NAME, str(private))
        source = SourceRecord(private.as_uri(), "git", commit=told)
        project = ProjectRecord(None, None, "main", "")
        file = store.artifact_folder(run.run_id) / "reprise" / "run.json"
        file.parent.mkdir(parents=True)
        file.write_text(to_json(RunRecord(run.run_id, run.run_name, "", "0.1", source, project, ())))
    text = ask(f"/compare?runs={_ids(*runs)}&tab=code").text
    assert "secret plan" not in text
    assert f"commit {first} is not available" in text
    with open_both(store, *runs) as recorded:  # who is at the terminal may read it anyway
        assert "+the secret plan" in find_changes(*recorded, ()).source.diff


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_rivals_are_compared_until_two_are_left(sample: Sample, opened: Opened, theme: str) -> None:
    best, rival = sample.runs[-1], sample.runs[-2]
    page = opened(f"{sample.url}/compare?runs={_ids(*sample.runs)}", theme=theme)
    table = page.locator("#view table")
    table.get_by_role("rowheader", name="depth").wait_for()
    accessible(page)
    keep_picture(page, f"compare-table-{theme}")

    page.get_by_label("Only differences").check()
    table.get_by_role("rowheader", name="team").wait_for(state="detached")
    page.get_by_role("button", name=f"Baseline {best.run_name}").click()
    table.get_by_text("≠").first.wait_for()
    assert "★ 0.95" in table.get_by_role("row", name=re.compile("^accuracy")).inner_text()
    expect(page).to_have_url(re.compile(f"only=differences.*baseline={best.run_id}"))
    page.get_by_role("button", name="more is better of accuracy").press("Enter")
    row = table.get_by_role("row", name=re.compile("^accuracy"))
    row.get_by_role("button", name="less is better of accuracy").wait_for()
    assert "★ 0.73" in row.inner_text()

    follow(page.get_by_role("link", name="Charts"))
    figure = page.locator("figure[data-metric='loss']")
    figure.locator(".scatterlayer .trace").nth(4).wait_for()
    page.get_by_role("button", name=f"Show {rival.run_name}").click()
    figure.get_by_text("4 of 5 runs").wait_for()
    accessible(page)
    keep_picture(page, f"compare-charts-{theme}")

    for other in sample.runs[:-2]:
        follow(page.get_by_role("button", name=f"Remove {other.run_name}"))
        expect(page.get_by_role("link", name=other.run_name)).to_have_count(0)
    follow(page.get_by_role("link", name="Code"))
    page.locator(".diff .removed", has_text="one more line").wait_for()
    page.get_by_role("button", name="Copy the command").wait_for()
    assert f"reprise verify {best.run_id[:8]} {rival.run_id[:8]}" in page.inner_text("#view")
    accessible(page)
    keep_picture(page, f"compare-code-{theme}")


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_parallel_coordinates_narrow_the_runs_down(sample: Sample, opened: Opened, theme: str) -> None:
    page = opened(f"{sample.url}/compare?runs={_ids(*sample.runs)}&tab=parallel", theme=theme)
    page.get_by_text("5 of 5 runs within the ranges").wait_for()
    page.get_by_label("Lowest accuracy").fill("0.5")
    page.get_by_text("3 of 5 runs within the ranges").wait_for()
    page.get_by_role("button", name="Move to the left: accuracy").press("Enter")
    page.locator("#ranges fieldset:nth-child(3)", has_text="accuracy").wait_for()
    expect(page.get_by_role("button", name="Move to the left: accuracy")).to_be_focused()

    axis = page.locator("#parallel .axis", has_text="depth").locator(".handle").bounding_box()
    assert axis is not None
    middle = axis["x"] + axis["width"] / 2
    page.mouse.move(middle, axis["y"])
    page.mouse.down()
    page.mouse.move(middle, axis["y"] + axis["height"] * 0.4, steps=3)
    page.mouse.up()
    page.get_by_text("2 of 5 runs within the ranges").wait_for()
    accessible(page)
    keep_picture(page, f"compare-parallel-{theme}")

    page.reload()
    page.get_by_text("2 of 5 runs within the ranges").wait_for()
    expect(page.locator("#ranges legend").nth(2)).to_have_text("accuracy")
    page.get_by_label("Add an axis").select_option("duration")
    page.get_by_role("group", name="duration (s)").wait_for()
    title = page.locator("#parallel .axis", has_text="duration").locator(".title")
    title.drag_to(page.locator("#parallel .axis").first.locator(".title"))
    page.get_by_role("button", name="Move to the left: duration").and_(
        page.locator("#ranges > :first-child *")
    ).wait_for()
    page.get_by_role("button", name=f"Show {sample.runs[0].run_name}").click()
    page.get_by_text("2 of 4 runs within the ranges").wait_for()
    page.locator("#parallel .lines g").nth(3).wait_for(state="attached")
    page.locator("#brushed a").last.focus()
    expect(page.locator("#near")).to_have_text(sample.runs[-1].run_name)
    page.get_by_role("link", name="Compare these").click()
    page.get_by_role("heading", name="Compare 2 runs").wait_for()


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_plots_and_importance_tell_what_mattered(sample: Sample, opened: Opened, theme: str) -> None:
    page = opened(f"{sample.url}/compare?runs={_ids(*sample.runs)}&tab=scatter", theme=theme)
    page.locator("#plot .point").nth(4).wait_for()
    page.get_by_label("Colour").select_option("params.kind")
    page.get_by_label("Size").select_option("metrics.loss")
    expect(page).to_have_url(re.compile("size=metrics.loss"))
    keep_picture(page, f"compare-scatter-{theme}")
    follow(page.get_by_role("link", name="Contour"))
    page.locator("#plot .contourlayer path").first.wait_for()
    keep_picture(page, f"compare-contour-{theme}")
    follow(page.get_by_role("link", name="Box plots"))
    page.locator("#axes [name=x]").select_option("params.kind")
    page.locator("#plot .boxlayer .trace").nth(1).wait_for()
    accessible(page)
    keep_picture(page, f"compare-box-{theme}")
    follow(page.get_by_role("link", name="Importance"))
    page.get_by_label("Which params mattered for").select_option("loss")
    page.get_by_text("only 5 runs: take it as a hint").wait_for()
    expect(page).to_have_url(re.compile("metric=loss"))
    accessible(page)
    keep_picture(page, f"compare-importance-{theme}")


@pytest.mark.browser
def test_a_run_that_goes_on_is_followed(
    store: EmbeddedStore, log: Log, serve: Serve, opened: Opened
) -> None:
    runs = [log("a", loss=[0.5]), log("b", loss=[0.4])]
    page = opened(f"{serve(Path(store.uri))}/compare?runs={_ids(*runs)}")
    page.get_by_label("Find").fill("los")
    page.get_by_role("rowheader", name="status").wait_for(state="detached")
    store.log_batch(runs[0].run_id, metrics=[Metric("loss", 0.125, runs[0].start_time + 9, 9)])
    page.get_by_text("★ 0.125").wait_for()
    assert page.get_by_label("Find").input_value() == "los"


@pytest.mark.browser
def test_what_is_pressed_while_a_view_is_under_way_is_not_lost(
    store: EmbeddedStore, log: Log, serve: Serve, opened: Opened
) -> None:
    runs = [log(str(at), {name: str(at) for name in "abcd"}) for at in range(3)]
    page = opened(f"{serve(Path(store.uri))}/compare?runs={_ids(*runs)}&tab=parallel")
    page.get_by_text("3 of 3 runs within the ranges").wait_for()
    held: list[Route] = []
    page.route("**/compare/view?*", lambda route: held.append(route))
    with page.expect_request("**/compare/view?*"):
        page.get_by_role("button", name="Take away the axis a").click()
    for _ in range(2):
        page.get_by_role("button", name="Move to the left: d").click()
    page.get_by_role("button", name="Take away the axis c").click()
    page.unroute("**/compare/view?*")  # which lets go what is held
    expect(page.locator("#ranges legend")).to_have_text(["d", "b"])


@pytest.mark.browser
def test_the_points_of_a_run_that_goes_on_never_go_back(
    store: EmbeddedStore, log: Log, serve: Serve, opened: Opened
) -> None:
    runs = [log("a", loss=[0.5, 0.4]), log("b", loss=[0.4, 0.3])]
    page = opened(f"{serve(Path(store.uri))}/compare?runs={_ids(*runs)}&tab=charts")
    old = page.context.request.get(page.url.replace("/compare?", "/compare/lines?metric=loss&")).text()
    points = page.locator(".charts .scatterlayer .trace").first.locator(".points path")
    expect(points).to_have_count(2)
    held: list[Route] = []
    page.route("**/compare/lines?*", lambda route: route.continue_() if held else held.append(route))
    with page.expect_request("**/compare/lines?*"):
        store.log_batch(runs[0].run_id, metrics=[Metric("loss", 0.3, runs[0].start_time + 2, 2)])
    for step in (3, 4):
        store.log_batch(runs[0].run_id, metrics=[Metric("loss", 0.2, runs[0].start_time + step, step)])
    expect(points).to_have_count(5)
    with page.expect_response("**/compare/lines?*") as late:
        held[0].fulfill(body=old, content_type="application/json")
    late.value.finished()
    settled(page)
    assert points.count() == 5


@pytest.mark.browser
def test_what_spans_decades_is_drawn_by_logarithms_and_boxes_stand_side_by_side(
    store: EmbeddedStore, log: Log, serve: Serve, opened: Opened
) -> None:
    runs = [log(str(at), {"rate": f"1e-{at}"}, loss=[float(at)]) for at in range(1, 6)]
    page = opened(f"{serve(Path(store.uri))}/compare?runs={_ids(*runs)}&tab=scatter")
    axis = "document.querySelector('.js-plotly-plot')._fullLayout.xaxis.type"
    expect(page.locator("#plot .point")).to_have_count(5)
    assert page.evaluate(axis) == "log"
    follow(page.get_by_role("link", name="Box plots"))
    expect(page.locator("#plot .boxlayer .trace")).to_have_count(5)
    assert page.evaluate(axis) == "category"


@pytest.mark.browser
def test_hostile_names_are_text_in_every_view(sample: Sample, opened: Opened) -> None:
    runs = _ids(sample.runs[0], sample.hostile, sample.failed, sample.parent, sample.again)
    page = opened(f"{sample.url}/compare?runs={runs}")
    for view in page.locator(".tabs a").all_inner_texts():
        follow(page.get_by_role("link", name=view, exact=True))
        page.locator(".tabs [aria-current]", has_text=view).wait_for()
        page.locator("#runs", has_text="<script>document.title").wait_for()
        assert page.title() == "Compare 5 runs · reprise"
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_label("Add a run").fill("trial")
    page.get_by_role("button", name=re.compile("^trial 3")).click()
    page.get_by_role("heading", name="Compare 6 runs").wait_for()
