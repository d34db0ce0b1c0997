"""The way to a version of a model: run, project, environment and data, as far as the store knows it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from reprise.errors import TrackingError
from reprise.runner.jobs.find import find_version
from reprise.runner.models.lineage import RecordedEnvironment, trace_lineage
from reprise.schemas import tags
from reprise.schemas.entities import Dataset, DatasetInput
from reprise.tracking.sqlite.store import EmbeddedStore
from tests.conftest import ProjectFolder
from tests.fakes.repositories import git

pytestmark = pytest.mark.slow

Write = Callable[[Mapping[str, str]], ProjectFolder]

MLPROJECT = """\
name: flowers
entry_points:
  train:
    parameters:
      data: path
      token: {type: string, secret: true}
    command: "cat {data} > weights.txt && test -n {token}"
"""


@pytest.fixture
def store() -> Iterator[EmbeddedStore]:
    with EmbeddedStore(Path("mlruns").absolute()) as opened:
        yield opened


@pytest.fixture
def made(project: Write) -> ProjectFolder:
    """A project whose run has become version 1 of ``iris``, with the alias ``champion``."""
    demo = project({"MLproject": MLPROJECT, "a.csv": "1,2\n"})
    git(demo.path, "init", "--quiet", "--initial-branch=main")
    git(demo.path, "add", "--all")
    git(demo.path, "commit", "--quiet", "--message", "first")
    arguments = ("-e", "train", "-P", f"data={demo.path / 'a.csv'}", "-P", "token=s3cret")
    assert demo.run(*arguments).exit_code == 0
    Path("MLmodel").write_text("flavors: {}")
    assert demo.reprise("artifacts", "put", "@last", "MLmodel", "model/MLmodel").exit_code == 0
    assert demo.reprise("models", "register", "runs:/@last/model", "iris").exit_code == 0
    assert demo.reprise("models", "alias", "iris", "champion", "1").exit_code == 0
    return demo


def test_a_version_leads_to_commit_environment_and_data(made: ProjectFolder, store: EmbeddedStore) -> None:
    run = made.runs()[0]
    found = trace_lineage(store, find_version(store, "iris", "@champion"))
    assert found.run is not None and found.run.run_id == run.run_id
    origin = found.origin
    assert (origin.project, origin.entry_point, origin.dirty) == ("flowers", "train", False)
    assert origin.commit == git(made.path, "rev-parse", "HEAD")
    assert origin.environment == RecordedEnvironment("local", run.tags[tags.ENV_DIGEST])
    assert [(item.name, bool(item.digest)) for item in origin.inputs] == [("data", True)]
    assert found.notes == ()


def test_the_tree_shows_it_and_no_secret(made: ProjectFolder) -> None:
    shown = made.reprise("models", "show", "iris", "1")
    lines = shown.out.splitlines()
    assert lines[0] == "iris version 1 (@champion)"
    run = made.runs()[0].run_id[:8]
    assert any(line.startswith(f"└─ run          {run}") or f"run      {run}" in line for line in lines)
    commit = git(made.path, "rev-parse", "HEAD")[:12]
    assert any(line.endswith(f"commit       {commit}") for line in lines)
    assert any("parameter    token=***" in line for line in lines)
    assert any("data         data" in line for line in lines)
    told = made.reprise("models", "show", "iris", "@champion", "--json").out
    assert json.loads(told)["origin"]["commit"].startswith(commit)
    assert "s3cret" not in shown.out + told


def test_runs_that_performed_it_again_are_told_with_their_verdicts(
    made: ProjectFolder, store: EmbeddedStore
) -> None:
    run = made.runs()[0]
    again = store.create_run("0", start_time=9, user_id="ada", run_name="second try")
    store.log_batch(again.run_id, tags={tags.REPRODUCES: run.run_id, tags.VERDICT: "identical"})
    found = trace_lineage(store, find_version(store, "iris", "1"))
    assert [(item.run_id, item.verdict) for item in found.reproductions] == [(again.run_id, "identical")]
    shown = made.reprise("models", "show", "iris", "1").out
    assert f"reproduced by  {again.run_id[:8]} second try: identical" in shown


def test_a_run_of_plain_mlflow_tells_what_its_tags_say(made: ProjectFolder, store: EmbeddedStore) -> None:
    parent = store.create_run("0", start_time=1, user_id="ada", run_name="sweep")
    told = {
        tags.SOURCE_NAME: "train.py",
        tags.GIT_COMMIT: "c" * 40,
        tags.PARENT_RUN_ID: parent.run_id,
    }
    run = store.create_run("0", start_time=1, user_id="ada", tags=told)
    store.log_batch(run.run_id, params={"C": "0.5"})
    dataset = Dataset("flowers", "d1g35t", "local", "{}")
    store.log_inputs(run.run_id, datasets=[DatasetInput(dataset)])
    store.create_model_version("iris", "s3://bucket/model", run_id=run.run_id)
    found = trace_lineage(store, find_version(store, "iris", "latest"))
    assert found.parent is not None and found.parent.run_name == "sweep"
    origin = found.origin
    assert (origin.source, origin.commit, origin.dirty) == ("train.py", "c" * 40, None)
    assert [(item.name, item.value) for item in origin.parameters] == [("C", "0.5")]
    assert [(item.name, item.digest) for item in origin.inputs] == [("flowers", "d1g35t")]
    assert "not recorded by reprise" in found.notes[0]


def test_a_version_without_a_run_says_so(made: ProjectFolder, store: EmbeddedStore) -> None:
    store.create_model_version("iris", "s3://bucket/model", run_id=None)
    shown = made.reprise("models", "show", "iris", "2")
    assert (shown.exit_code, "has no run" in shown.err) == (0, True)
    assert "s3://bucket/model" in shown.out


def test_a_run_that_is_gone_leaves_what_the_logged_model_tells(
    made: ProjectFolder, store: EmbeddedStore
) -> None:
    run = store.create_run("0", start_time=1, user_id="ada")
    told = {tags.SOURCE_NAME: "train.py", tags.GIT_COMMIT: "c" * 40}
    model = store.create_logged_model(
        "0", name="m", source_run_id=run.run_id, tags=told, params={"C": "0.5"}
    )
    store.finalize_logged_model(model.model_id, "LOGGED_MODEL_READY")
    store.create_model_version("iris", f"models:/{model.model_id}", run_id=run.run_id)
    store.update_run(run.run_id, status="FINISHED", end_time=2)
    store.delete_run(run.run_id)
    assert made.reprise("gc").exit_code == 0
    shown = made.reprise("models", "show", "iris", "2")
    assert f"run {run.run_id} was removed" in shown.err
    lines = [line.split() for line in shown.out.splitlines()]
    for words in (["source", "train.py"], ["commit", "c" * 12], ["parameter", "C=0.5"]):
        assert any(line[-2:] == words for line in lines), shown.out


def test_a_long_text_is_cut_in_the_tree_alone(made: ProjectFolder, store: EmbeddedStore) -> None:
    store.create_model_version("iris", "s3://bucket/model", description="word " * 1000)
    shown = made.reprise("models", "show", "iris", "2").out
    assert max(map(len, shown.splitlines())) < 400
    assert "… (4,999 characters; --json has all)" in shown
    told = json.loads(made.reprise("models", "show", "iris", "2", "--json").out)
    assert told["version"]["description"] == "word " * 1000


def test_text_from_the_store_cannot_paint_the_terminal(made: ProjectFolder, store: EmbeddedStore) -> None:
    store.create_model_version("iris", "s3://b/\x1b[31m", description="two\nlines \x1b]0;x\x07")
    shown = made.reprise("models", "show", "iris", "2").out
    assert "\x1b" not in shown and "two lines" in shown


def test_versions_by_number_alias_stage_and_newest(made: ProjectFolder, store: EmbeddedStore) -> None:
    for _ in range(2):
        store.create_model_version("iris", "s3://bucket/model")
    for number in ("1", "2"):
        store.transition_model_version_stage("iris", number, "Production")
    meant = {"1": 1, "@champion": 1, "production": 2, "latest": 3, "None": 3}
    assert {word: find_version(store, "iris", word).version for word in meant} == meant
    for selector in ("4", "@best", "Staging", "champion"):
        with pytest.raises(TrackingError, match=f"has no (version|alias) .*{selector}"):
            find_version(store, "iris", selector)
