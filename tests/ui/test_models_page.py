"""Registered models: found, looked at, compared, and changed from the page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Route, expect

from reprise.schemas.entities import Metric, Run
from reprise.tracking.sqlite.store import EmbeddedStore
from tests.ui.asking import Ask
from tests.ui.conftest import Opened, Serve, accessible, follow, keep_picture, settled
from tests.ui.sample import Sample

if TYPE_CHECKING:
    from playwright.sync_api import Locator

HOSTILE = "<script>document.title='owned'<\\script>\u202e 🌸 %2e#?&'\"" + "x" * 200
"""What a model may be called: no ``/`` and no ``:``."""

MLMODEL = """flavors:
  python_function: {loader_module: mlflow.sklearn, python_version: 3.11.4}
  sklearn: {sklearn_version: 1.5.0}
signature:
  inputs: '[{"type": "double", "name": "<b>petal", "required": true}]'
  outputs: '[{"type": "long", "required": true}]'
"""


def _run(store: EmbeddedStore, folder: Path, accuracy: float, requirements: str = "") -> Run:
    """A run that left a model."""
    run = store.create_run("0", start_time=1_790_000_000_000, user_id="ada", run_name=f"run {accuracy}")
    store.log_batch(run.run_id, metrics=[Metric("accuracy", accuracy, 1)], params={"kind": "forest"})
    for name, text in (("MLmodel", MLMODEL), ("requirements.txt", requirements)):
        (folder / name).write_text(text)
        store.upload_artifact(run.run_id, folder / name, f"model/{name}")
    return run


def _register(store: EmbeddedStore, name: str, *runs: Run) -> None:
    store.create_registered_model(name)
    for run in runs:
        store.create_model_version(name, f"{run.artifact_uri}/model", run_id=run.run_id)


def _shown(found: Locator) -> None:
    """Wait for what the next page shows, and for its scripts."""
    found.wait_for()
    found.page.wait_for_load_state()


def test_models_are_searched_by_a_part_of_the_name(store: EmbeddedStore, ask: Ask) -> None:
    for name in ("Bob's iris", "tulip"):
        store.create_registered_model(name)
    text = ask("/models?q=b's I").text
    assert "Bob&#39;s iris</a>" in text and "tulip</a>" not in text
    assert "No model has that in its name" in ask("/models?q=100%25'; --").text
    assert "No model is registered" not in ask("/models").text


def test_a_long_list_of_models_and_of_versions_goes_on(store: EmbeddedStore, ask: Ask) -> None:
    for number in range(101):
        store.create_registered_model(f"model {number:03}")
    for _ in range(51):
        store.create_model_version("model 000", "s3://elsewhere/model")
    for path, last in (("/models", ">model 100</a>"), ("/models/model%20000", ">1</a>")):
        first = ask(path).text
        following = first.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
        assert last not in first
        assert last in ask(following).text


def test_a_version_shows_its_signature_requirements_and_how_it_is_used(
    store: EmbeddedStore, ask: Ask, tmp_path: Path
) -> None:
    run = _run(store, tmp_path, 0.9, "scikit-learn==1.5.0\n")
    _register(store, "my iris", run)
    text = ask("/models/my%20iris/1").text
    assert "&lt;b&gt;petal" in text and "<b>petal" not in text
    assert "scikit-learn==1.5.0" in text
    assert "reprise models serve -m &#39;models:/my iris/1&#39;" in text
    assert f'href="/runs/{run.run_id}/artifacts?path=model"' in text


def test_a_version_whose_run_and_files_are_gone_is_shown(store: EmbeddedStore, ask: Ask) -> None:
    store.create_registered_model("iris")
    store.create_model_version("iris", "s3://elsewhere/model", run_id="f" * 32)
    answer = ask("/models/iris/1")
    assert answer.status_code == 200
    assert "Its files cannot be shown" in answer.text
    assert f"run {'f' * 32} was removed" in answer.text
    assert ask("/models/iris").status_code == 200
    assert ask("/models/iris/compare?versions=1").status_code == 200


def test_who_may_only_read_is_offered_no_change(store: EmbeddedStore, ask: Ask, tmp_path: Path) -> None:
    run = _run(store, tmp_path, 0.9)
    _register(store, "iris", run)
    store.set_registered_model_alias("iris", "champion", "1")
    for path in (
        "/models",
        "/models/iris",
        "/models/iris/1",
        f"/runs/{run.run_id}/artifacts?path=model/MLmodel",
    ):
        text = ask(path).text
        offered = set(re.findall(r'data-do="([^"]+)"', text))
        assert offered <= {"compare"} and "/models?register" not in text


def test_what_is_not_there_is_told(store: EmbeddedStore, ask: Ask) -> None:
    store.create_registered_model("iris")
    for path, status in (("/models/rose", 404), ("/models/iris/7", 404), ("/models/iris/compare", 400)):
        assert ask(path).status_code == status


def test_versions_side_by_side_show_what_differs(store: EmbeddedStore, ask: Ask, tmp_path: Path) -> None:
    runs = [
        _run(store, tmp_path, 0.8, "numpy==1.26\npandas==2.1\n"),
        _run(store, tmp_path, 0.9, "numpy==1.26\npandas==2.2\n"),
    ]
    _register(store, "iris", *runs)
    everything = ask("/models/iris/compare?versions=1,2").text
    differences = ask("/models/iris/compare?versions=1,2&only=differences").text
    for told in ("==2.1", "==2.2", ">0.8<", ">0.9<"):
        assert told in everything and told in differences
    assert "numpy" in everything and "numpy" not in differences
    assert "input &lt;b&gt;petal" in everything
    assert f"/compare?runs={runs[0].run_id}%2C{runs[1].run_id}" in differences


def test_of_more_versions_than_fit_side_by_side_the_rest_is_told(store: EmbeddedStore, ask: Ask) -> None:
    store.create_registered_model("iris")
    for _ in range(22):
        store.create_model_version("iris", "s3://elsewhere/model")
    wanted = ",".join(map(str, range(1, 23)))
    text = ask(f"/models/iris/compare?versions={wanted}").text
    assert "20 versions side by side" in text and "2 versions left out" in text
    assert "left out" not in ask("/models/iris/compare?versions=1,22").text


def test_a_command_for_a_model_whose_name_a_terminal_would_act_on_is_safe_to_paste(
    store: EmbeddedStore, ask: Ask
) -> None:
    store.create_registered_model("iris\x1b[201~\rrose")
    store.create_model_version("iris\x1b[201~\rrose", "s3://elsewhere/model")
    text = ask("/models/iris%1B%5B201~%0Drose/1").text
    assert "reprise models serve -m $&#39;models:/iris\\033[201~\\015rose/1&#39;" in text


@pytest.mark.browser
def test_an_alias_that_others_move_is_shown_where_it_is_now(
    store: EmbeddedStore, serve: Serve, opened: Opened, tmp_path: Path
) -> None:
    store.create_registered_model("iris")
    for _ in range(3):
        store.create_model_version("iris", "s3://elsewhere/model")
    store.set_registered_model_alias("iris", "champion", "1")
    page = opened(f"{serve(tmp_path / 'mlruns')}/models/iris")
    page.get_by_label("Select version 3").check()
    old = page.context.request.get(page.url).text()
    held: list[Route] = []
    page.route("**/models/iris", lambda route: route.continue_() if held else held.append(route))
    with page.expect_request("**/models/iris"):
        store.set_registered_model_alias("iris", "champion", "2")
    store.set_registered_model_alias("iris", "champion", "3")
    _shown(page.get_by_role("link", name="version 3"))
    with page.expect_response("**/models/iris") as late:
        held[0].fulfill(body=old, content_type="text/html")
    late.value.finished()
    settled(page)
    expect(page.get_by_role("link", name="version 3")).to_be_visible()
    expect(page.get_by_label("Select version 3")).to_be_checked()
    page.get_by_role("button", name="Move champion", exact=True).click()
    expect(page.get_by_label("Version", exact=True)).to_have_value("3")


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_models_are_looked_at(sample: Sample, opened: Opened, theme: str) -> None:
    page = opened(f"{sample.url}/models", theme=theme)
    accessible(page)
    keep_picture(page, f"models-{theme}")
    follow(page.get_by_role("link", name="iris", exact=True))
    page.get_by_text("Tells flowers apart").wait_for()
    accessible(page)
    keep_picture(page, f"model-{theme}")
    for number in (1, 2):
        page.get_by_label(f"Select version {number}").check()
    page.keyboard.press("Tab")
    follow(page.get_by_role("button", name="Compare"))
    page.get_by_text("2 versions side by side").wait_for()
    accessible(page)
    keep_picture(page, f"model-compare-{theme}")
    follow(page.get_by_role("link", name="Version 2"))
    page.get_by_text("reprise models serve -m models:/iris/2").wait_for()
    expect(page.get_by_role("heading", name="Lineage")).to_be_visible()
    accessible(page)
    keep_picture(page, f"model-version-{theme}")


@pytest.mark.browser
def test_a_model_is_registered_changed_and_deleted(
    store: EmbeddedStore, serve: Serve, opened: Opened, tmp_path: Path
) -> None:
    run = _run(store, tmp_path, 0.9)
    url = serve(tmp_path / "mlruns")
    page = opened(f"{url}/runs/{run.run_id}/artifacts?path=model/MLmodel")
    page.get_by_role("link", name="Register it").click()
    page.get_by_label("Registered model, new or existing").fill("iris")
    page.get_by_role("dialog").get_by_role("button", name="Register").click()
    _shown(page.get_by_role("heading", name="iris"))

    page.get_by_role("button", name="Add an alias").click()
    page.get_by_label("Alias", exact=True).fill("champion")
    page.keyboard.press("Enter")
    _shown(page.get_by_role("cell", name="@champion").first)
    store.create_model_version("iris", f"{run.artifact_uri}/model", run_id=run.run_id)
    page.evaluate("window.isTheSame = true")
    page.get_by_role("button", name="Move champion", exact=True).click()
    page.get_by_label("Version", exact=True).fill("2")
    page.keyboard.press("Enter")
    _shown(page.get_by_role("link", name="version 2"))
    assert store.get_registered_model("iris").aliases == {"champion": 2}
    expect(page.get_by_role("button", name="Move champion", exact=True)).to_be_focused()
    assert page.evaluate("window.isTheSame")

    page.get_by_label("Stage of version 1").click()
    page.get_by_role("combobox", name="Stage").select_option("Production")
    page.get_by_role("button", name="Move", exact=True).click()
    _shown(page.get_by_role("button", name="Stage of version 1: Production"))
    expect(page.locator("#stage-1")).to_be_focused()

    page.get_by_role("button", name="Edit description").click()
    page.get_by_role("textbox", name="Description").fill("flowers <b>apart</b>")
    page.get_by_role("button", name="Save").click()
    _shown(page.get_by_text("flowers <b>apart</b>"))

    page.get_by_role("button", name="Delete version 1").click()
    page.get_by_role("textbox").fill("not iris")
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.get_by_text("Nothing was deleted").wait_for()
    page.get_by_role("button", name="Delete version 1").click()
    page.get_by_role("textbox").fill("iris")
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete version 1").wait_for(state="detached")
    assert [version.version for version in store.search_model_versions().items] == [2]


@pytest.mark.browser
def test_a_hostile_model_is_text_everywhere(
    store: EmbeddedStore, serve: Serve, opened: Opened, tmp_path: Path
) -> None:
    run = _run(store, tmp_path, float("nan"), HOSTILE)
    _register(store, HOSTILE, run)
    store.update_registered_model(HOSTILE, description=HOSTILE * 30)
    store.set_registered_model_tag(HOSTILE, "team", HOSTILE)
    page = opened(f"{serve(tmp_path / 'mlruns')}/models")
    page.get_by_role("cell", name=HOSTILE[:20]).get_by_role("link").first.click()
    _shown(page.get_by_role("button", name="Add a tag"))
    fits = "document.documentElement.scrollWidth <= innerWidth"
    assert page.evaluate(fits) and "owned'" in page.inner_text("h1")
    page.get_by_role("button", name="Remove the tag").click()
    page.get_by_text("None.", exact=True).wait_for()
    follow(page.get_by_role("link", name="1", exact=True))
    page.get_by_role("heading", name="Version 1").first.wait_for()
    assert page.evaluate(fits)
    assert page.title() != "owned"
