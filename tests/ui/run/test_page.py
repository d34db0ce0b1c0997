"""The page of a run: its head, and the overview of all that was logged."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from reprise.schemas import tags
from reprise.schemas.entities import Dataset, DatasetInput, Metric, ModelLink, Run
from reprise.tracking.sqlite.store import EmbeddedStore
from reprise.ui.notes import NOTE
from reprise.ui.run.overview import LONGEST_VALUE, MOST_ROWS, SHOWN_AT_ONCE
from tests.conftest import eventually
from tests.ui.asking import Ask
from tests.ui.conftest import Opened, Serve, accessible, keep_picture, settled
from tests.ui.sample import HOSTILE, SHOWN, Sample

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route


@pytest.fixture
def run(store: EmbeddedStore) -> Run:
    return store.create_run("0", start_time=1_790_000_000_000, user_id="ada", run_name="a run")


def test_an_unknown_run_is_told(ask: Ask) -> None:
    answer = ask("/runs/nobody")
    assert answer.status_code == 404
    assert "not found" in answer.text


def test_extremes_are_of_the_numbers_among_the_points(store: EmbeddedStore, run: Run, ask: Ask) -> None:
    values = (3.0, float("nan"), -2.0, float("inf"), 1.5)
    store.log_batch(
        run.run_id, metrics=[Metric("loss", value, 1, step) for step, value in enumerate(values)]
    )
    row = ask(f"/runs/{run.run_id}").text.split('data-key="loss"')[1].split("</tr>")[0]
    cells = [cell.split("<")[0] for cell in row.split('<td class="number">')[1:]]
    assert cells == ["1.5", "-2", "3", "4"]


def test_a_run_of_very_much_data_has_a_page_that_says_what_it_leaves_out(
    store: EmbeddedStore, run: Run, ask: Ask
) -> None:
    params = {f"param {number:04}": "v" for number in range(MOST_ROWS + 3)}
    store.log_batch(run.run_id, params={**params, "a long one": "x" * 900_000})
    text = ask(f"/runs/{run.run_id}").text
    assert len(text) < 2_000_000
    assert "4 parameters more" in text
    at_once, rest = text.split('id="params"')[1].split('id="tags"')[0].split('<details class="rest">')
    assert at_once.count("<tr data-key=") == SHOWN_AT_ONCE
    assert rest.count("<tr data-key=") == MOST_ROWS - SHOWN_AT_ONCE
    assert "900,000 characters" in text
    assert "x" * LONGEST_VALUE in text
    assert "x" * (LONGEST_VALUE + 1) not in text


def test_datasets_tell_their_columns_and_where_they_are(store: EmbeddedStore, run: Run, ask: Ask) -> None:
    schema = json.dumps({"mlflow_colspec": [{"name": "petal", "type": "double"}, {"name": "kind"}]})
    good = Dataset("iris", "d1", "s3", '{"uri": "s3://bucket/iris.csv"}', schema, '{"num_rows": 150}')
    broken = Dataset("odd", "d2", "local", "[" * 60_000, "{" * 9000)
    used = [
        DatasetInput(good, {"mlflow.data.context": "training"}),
        DatasetInput(broken),
    ]
    store.log_inputs(run.run_id, datasets=used)
    text = ask(f"/runs/{run.run_id}").text
    for expected in ("s3://bucket/iris.csv", "training", "2 columns", "petal", "double", "num_rows", "odd"):
        assert expected in text


def test_models_tell_where_they_are_registered(store: EmbeddedStore, run: Run, ask: Ask) -> None:
    model = store.create_logged_model("0", name="forest", source_run_id=run.run_id)
    store.log_logged_model_params(model.model_id, {"trees": "100"})
    store.log_outputs(run.run_id, [ModelLink(model.model_id), ModelLink("m-" + "f" * 32)])
    store.create_registered_model("iris")
    store.create_model_version(
        "iris", f"models:/{model.model_id}", run_id=run.run_id, model_id=model.model_id
    )
    store.create_model_version("iris", f"runs:/{run.run_id}/other", run_id=run.run_id)
    store.set_registered_model_alias("iris", "champion", "1")
    section = ask(f"/runs/{run.run_id}").text.split('id="models"')[1].split("</section>")[0]
    rows = section.split("<tr>")[2:]
    assert (
        "forest" in rows[0]
        and "trees" in rows[0]
        and "/models/iris/1" in rows[0]
        and "@champion" in rows[0]
    )
    assert "gone" in rows[1] and "not registered" in rows[1]
    assert "/models/iris/2" in rows[2]


def test_who_only_reads_is_shown_no_way_to_change(store: EmbeddedStore, run: Run, ask: Ask) -> None:
    store.set_tag(run.run_id, "team", "vision")
    text = ask(f"/runs/{run.run_id}").text
    assert "vision" in text
    assert "data-do" not in text


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_all_of_a_run_on_one_page(sample: Sample, opened: Opened, theme: str) -> None:
    best = sample.runs[-1]
    page = opened(f"{sample.url}/runs/{best.run_id}", theme=theme)
    page.get_by_role("heading", name=best.run_name).wait_for()
    assert page.locator("#params tr", has_text="depth").locator("td").inner_text() == best.params["depth"]
    assert page.locator("#datasets").get_by_text("iris.csv").is_visible()
    page.get_by_text("tags of MLflow and reprise").click()
    assert page.locator("#other-tags", has_text="mlflow.source.git.commit").is_visible()
    accessible(page)
    keep_picture(page, f"run-{theme}")
    page.locator("#metrics").get_by_role("link", name="loss").click()
    page.get_by_role("dialog").get_by_role("img", name="loss: 20 points").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")
    page.goto(f"{sample.url}/runs/{sample.parent.run_id}")
    page.get_by_role("link", name="6 nested runs").click()
    page.locator("#nested").get_by_role("link", name="trial 4").click()
    page.locator(".crumbs").get_by_role("link", name="search for a depth").wait_for()


@pytest.mark.browser
def test_a_hostile_run_is_text(sample: Sample, opened: Opened) -> None:
    page = opened(f"{sample.url}/runs/{sample.hostile.run_id}")
    assert page.locator("h1").inner_text().startswith(SHOWN[:45])
    page.locator("#params summary").click()
    assert SHOWN in page.locator("#params .value").inner_text()
    assert "owned" not in page.title().split("'")[0]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    accessible(page)


@pytest.mark.browser
def test_a_run_is_changed_on_its_page(store: EmbeddedStore, run: Run, serve: Serve, opened: Opened) -> None:
    store.set_tag(run.run_id, "team", "vision")
    page = opened(f"{serve(store.directory)}/runs/{run.run_id}")

    page.get_by_role("button", name="Rename").click()
    _fill(page, "Name", HOSTILE[:60])
    page.get_by_role("button", name="Save").click()
    page.get_by_role("heading", name=HOSTILE[:30]).wait_for()

    page.get_by_role("button", name="Write a note").click()
    _fill(page, "Note in Markdown", "# Aim\n\nto be *better* <script>document.title='owned'</script>")
    page.get_by_role("region", name="Preview").get_by_role("heading", name="Aim").wait_for()
    accessible(page)
    keep_picture(page, "run-note")
    page.get_by_role("button", name="Save").click()
    page.locator("#note em", has_text="better").wait_for()

    page.get_by_role("button", name="Add a tag").click()
    _fill(page, "Name", "stage")
    _fill(page, "Value", "draft")
    page.get_by_role("dialog").get_by_role("button", name="Add").click()
    page.get_by_role("button", name="Edit the tag stage").click()
    _fill(page, "Value", "final")
    page.get_by_role("button", name="Save").click()
    page.locator("#tags tr", has_text="final").wait_for()
    page.get_by_role("button", name="Delete the tag team").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.locator("#tags tr", has_text="vision").wait_for(state="detached")

    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.get_by_text("This run is deleted").wait_for()
    assert store.get_run(run.run_id).lifecycle_stage == "deleted"
    expect(page.get_by_role("button", name="Edit")).to_have_count(0)
    page.get_by_role("button", name="Restore").click()
    page.get_by_role("button", name="Rename").wait_for()

    now = store.get_run(run.run_id)
    assert (now.run_name, now.lifecycle_stage) == (HOSTILE[:60], "active")
    assert now.tags["stage"] == "final"
    assert "team" not in now.tags
    assert now.tags["mlflow.note.content"].startswith("# Aim")


@pytest.mark.browser
def test_no_note_is_lost_that_is_written_in_two_places(
    store: EmbeddedStore, run: Run, serve: Serve, opened: Opened
) -> None:
    store.update_run(run.run_id, status="FINISHED", end_time=2)
    page = opened(f"{serve(store.directory)}/runs/{run.run_id}")
    store.set_tag(run.run_id, NOTE, "from another tab")
    page.get_by_role("button", name="Write a note").click()
    note = page.get_by_label("Note in Markdown")
    expect(note).to_have_value("from another tab")
    store.set_tag(run.run_id, NOTE, "once more from there")
    note.fill("mine")
    page.get_by_role("button", name="Save").click()
    page.locator(".toast.fault", has_text="The note was changed meanwhile").wait_for()
    expect(note).to_have_value("mine")
    page.locator("#note", has_text="once more from there").wait_for()
    page.context.set_offline(True)
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".toast.fault")).to_have_count(2)
    expect(note).to_have_value("mine")
    page.context.set_offline(False)
    page.get_by_role("button", name="Save").click()
    page.locator("#note", has_text="mine").wait_for()
    assert store.get_run(run.run_id).tags[NOTE] == "mine"


@pytest.mark.browser
def test_a_tag_of_several_lines_keeps_them(
    store: EmbeddedStore, run: Run, serve: Serve, opened: Opened
) -> None:
    store.set_tag(run.run_id, "plan", "first\nsecond")
    page = opened(f"{serve(store.directory)}/runs/{run.run_id}")
    page.get_by_role("button", name="Edit the tag plan").click()
    value = page.get_by_role("dialog").get_by_label("Value")
    expect(value).to_have_value("first\nsecond")
    value.fill("first\nsecond\nthird")
    page.get_by_role("button", name="Save").click()
    page.locator("#tags tr", has_text="third").wait_for()
    assert store.get_run(run.run_id).tags["plan"] == "first\nsecond\nthird"


@pytest.mark.browser
def test_what_a_run_logs_appears_while_one_looks_at_it(
    store: EmbeddedStore, run: Run, serve: Serve, opened: Opened
) -> None:
    page = opened(f"{serve(store.directory)}/runs/{run.run_id}")
    page.get_by_text("None logged.").first.wait_for()
    store.log_batch(run.run_id, params={"depth": "7"}, metrics=[Metric("loss", 0.25, 1, 3)])
    store.create_run(
        "0", start_time=1, user_id="ada", tags={tags.PARENT_RUN_ID: run.run_id}, run_name="child"
    )
    page.locator("#params tr", has_text="7").wait_for()
    page.locator("#metrics tr", has_text="0.25").wait_for()
    page.locator("#nested").get_by_role("link", name="child").wait_for()
    store.update_run(run.run_id, status="FINISHED", end_time=run.start_time + 4000)
    page.locator("#run", has_text="took 4.0 s").wait_for()


@pytest.mark.browser
def test_news_neither_undoes_a_click_nor_hides_later_news(
    store: EmbeddedStore, run: Run, serve: Serve, opened: Opened
) -> None:
    store.set_tag(run.run_id, "seen", "nothing")
    page = opened(f"{serve(store.directory)}/runs/{run.run_id}")
    seen = page.locator("#tags tr", has_text="seen")
    held: list[Route] = []
    page.route(f"**/runs/{run.run_id}", lambda route: held.append(route))
    store.set_tag(run.run_id, "seen", "one")
    assert eventually(lambda: page.title() and len(held) == 1)
    first = page.context.request.get(page.url).text()
    store.set_tag(run.run_id, "seen", "two")
    assert eventually(lambda: page.title() and len(held) == 2)  # before the first one was answered
    held[0].fulfill(body=first, content_type="text/html")
    expect(seen).to_contain_text("one")
    held[1].continue_()
    expect(seen).to_contain_text("two")

    page.unroute_all()
    page.get_by_role("button", name="Edit the tag seen").hover()
    page.mouse.down()
    with page.expect_response(f"**/runs/{run.run_id}"):
        store.set_tag(run.run_id, "seen", "three")
    settled(page)
    page.mouse.up()
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Escape")
    expect(seen).to_contain_text("three")


@pytest.mark.browser
def test_the_head_is_live_on_every_tab(
    store: EmbeddedStore, run: Run, serve: Serve, opened: Opened
) -> None:
    page = opened(f"{serve(store.directory)}/runs/{run.run_id}/provenance")
    page.locator(".status", has_text="running").wait_for()
    store.update_run(run.run_id, status="FAILED", end_time=run.start_time + 4000)
    page.locator(".status", has_text="failed").wait_for()
    page.keyboard.press("2")
    page.get_by_text("No metrics").wait_for()


def _fill(page: Page, label: str, text: str) -> None:
    page.get_by_role("dialog").get_by_label(label).fill(text)
