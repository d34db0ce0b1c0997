"""Runs that are chosen in the table, and what is done with them, while the table changes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from reprise.tracking.sqlite.store import EmbeddedStore
from tests.conftest import eventually
from tests.ui.conftest import Opened, Serve, accessible, follow
from tests.ui.runs.test_table import fill, names, row

if TYPE_CHECKING:
    from playwright.sync_api import Route


@pytest.mark.browser
def test_runs_are_changed_and_news_is_shown(tmp_path: Path, serve: Serve, opened: Opened) -> None:
    with EmbeddedStore(tmp_path / "mlruns") as store:
        for name in ("a", "b", "c", "d"):
            store.create_run("0", start_time=ord(name), user_id="", run_name=name, tags={"team": name})
        page = opened(f"{serve(tmp_path / 'mlruns')}/experiments/0?columns=status&columns=tags.team")
        row(page, "d").get_by_role("checkbox").hover()
        page.mouse.down()  # and while it is pressed, news of another run comes in
        store.set_tag(store.search_runs(["0"], filter="run_name = 'c'").items[0].run_id, "team", "green")
        row(page, "c").get_by_text("green").wait_for()
        page.mouse.up()
        page.get_by_text("1 selected").wait_for()
        row(page, "d").get_by_role("checkbox").uncheck()

        row(page, "b").get_by_role("button", name="Change team of b").click()
        page.get_by_role("textbox", name="Value").fill("blue")
        page.get_by_role("button", name="Save").click()
        row(page, "b").get_by_text("blue").wait_for()

        row(page, "a").get_by_role("checkbox").check()
        new = store.create_run("0", start_time=200, user_id="", run_name="new one")
        row(page, "new one").wait_for()  # without a reload, and what was chosen stays so
        page.get_by_text("1 selected").wait_for()
        store.update_run(new.run_id, status="FAILED", end_time=300)
        row(page, "new one").get_by_text("failed").wait_for()

        row(page, "c").get_by_role("checkbox").check()
        page.get_by_role("button", name="Set a tag").click()
        page.get_by_role("textbox", name="Tag").fill("team")
        page.get_by_role("textbox", name="Value").fill("red")
        page.get_by_role("button", name="Set", exact=True).click()
        row(page, "c").get_by_text("red").wait_for()
        page.get_by_role("button", name="Delete", exact=True).click()
        page.get_by_role("heading", name="Delete 2 runs?").wait_for()
        accessible(page)
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        row(page, "c").wait_for(state="detached")
        assert names(page) == ["new one", "d", "b"]
        follow(page.get_by_role("link", name="Deleted"))
        row(page, "a").get_by_role("checkbox").check()
        page.get_by_role("button", name="Restore").click()
        page.get_by_role("dialog").get_by_role("button", name="Restore").click()
        row(page, "a").wait_for(state="detached")
        found = store.search_runs(["0"]).items
    assert {run.run_name: run.tags["team"] for run in found if "team" in run.tags} == {
        "a": "red",
        "b": "blue",
        "d": "d",
    }


@pytest.mark.browser
def test_a_table_that_changes_is_told_and_chosen_from_as_it_is(
    tmp_path: Path, serve: Serve, opened: Opened
) -> None:
    fill(tmp_path / "mlruns", 300)
    with EmbeddedStore(tmp_path / "mlruns") as store:
        page = opened(f"{serve(tmp_path / 'mlruns')}/experiments/0?columns=tags.text")
        page.get_by_text("300 runs").wait_for()
        field = page.get_by_role("combobox", name="Filter")
        field.fill("start_time > 100")
        field.press("Enter")  # what is seen stays the same
        page.get_by_text("200 runs", exact=True).wait_for()
        assert page.locator("#table").get_attribute("aria-rowcount") == "201"

        row(page, "run-298").get_by_role("checkbox").click()
        for n in range(3):
            store.create_run("0", start_time=1000 + n, user_id="", run_name=f"new {n}")
        page.get_by_text("203 runs", exact=True).wait_for()
        row(page, "run-295").get_by_role("checkbox").click(modifiers=["Shift"])
        page.get_by_text("4 selected").wait_for()
        chosen = page.locator("#rows tr:has(:checked) a.text").all_inner_texts()
        assert chosen == [f"run-{n}" for n in (298, 297, 296, 295)]

        page.get_by_role("link", name="Skip to content").focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**#main")
        page.get_by_text("4 selected").wait_for()  # this was no step to another page
        page.get_by_role("button", name="Delete", exact=True).click()
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        page.get_by_text("Deleted 4 runs").wait_for()

        text = "first\nsecond " + "x" * 5000
        store.set_tag(f"{300:032x}", "text", text)
        row(page, "run-300").get_by_role("button", name="Change text").click()
        value = page.get_by_role("textbox", name="Value")
        assert value.input_value() == text
        value.fill(f"{text}, third")
        with page.expect_response("**/runs/set-tag"):
            page.get_by_role("button", name="Save", exact=True).click()
        assert store.get_run(f"{300:032x}").tags["text"] == f"{text}, third"


@pytest.mark.browser
def test_many_changes_can_be_stopped(tmp_path: Path, serve: Serve, opened: Opened) -> None:
    fill(tmp_path / "mlruns", 100)
    page = opened(f"{serve(tmp_path / 'mlruns')}/experiments/0")
    held: list[Route] = []
    page.route("**/runs/delete", lambda route: held.append(route))
    row(page, "run-100").get_by_role("checkbox").click()
    page.get_by_role("button", name="Select all matching").click()
    page.get_by_text("100 selected").wait_for()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("dialog", name="Delete 100 runs?").get_by_role("button", name="Delete").click()
    page.get_by_role("dialog", name="Delete 100 runs", exact=True).get_by_role(
        "button", name="Stop"
    ).click()
    assert eventually(lambda: page.evaluate("1") and len(held) == 6)  # as many as are asked at once
    for route in held:
        route.continue_()
    page.get_by_text("Deleted 6 runs").wait_for()
    page.get_by_text("94 selected").wait_for()


@pytest.mark.browser
def test_no_other_runs_are_deleted_than_those_that_were_asked_about(
    tmp_path: Path, serve: Serve, opened: Opened
) -> None:
    fill(tmp_path / "mlruns", 10)
    page = opened(f"{serve(tmp_path / 'mlruns')}/experiments/0")
    row(page, "run-10").get_by_role("checkbox").click()
    page.get_by_text("1 selected").wait_for()
    held: list[Route] = []
    page.route("**/ids?**", lambda route: held.append(route))
    with page.expect_request("**/ids?**"):
        page.get_by_role("button", name="Select all matching").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    dialog = page.get_by_role("dialog", name="Delete 1 run?")
    dialog.wait_for()
    held[0].continue_()
    expect(page.locator("#chosen")).to_have_text("10 selected")
    dialog.get_by_role("button", name="Delete").click()
    page.get_by_text("Deleted 1 run", exact=True).wait_for()
    expect(page.get_by_text("9 selected")).to_be_visible()
