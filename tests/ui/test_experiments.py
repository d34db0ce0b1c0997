"""The list of experiments."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from reprise.tracking.sqlite.store import EmbeddedStore
from tests.ui.asking import asking
from tests.ui.conftest import Opened, Serve, accessible, follow, keep_picture, settled
from tests.ui.sample import HOSTILE, Sample

if TYPE_CHECKING:
    from playwright.sync_api import Route


def test_an_empty_store_says_how_to_begin(tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path / "mlruns") as store:
        text = asking(store)("/experiments").text
    assert "reprise run PROJECT" in text
    assert "MLFLOW_TRACKING_URI=http://test" in text


def test_those_that_were_active_last_come_first(tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path / "mlruns") as store:
        for name in ("old", "new"):
            store.create_experiment(name)
        (old,) = store.search_experiments(filter="name = 'old'").items
        store.create_run(old.experiment_id, start_time=9_000_000_000_000, user_id="")
        text = asking(store)("/experiments").text
    assert text.index(">old<") < text.index(">new<")
    assert "No runs yet" not in text


@pytest.mark.parametrize("path", ["/experiments/x", "/experiments/77", "/experiments/" + "9" * 30])
def test_an_experiment_that_is_not_there_is_told_plainly(tmp_path: Path, path: str) -> None:
    with EmbeddedStore(tmp_path / "mlruns") as store:
        answer = asking(store)(path)
    assert answer.status_code in (400, 404)
    assert "<h1>" in answer.text


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_list_in_both_themes(sample: Sample, opened: Opened, theme: str) -> None:
    page = opened(f"{sample.url}/experiments", theme=theme)
    row = page.get_by_role("row").filter(has_text="flowers")
    assert "14" in row.inner_text()
    accessible(page)
    keep_picture(page, f"experiments-{theme}")
    row.get_by_role("link", name="flowers").click()
    page.wait_for_url(f"**/experiments/{sample.experiment_id}")


@pytest.mark.browser
def test_what_was_typed_last_is_what_is_found(
    store: EmbeddedStore, serve: Serve, opened: Opened, tmp_path: Path
) -> None:
    for name in ("iris", "irises", "wine"):
        store.create_experiment(name)
    page = opened(serve(tmp_path / "mlruns"))
    held: list[Route] = []
    slow = re.compile(r"/experiments/rows\?q=iri$")
    page.route(slow, lambda route: held.append(route))
    search = page.get_by_role("searchbox", name="Search experiments by name")
    with page.expect_request(slow):
        search.fill("iri")
    search.fill("wine")
    page.get_by_role("link", name="irises").wait_for(state="detached")
    with page.expect_response(slow) as late:
        held[0].continue_()
    late.value.finished()
    settled(page)
    page.get_by_role("link", name="wine").wait_for()
    assert page.get_by_role("link", name="irises").count() == 0


@pytest.mark.browser
def test_the_life_of_an_experiment(tmp_path: Path, serve: Serve, opened: Opened) -> None:
    with EmbeddedStore(tmp_path / "mlruns") as store:
        store.create_experiment(HOSTILE)
        page = opened(f"{serve(tmp_path / 'mlruns')}/experiments")
        page.get_by_role("button", name="New experiment").click()
        page.get_by_role("textbox", name="Name").fill("forests")
        page.get_by_role("button", name="Create").click()
        page.get_by_role("heading", name="forests").wait_for()
        follow(page.get_by_role("link", name="Experiments").first)

        row = page.get_by_role("row").filter(has_text="forests")
        row.get_by_role("button", name="Describe").click()
        page.get_by_role("textbox", name="Description").fill("All <b>trees</b>")
        page.get_by_role("button", name="Save").click()
        row.get_by_text("All <b>trees</b>").wait_for()
        row.get_by_role("button", name="Rename").click()
        page.get_by_role("textbox", name="Name", exact=True).fill("woods")
        page.get_by_role("button", name="Save").click()

        woods = page.get_by_role("row").filter(has_text="woods")
        woods.get_by_role("button", name="Delete").click()
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        woods.wait_for(state="detached")
        follow(page.get_by_role("link", name="Deleted"))
        woods.get_by_role("button", name="Restore").click()
        woods.wait_for(state="detached")
        follow(page.get_by_role("link", name="Active"))
        page.get_by_role("searchbox").fill("WOO")
        page.get_by_role("row").filter(has_text="<script>").wait_for(state="detached")
        woods.wait_for()
        expect(page).to_have_url(re.compile(r"\?q=WOO$"))
        found = store.get_experiment_by_name("woods")
        assert found is not None
        assert found.tags["mlflow.note.content"] == "All <b>trees</b>"

        store.create_run(found.experiment_id, start_time=1, user_id="")
        woods.get_by_text("running").wait_for()  # without a reload
        page.get_by_role("searchbox").fill("")
        page.get_by_role("row").filter(has_text="<script>").wait_for()
        assert page.title() == "Experiments · reprise"
        accessible(page)
