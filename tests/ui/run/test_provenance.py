"""Where a run came from, and whether it reproduces: by records, by tags, and by whatever lies there."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from playwright.sync_api import expect

from reprise.runner.capture.snapshots import make_snapshot
from reprise.runner.planning import guards
from reprise.runner.record import contents
from reprise.schemas import tags
from reprise.schemas.entities import Run
from reprise.schemas.record.observed_record import ObservedInput, ObservedRecord, VariableRecord
from reprise.schemas.record.run_record import (
    Absent,
    Content,
    EnvironmentRecord,
    FileRecord,
    LeftOut,
    ParameterRecord,
    ProjectRecord,
    RunRecord,
    SourceRecord,
    to_json,
)
from reprise.tracking.sqlite.store import EmbeddedStore
from reprise.ui.run.origins import origin
from tests.fakes.repositories import git, make
from tests.ui.asking import Ask
from tests.ui.conftest import Opened, Serve, accessible, follow, keep_picture
from tests.ui.sample import HOSTILE, Sample

COMMIT = "c" * 40
PATCH = """diff --git a/train.py b/train.py
--- a/train.py
+++ b/train.py
@@ -1 +1 @@
-print("<b>old</b>")
+print("<b>new</b>")
"""


def _run(store: EmbeddedStore, told: dict[str, str] | None = None, name: str = "first") -> Run:
    run = store.create_run("0", start_time=1_790_000_000_000, user_id="ada", run_name=name, tags=told or {})
    store.update_run(run.run_id, status="FINISHED", end_time=run.start_time + 5)
    return run


def _keep(store: EmbeddedStore, run: Run, name: str, text: str) -> None:
    file = store.artifact_folder(run.run_id) / "reprise" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def _record(run: Run, source: SourceRecord, *parameters: ParameterRecord) -> RunRecord:
    project = ProjectRecord("iris", "MLproject", "train", "python train.py", "python_env.yaml")
    return RunRecord(run.run_id, run.run_name, "my flowers", "0.1.0", source, project, parameters)


def test_the_command_can_be_pasted_back_whatever_the_values_are(store: EmbeddedStore) -> None:
    run = _run(store)
    nasty = "a 'b' \"c\" $(rm) ; `d`\nnext"
    source = SourceRecord("https://example.org/team/project.git#sub dir", "git", commit=COMMIT)
    record = _record(
        run,
        source,
        ParameterRecord("text", nasty, "-P"),
        ParameterRecord("usual", "1", "default"),
        ParameterRecord("token", None, "-P", secret=True),
    )._replace(environment=EnvironmentRecord("virtualenv", "uv"))
    _keep(store, run, "run.json", to_json(record))
    found = origin(store, run)
    assert found.start is not None
    assert shlex.split(found.start) == [
        *("reprise", "run", "https://example.org/team/project.git#sub dir", "-v", COMMIT, "-e", "train"),
        *("--env-manager", "uv", "--experiment-name", "my flowers", "-P", f"text={nasty}"),
    ]
    assert found.hidden == ("token",)
    assert found.link == "https://example.org/team/project.git"


def test_no_address_of_a_record_becomes_a_link_but_that_of_a_page(store: EmbeddedStore, ask: Ask) -> None:
    for uri in ("javascript:alert(1)//", "data:text/html,x", "http://[", "file:///etc"):
        run = _run(store)
        _keep(store, run, "run.json", to_json(_record(run, SourceRecord(uri, "git", uri, COMMIT))))
        assert origin(store, run).link is None
        answer = ask(f"/runs/{run.run_id}/provenance")
        assert answer.status_code == 200 and f'href="{uri}' not in answer.text


def test_what_the_commit_does_not_have_is_shown_and_can_be_had(store: EmbeddedStore, ask: Ask) -> None:
    run = _run(store)
    objects = store.directory / contents.FOLDER
    patch = contents.keep_content(objects, PATCH.encode())
    notes = FileRecord("notes <i>.txt", contents.keep_content(objects, b"<script>alert(1)</script>"))
    other = contents.keep_content(objects, b"of another run")
    source = SourceRecord(
        "file:///home/ada/iris",
        "git",
        commit=COMMIT,
        dirty=True,
        patch=patch,
        files=(notes,),
        left_out=(LeftOut("data.bin", 5_000_000_000, "too large"),),
    )
    _keep(store, run, "run.json", to_json(_record(run, source)))
    text = ask(f"/runs/{run.run_id}/provenance").text
    assert '<span class="removed">-print(&#34;&lt;b&gt;old&lt;/b&gt;&#34;)' in text
    assert '<span class="added">+print(&#34;&lt;b&gt;new&lt;/b&gt;&#34;)' in text
    assert "notes &lt;i&gt;.txt" in text and "5.0 GB" in text and "too large" in text
    kept = ask(f"/runs/{run.run_id}/kept/{notes.content.digest}")
    assert kept.content == b"<script>alert(1)</script>"
    assert kept.headers["content-type"].startswith("text/plain")
    assert "sandbox" in kept.headers["content-security-policy"]
    assert ask(f"/runs/{run.run_id}/kept/{patch.digest}").text == PATCH
    assert ask(f"/runs/{run.run_id}/kept/{other.digest}").status_code == 404
    assert ask(f"/runs/{_run(store).run_id}/kept/{patch.digest}").status_code == 404


def test_what_the_run_also_read_is_shown(store: EmbeddedStore, ask: Ask) -> None:
    run = _run(store)
    seen = ObservedRecord(
        inputs=(
            ObservedInput("/mnt/<b>.csv", "file", 3, "sha256:" + "1" * 64),
            ObservedInput("images", "folder", 9, None, 120, "too much"),
        ),
        hosts=("example.org:443",),
        variables=(VariableRecord("MYCFG"),),
        faults=("python -I is not observed",),
    )
    record = _record(run, SourceRecord("/p", "folder"))._replace(observed=seen)
    _keep(store, run, "run.json", to_json(record))
    text = ask(f"/runs/{run.run_id}/provenance").text
    for words in ("This run also read", "121 files", "/mnt/&lt;b&gt;.csv", "too much", "example.org:443"):
        assert words in text
    assert "MYCFG" in text and "python -I is not observed" in text


def test_changes_are_shown_against_the_commit(
    store: EmbeddedStore, ask: Ask, tmp_path: Path, house: Path
) -> None:
    root = make(tmp_path / "iris", {"train.py": "print('old')\n", "gone.py": "gone\n", "same.py": "same\n"})
    commit = git(root, "rev-parse", "HEAD")
    run = _run(store)
    objects = store.directory / contents.FOLDER
    source = SourceRecord(
        root.as_uri(),
        "git",
        commit=commit,
        dirty=True,
        files=(
            FileRecord("train.py", contents.keep_content(objects, b"print('new')\n"), standing="changed"),
        ),
        absent=(Absent("gone.py", "hidden"),),
        snapshot=make_snapshot(root, commit, objects, guards.Limit(10**6, 10**6)),
    )
    _keep(store, run, "run.json", to_json(_record(run, source)))
    text = ask(f"/runs/{run.run_id}/provenance").text
    assert '<span class="added">+print(&#39;new&#39;)' in text
    assert '<span class="removed">-gone' in text
    assert "same.py" not in text


def test_a_patch_that_is_gone_is_told(store: EmbeddedStore, ask: Ask) -> None:
    run = _run(store)
    gone = Content(f"sha256:{'a' * 64}", 10)
    _keep(
        store, run, "run.json", to_json(_record(run, SourceRecord("x", "git", commit=COMMIT, patch=gone)))
    )
    assert "They cannot be shown" in ask(f"/runs/{run.run_id}/provenance").text
    assert ask(f"/runs/{run.run_id}/kept/{gone.digest}").status_code == 404


def test_a_run_of_plain_mlflow_shows_what_its_tags_say(store: EmbeddedStore, ask: Ask) -> None:
    project = {
        tags.SOURCE_NAME: "https://example.org/p.git#sub",
        tags.SOURCE_TYPE: "PROJECT",
        tags.GIT_COMMIT: COMMIT,
        tags.ENTRY_POINT: "fit",
    }
    run = _run(store, project)
    store.log_batch(run.run_id, params={"depth": "3"})
    text = ask(f"/runs/{run.run_id}/provenance").text
    assert "Not started by reprise" in text and COMMIT in text
    again = f"reprise run &#39;https://example.org/p.git#sub&#39; -v {COMMIT} -e fit"
    assert again in text and "-P depth=3" in text
    script = _run(store, {tags.SOURCE_NAME: "train.py", tags.SOURCE_TYPE: "LOCAL"})
    store.log_batch(script.run_id, params={"rate": "0.1"})
    text = ask(f"/runs/{script.run_id}/provenance").text
    assert "The command was not recorded" in text and "0.1" in text


@pytest.mark.parametrize("broken", ["{}", "[1]", '{"version": 99}', "\x00", '{"version": 1, "source": 3}'])
def test_a_record_that_cannot_be_read_is_a_note(store: EmbeddedStore, ask: Ask, broken: str) -> None:
    run = _run(store, {tags.VERSION: "0.1.0"})
    _keep(store, run, "run.json", broken)
    answer = ask(f"/runs/{run.run_id}/provenance")
    assert answer.status_code == 200 and "cannot read the record" in answer.text


def test_verdicts_are_told_part_by_part_with_differences_first(store: EmbeddedStore, ask: Ask) -> None:
    run = _run(store)
    again = _run(
        store, {tags.REPRODUCES: run.run_id, tags.VERDICT: "diverged at metric loss, step 3"}, "second"
    )
    parts = [
        {"part": "source", "name": "", "verdict": "identical", "where": "", "note": "", "decides": True},
        {
            "part": "metric",
            "name": "<b>loss",
            "verdict": "diverged",
            "where": "step 3",
            "note": "0.1; was 0.2",
        },
    ]
    _keep(store, again, "verdict.json", json.dumps({"version": 1, "parts": [*parts, "odd", None]}))
    of_first = ask(f"/runs/{run.run_id}/provenance").text
    assert "diverged at metric loss, step 3" in of_first and f"/runs/{again.run_id}" in of_first
    assert of_first.index("metric &lt;b&gt;loss") < of_first.index('value">source')
    of_second = ask(f"/runs/{again.run_id}/provenance").text
    assert "It reproduces another run" in of_second and "0.1; was 0.2" in of_second


@pytest.mark.parametrize("broken", ["{}", "[]", '{"parts": 3}', "{", '{"parts": [{"name": {"a": 1}}]}'])
def test_a_report_of_any_form_breaks_no_page(store: EmbeddedStore, ask: Ask, broken: str) -> None:
    run = _run(store)
    again = _run(store, {tags.REPRODUCES: run.run_id})
    _keep(store, again, "verdict.json", broken)
    for one in (run, again):
        assert ask(f"/runs/{one.run_id}/provenance").status_code == 200


def test_packages_come_out_of_the_lock_of_the_manager(store: EmbeddedStore, ask: Ask) -> None:
    run = _run(store)
    made = EnvironmentRecord("virtualenv", "uv", "d" * 64, "reprise/environment.lock")
    record = _record(run, SourceRecord("x", "folder"))._replace(environment=made)
    _keep(store, run, "run.json", to_json(record))
    path = f"/runs/{run.run_id}/provenance"
    assert "Its lock cannot be read" in ask(path).text
    pinned = [f"numpy==1.26.4 --hash=sha256:{'a' * 64}"]
    lock = {"implementation": "cpython", "python": "3.11.4", "platform": "linux", "requirements": pinned}
    _keep(store, run, "environment.lock", json.dumps(lock))
    text = ask(path).text
    assert "numpy" in text and "1.26.4" in text
    assert f'href="/runs/{run.run_id}/raw/reprise/environment.lock?download"' in text


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_provenance_of_a_run_is_looked_at(sample: Sample, opened: Opened, theme: str) -> None:
    page = opened(f"{sample.url}/runs/{sample.dirty.run_id}/provenance", theme=theme)
    page.get_by_text("+print('one more line')").wait_for()
    page.wait_for_load_state()
    page.get_by_label("Search packages").fill("jinja")
    page.get_by_text("1 of").wait_for()
    expect(page.get_by_role("cell", name="Jinja2")).to_be_visible()
    expect(page).to_have_url(re.compile("package=jinja"))
    accessible(page)
    keep_picture(page, f"provenance-{theme}")
    page.goto(f"{sample.url}/runs/{sample.again.run_id}/provenance")
    page.get_by_text("Part by part").click()
    page.get_by_role("cell", name="metric accuracy").wait_for()
    accessible(page)
    keep_picture(page, f"provenance-reproduced-{theme}")
    follow(page.get_by_role("link", name=sample.runs[-2].run_name).first)
    follow(page.get_by_role("link", name="Provenance"))
    page.get_by_role("heading", name="Verdicts").wait_for()
    page.get_by_role("cell", name="metric accuracy").wait_for()


@pytest.mark.browser
def test_a_hostile_run_is_text(store: EmbeddedStore, serve: Serve, opened: Opened, tmp_path: Path) -> None:
    run = _run(store, name=HOSTILE)
    record = _record(run, SourceRecord(HOSTILE, "git", HOSTILE, HOSTILE, HOSTILE, subdirectory=HOSTILE))
    parameters = (ParameterRecord(HOSTILE, HOSTILE * 50, HOSTILE),)
    made = EnvironmentRecord(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE)
    record = record._replace(
        parameters=parameters, environment=made, notes=(HOSTILE,), seeds={HOSTILE: HOSTILE}
    )
    _keep(store, run, "run.json", to_json(record))
    page = opened(f"{serve(tmp_path / 'mlruns')}/runs/{run.run_id}/provenance")
    page.get_by_role("heading", name="Not recorded").wait_for()
    assert page.title() != "owned"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    accessible(page)
