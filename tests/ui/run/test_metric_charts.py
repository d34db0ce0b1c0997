"""The charts of a run's metrics: which there are, what is read for them, and that they are drawn."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pytest
from playwright.sync_api import expect

from reprise.schemas.entities import Metric, Run
from reprise.tracking.sqlite.store import EmbeddedStore
from reprise.ui.run.metric_charts import MOST_POINTS
from tests.ui.asking import Ask
from tests.ui.conftest import Opened, Serve, accessible, keep_picture
from tests.ui.sample import HOSTILE, Sample


@pytest.fixture
def run(store: EmbeddedStore) -> Run:
    return store.create_run("0", start_time=1_790_000_000_000, user_id="ada", run_name="a run")


def log(store: EmbeddedStore, run: Run, key: str, values: Sequence[float], first: int = 0) -> None:
    points = [
        Metric(key, value, run.start_time + 1000 * step, step) for step, value in enumerate(values, first)
    ]
    store.log_batch(run.run_id, metrics=points)


def lines(ask: Ask, run: Run, query: str) -> dict[str, Any]:
    answer = ask(f"/runs/{run.run_id}/lines?{query}")
    assert answer.status_code == 200, answer.text
    return {line["key"]: line for line in answer.json()["lines"]}


def test_sections_are_by_prefix_and_single_points_stand_in_a_table(
    store: EmbeddedStore, run: Run, ask: Ask
) -> None:
    for key in ("loss", "train/loss", "train/f1", "val/loss", "system/cpu"):
        log(store, run, key, [1, 2])
    log(store, run, "val/final", [0.5])
    text = ask(f"/runs/{run.run_id}/metrics").text
    sections = [part.split("</details>")[0] for part in text.split("data-name=")[1:]]
    names = [(part.split('"')[1], part.count("<figure")) for part in sections]
    assert names == [("", 1), ("train", 2), ("val", 1)]
    assert "val/final" in text.split('id="single"')[1]
    assert "system/cpu" not in text
    assert 'data-key="system/cpu"' in ask(f"/runs/{run.run_id}/system").text


def test_charts_are_in_the_order_in_which_people_count(store: EmbeddedStore, run: Run, ask: Ask) -> None:
    for key in ("fold10/loss", "fold2/layer10", "fold2/layer9"):
        log(store, run, key, [1, 2])
    text = ask(f"/runs/{run.run_id}/metrics").text
    assert re.findall('figure class="metric card" data-key="(.*?)"', text) == [
        "fold2/layer9",
        "fold2/layer10",
        "fold10/loss",
    ]


def test_a_run_without_metrics_says_how_to_log_some(run: Run, ask: Ask) -> None:
    assert "mlflow.log_metric" in ask(f"/runs/{run.run_id}/metrics").text
    assert "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING" in ask(f"/runs/{run.run_id}/system").text


def test_what_is_no_number_is_counted_and_told_in_its_place(
    store: EmbeddedStore, run: Run, ask: Ask
) -> None:
    log(store, run, "loss", [1.0, float("nan"), float("inf"), -1.0, float("-inf"), float("nan")])
    line = lines(ask, run, "key=loss")["loss"]
    assert line["value"] == [1.0, "NaN", "Infinity", -1.0, "-Infinity", "NaN"]
    assert line["step"] == [0, 1, 2, 3, 4, 5]
    assert (line["count"], line["nans"], line["infinite"], line["low"], line["high"]) == (
        6,
        2,
        2,
        -1.0,
        1.0,
    )


def test_a_metric_that_is_never_a_number_has_no_extremes(store: EmbeddedStore, run: Run, ask: Ask) -> None:
    log(store, run, "loss", [float("nan")] * 3)
    line = lines(ask, run, "key=loss")["loss"]
    assert (line["low"], line["high"], line["nans"]) == (None, None, 3)


def test_a_long_series_is_thinned_but_its_ends_spikes_and_figures_are_those_of_all(
    store: EmbeddedStore, run: Run, ask: Ask
) -> None:
    values = [float(number % 7) for number in range(5000)]
    values[2501] = 1e9
    values[2502] = -1e9
    log(store, run, "loss", values)
    line = lines(ask, run, "key=loss")["loss"]
    assert len(line["step"]) <= MOST_POINTS
    assert (line["step"][0], line["step"][-1]) == (0, 4999)
    assert {2501, 2502} <= set(line["step"])
    assert (line["count"], line["high"]) == (5000, 1e9)


def test_only_new_points_are_read_while_a_run_goes_on(store: EmbeddedStore, run: Run, ask: Ask) -> None:
    log(store, run, "loss", [float(number) for number in range(50)])
    line = lines(ask, run, f"key=loss&since={run.start_time + 47_000}")["loss"]
    assert line["step"] == [47, 48, 49]
    assert line["count"] == 50
    log(store, run, "epoch", [1.0, 2.0])
    found = lines(ask, run, f"key=loss&since={run.start_time + 48_000}&key=epoch&since=")
    assert (found["loss"]["step"], found["epoch"]["step"]) == ([48, 49], [0, 1])


@pytest.mark.parametrize(
    "query", ["key=loss&since=soon", "key=a&key=b&since=1", "&".join(f"key={n}" for n in range(60))]
)
def test_a_request_out_of_bounds_is_refused(run: Run, ask: Ask, query: str) -> None:
    assert ask(f"/runs/{run.run_id}/lines?{query}").status_code == 400


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_charts_are_drawn_as_the_address_says(sample: Sample, opened: Opened, theme: str) -> None:
    run = sample.runs[-1]
    page = opened(f"{sample.url}/runs/{run.run_id}/metrics?smooth=0.5&x=relative", theme=theme)
    chart = page.get_by_role("img", name="loss: 20 points")
    chart.locator(".scatterlayer .trace").nth(1).wait_for()
    expect(chart).to_contain_text("seconds")
    expect(page.locator("#single tr", has_text="accuracy")).to_be_visible()
    accessible(page)
    keep_picture(page, f"run-metrics-{theme}")
    page.get_by_label("X axis").select_option("steps")
    page.get_by_label("Log scale").check()
    page.get_by_role("img", name="loss").get_by_text("step", exact=True).wait_for()
    expect(page).to_have_url(re.compile(r"/metrics\?log=1&smooth=0\.5$"))
    chart.locator(".nsewdrag").hover()
    page.locator(".hoverlayer").get_by_text("step").wait_for()
    page.get_by_role("button", name="Points of loss").click()
    expect(page.get_by_role("dialog").locator("tbody tr")).to_have_count(20)
    page.keyboard.press("Escape")
    page.get_by_label("Find a metric").fill("accur")
    page.locator("figure.metric").wait_for(state="hidden")
    expect(page.locator("#single tr", has_text="accuracy")).to_be_visible()


@pytest.mark.browser
def test_a_chart_goes_on_while_its_run_does(
    store: EmbeddedStore, run: Run, serve: Serve, opened: Opened
) -> None:
    log(store, run, "loss", [3, 2])
    page = opened(f"{serve(store.directory)}/runs/{run.run_id}/metrics")
    page.get_by_role("img", name="loss: 2 points, last 2").wait_for()
    log(store, run, "loss", [1, 0.5], first=2)
    page.get_by_role("img", name="loss: 4 points, last 0.5").wait_for()
    log(store, run, "val/loss", [7, 8])
    page.get_by_role("img", name="val/loss: 2 points, last 8").wait_for()
    points = page.locator("figure", has_text="loss").first.locator(".points path")
    expect(points).to_have_count(4)
    store.log_batch(run.run_id, metrics=[Metric("loss", 2.5, run.start_time + 500, 1)])  # comes late
    page.get_by_role("img", name="loss: 5 points, last 0.5").wait_for()
    expect(points).to_have_count(5)


@pytest.mark.browser
def test_a_metric_that_was_logged_without_steps_is_drawn_over_time(
    store: EmbeddedStore, run: Run, serve: Serve, opened: Opened
) -> None:
    points = [Metric("loss", 1 / second, run.start_time + 1000 * second, 0) for second in range(1, 9)]
    store.log_batch(run.run_id, metrics=points)
    page = opened(f"{serve(store.directory)}/runs/{run.run_id}/metrics")
    chart = page.get_by_role("img", name="loss: 8 points")
    expect(chart.get_by_text("seconds")).to_be_visible()
    expect(page.get_by_text("all at step 0: drawn over time")).to_be_visible()


@pytest.mark.browser
def test_new_points_leave_the_part_of_a_chart_that_one_looks_at(
    store: EmbeddedStore, run: Run, serve: Serve, opened: Opened
) -> None:
    log(store, run, "loss", list(range(20)))
    page = opened(f"{serve(store.directory)}/runs/{run.run_id}/metrics")
    page.get_by_role("img", name="loss: 20 points").wait_for()
    canvas = page.locator("figure .chart-canvas")
    expect(canvas.get_by_text("15", exact=True).first).to_be_visible()
    field = page.locator("figure .nsewdrag").bounding_box()
    assert field
    page.mouse.move(field["x"] + 50, field["y"] + 50)
    page.mouse.down()
    page.mouse.move(field["x"] + 150, field["y"] + 52, steps=4)
    page.mouse.up()
    last_tick = canvas.locator(".xtick").last
    expect(last_tick).not_to_have_text("15")
    zoomed = last_tick.text_content()
    assert zoomed
    log(store, run, "loss", [7, 8], first=20)
    page.get_by_role("img", name="loss: 22 points").wait_for()
    expect(last_tick).to_have_text(zoomed)
    page.get_by_label("X axis").select_option("relative time")
    expect(last_tick).to_have_text("20")


@pytest.mark.browser
def test_hostile_names_are_text_in_charts(
    store: EmbeddedStore, run: Run, serve: Serve, opened: Opened
) -> None:
    log(store, run, "שלום/" + "x" * 240, [1, float("nan"), 2])
    store.update_run(run.run_id, run_name=HOSTILE[:200])
    page = opened(f"{serve(store.directory)}/runs/{run.run_id}/metrics")
    page.get_by_role("img", name="3 points").wait_for()
    expect(page.get_by_text("NaN ×1")).to_be_visible()
    assert "owned" not in page.title().split("'")[0]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.browser
def test_only_charts_that_are_seen_are_drawn(
    store: EmbeddedStore, run: Run, serve: Serve, opened: Opened
) -> None:
    for number in range(300):
        log(store, run, f"metric {number:03}", [1, 2, 3])
    page = opened(f"{serve(store.directory)}/runs/{run.run_id}/metrics")
    page.get_by_role("img", name="metric 000").wait_for()
    assert 0 < page.locator(".chart-canvas").count() < 60
    page.locator("figure").last.scroll_into_view_if_needed()
    page.get_by_role("img", name="metric 299").wait_for()
