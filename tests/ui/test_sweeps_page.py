"""The queue and the sweeps: what goes on, how nested runs came out, and which is the best."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from reprise.schemas import tags
from reprise.schemas.entities import Metric, Run
from reprise.tracking.sqlite.store import EmbeddedStore
from reprise.ui.runs.metric_goals import goal_of, main_metric
from tests.ui.asking import Ask
from tests.ui.conftest import Opened, Serve, accessible, keep_picture
from tests.ui.sample import HOSTILE, Sample


def _run(store: EmbeddedStore, name: str, parent: Run | None = None, **metrics: float) -> Run:
    told = {tags.PARENT_RUN_ID: parent.run_id} if parent else {}
    run = store.create_run("0", start_time=1_790_000_000_000, user_id="ada", run_name=name, tags=told)
    points = [Metric(key, value, run.start_time) for key, value in metrics.items()]
    store.log_batch(run.run_id, metrics=points, params={"depth": name})
    return run


def test_the_best_is_of_the_metric_and_goal_in_the_address(store: EmbeddedStore, ask: Ask) -> None:
    parent, other = _run(store, "parent"), _run(store, "other")
    _run(store, "low", parent, loss=0.1, reward=1.0)
    _run(store, "high", parent, loss=0.9, reward=5.0)
    _run(store, "elsewhere", other, reward=7.0)

    def best(query: str) -> list[str]:
        parts = ask(f"/sweeps/now?{query}").text.split('class="winner"')[1:]
        return [part.split("depth=")[1].split("<")[0] for part in parts]

    assert best("") == ["elsewhere", "low"]
    assert best("metric=reward") == ["elsewhere", "high"]
    assert best("metric=loss&goal=max") == ["elsewhere", "high"]
    assert best(f"metric=reward&metric.{parent.run_id}=loss&goal.{parent.run_id}=max") == [
        "elsewhere",
        "high",
    ]


def test_a_result_that_was_taken_over_is_told_apart(store: EmbeddedStore, ask: Ask) -> None:
    parent = _run(store, "parent")
    done, cached, _ = (_run(store, name, parent) for name in ("done", "cached", "going on"))
    for run in (done, cached):
        store.update_run(run.run_id, status="FINISHED", end_time=run.start_time + 1)
    store.set_tag(cached.run_id, tags.REUSES, done.run_id)
    text = ask("/sweeps").text
    assert 'aria-label="1 finished, 1 cached, 1 running"' in text
    assert "<strong>2 of 3</strong>" in text


def test_the_queue_shows_the_last_line_of_a_log_without_its_colours(
    store: EmbeddedStore, ask: Ask, tmp_path: Path
) -> None:
    run = _run(store, "going on")
    log = tmp_path / "output.log"
    log.write_bytes(b"epoch 1\n\x1b[32mepoch 2 <b>\x1b[0m\xff\n")
    store.upload_artifact(run.run_id, log, "reprise/output.log")
    assert ">epoch 2 &lt;b&gt;\ufffd</a>" in ask("/sweeps").text


def test_the_nested_runs_are_compared_up_to_as_many_as_can_be(store: EmbeddedStore, ask: Ask) -> None:
    parent = _run(store, "parent")
    ids = [_run(store, str(number), parent).run_id for number in range(203)]
    answer = ask(f"/sweeps/{parent.run_id}/compare")
    assert answer.headers["location"] == f"/compare?runs={'%2C'.join(ids[:200])}"
    assert ">Compare the first 200<" in ask("/sweeps").text


def test_sweeps_are_on_pages_that_keep_what_was_chosen(store: EmbeddedStore, ask: Ask) -> None:
    for number in range(21):
        parent = _run(store, f"sweep {number}")
        _run(store, "child", parent)
        store.update_run(parent.run_id, status="FINISHED", end_time=parent.start_time + 1)
    first = ask("/sweeps?metric=loss").text
    assert "sweep 20" in first and ">sweep 0<" not in first
    assert 'href="/sweeps?metric=loss&amp;page=2"' in first
    assert ">sweep 0<" in ask("/sweeps?page=2").text
    assert "No sweeps on this page" in ask("/sweeps?page=3").text
    assert ask("/sweeps?page=-1").status_code == 200


@pytest.mark.parametrize(
    ("metric", "goal"),
    [
        ("val_loss", "min"),
        ("trainRMSE", "min"),
        ("mean squared error", "min"),
        ("f1_score", "max"),
        ("accuracy", "max"),
        ("glossary_size", "max"),
    ],
)
def test_the_name_of_a_metric_tells_its_goal(metric: str, goal: str) -> None:
    assert goal_of(metric) == goal


def test_the_main_metric_is_one_of_quality_on_unseen_data() -> None:
    assert main_metric(["epoch", "fit_time", "loss", "val_loss"]) == "val_loss"
    assert main_metric(["epoch", "accuracy"]) == "accuracy"
    assert main_metric([]) is None


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_sweep_is_looked_at(sample: Sample, opened: Opened, theme: str) -> None:
    page = opened(f"{sample.url}/sweeps", theme=theme)
    page.get_by_text("5 finished").wait_for()
    page.get_by_text("depth=5").wait_for()
    page.get_by_label("Which value is best").select_option("min")
    page.get_by_text("depth=0").wait_for()
    expect(page).to_have_url(re.compile(f"goal.{sample.parent.run_id}=min"))
    page.reload()
    page.get_by_text("depth=0").wait_for()
    accessible(page)
    keep_picture(page, f"sweeps-{theme}")


@pytest.mark.browser
def test_what_is_best_says_by_which_goal(
    store: EmbeddedStore, serve: Serve, opened: Opened, tmp_path: Path
) -> None:
    parent = _run(store, "parent")
    for number in range(2):
        _run(store, f"child {number}", parent, accuracy=number, loss=number)
    page = opened(f"{serve(tmp_path / 'mlruns')}/sweeps")
    goal = page.get_by_label("Which value is best")
    expect(goal).to_have_value("max")
    page.locator("select[data-query^='metric.']").select_option("loss")
    expect(goal).to_have_value("min")
    page.get_by_role("link", name="child 0").last.wait_for()
    page.get_by_label("Goal").select_option("max")
    expect(goal).to_have_value("max")
    page.get_by_role("link", name="child 1").last.wait_for()
    child = _run(store, "child 2", parent, fairness=1)
    page.locator("select[data-query^='metric.'] option", has_text="fairness").wait_for(state="attached")
    assert store.get_run(child.run_id).status == "RUNNING"


@pytest.mark.browser
def test_what_goes_on_appears_and_goes_while_one_looks(
    store: EmbeddedStore, serve: Serve, opened: Opened, tmp_path: Path
) -> None:
    parent = _run(store, HOSTILE)
    page = opened(f"{serve(tmp_path / 'mlruns')}/sweeps")
    page.get_by_text("No sweeps").wait_for()
    assert "<script>document.title" in page.inner_text("#queue")
    child = _run(store, HOSTILE, parent, **{"loss " + "x" * 240: 0.5})
    page.get_by_text("0 of 1").wait_for()
    page.locator("select[data-query^='metric.']").focus()
    store.update_run(child.run_id, status="FINISHED", end_time=child.start_time + 1)
    page.get_by_text("1 of 1").wait_for()
    expect(page.locator("select[data-query^='metric.']")).to_be_focused()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
