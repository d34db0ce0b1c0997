"""The model registry from the command line, here and on a server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from reprise.schemas.entities import ModelLink, Run
from reprise.tracking.sqlite.store import EmbeddedStore
from tests.cli.conftest import Reprise
from tests.fakes import mlflow_server


@pytest.fixture
def run(store: EmbeddedStore) -> Iterator[Run]:
    run = store.create_run("0", start_time=1, user_id="ada")
    Path("MLmodel").write_text("flavors: {}")
    store.upload_artifact(run.run_id, Path("MLmodel"), "model/MLmodel")
    yield run


def test_the_life_of_a_registered_model(reprise: Reprise, store: EmbeddedStore, run: Run) -> None:
    model = store.create_logged_model("0", name="forest", source_run_id=run.run_id)
    store.log_outputs(run.run_id, [ModelLink(model.model_id)])
    for source in (
        "runs:/@last/model",
        f"models:/{model.model_id}",
        f"runs:/{run.run_id[:9]}/forest",
        "models:/iris/1",
    ):
        made = json.loads(
            reprise("models", "register", source, "iris", "--description", source, "--json").out
        )
        assert (made["run_id"], made["description"]) == (run.run_id, source)
    versions = {item.version: item for item in store.search_model_versions().items}
    assert [versions[number].model_id for number in (1, 2, 3, 4)] == [
        None,
        model.model_id,
        model.model_id,
        None,
    ]
    assert reprise("models", "alias", "iris", "champion", "2").exit_code == 0
    assert reprise("models", "stage", "iris", "1", "production").exit_code == 0
    assert reprise("models", "stage", "iris", "2", "Production", "--archive-existing").exit_code == 0
    shown = json.loads(reprise("models", "show", "iris", "--json").out)
    assert shown["aliases"] == {"champion": 2}
    stages = {version["version"]: version["current_stage"] for version in shown["versions"]}
    assert stages == {1: "Archived", 2: "Production", 3: "None", 4: "None"}
    assert "champion" in reprise("models", "show", "iris").out
    assert "iris  4        None   champion=2" in reprise("models", "list").out
    assert json.loads(reprise("models", "list", "-f", "name LIKE 'x%'", "--json").out) == []
    assert reprise("models", "alias", "iris", "champion", "--delete").exit_code == 0
    assert reprise("models", "delete", "iris", "1", "3").exit_code == 0
    assert sorted(item.version for item in store.search_model_versions().items) == [2, 4]
    assert 'Deleted model "iris" with 2 versions' in reprise("models", "delete", "iris").err
    assert store.list_artifacts(run.run_id, "model")


def test_what_cannot_be_done_is_told(reprise: Reprise, store: EmbeddedStore, run: Run) -> None:
    assert reprise("models", "register", f"runs:/{run.run_id}/model", "iris").exit_code == 0
    for args, code, said in (
        (["register", f"runs:/{run.run_id}/nope", "x"], 2, f"it has runs:/{run.run_id}/model"),
        (["register", f"runs:/{run.run_id}", "x"], 2, "is not the address of a model"),
        (["register", "model", "x"], 2, "is not the address of a model"),
        (["register", "models:/m-" + "0" * 32, "x"], 6, "Logged model with ID"),
        (["register", "models:/iris/9", "x"], 6, "has no version 9"),
        (["register", f"runs:/{run.run_id}/model", "a/b"], 6, "is not allowed"),
        (["show", "nope"], 6, "Registered Model with name=nope not found"),
        (["alias", "iris", "best"], 2, "give either VERSION"),
        (["alias", "iris", "best", "7"], 6, "version=7) not found"),
        (["alias", "iris", "best", "--delete"], 2, 'has no alias "best"'),
        (["stage", "iris", "1", "prod"], 6, "Invalid Model Version stage: prod"),
        (["delete", "iris", "1", "2"], 2, 'has no version "2"'),
        (["delete", "nope"], 6, "Registered Model with name=nope not found"),
    ):
        result = reprise("models", *args)
        assert (result.exit_code, said in result.err) == (code, True), result.err
    assert [item.name for item in store.search_registered_models().items] == ["iris"]
    assert len(store.search_model_versions().items) == 1


@pytest.mark.mlflow
def test_the_same_commands_work_on_an_mlflow_server(reprise: Reprise, tmp_path: Path) -> None:
    server = ("--tracking-uri", mlflow_server.tracking_uri())
    name = f"cli {tmp_path.name} {tmp_path.parent.name}"
    made = json.loads(reprise("experiments", "create", name, "--json", *server).out)
    Path("MLproject").write_text("entry_points: {main: {command: 'echo hello > out.txt'}}")
    done = reprise("run", ".", "--env-manager=local", "--experiment-name", name, "--json", *server)
    run = json.loads(done.out)["run_id"]
    Path("MLmodel").write_text("flavors: {}")
    assert reprise("artifacts", "put", run, "MLmodel", "model/MLmodel", *server).exit_code == 0
    listed = json.loads(reprise("artifacts", "list", run, "-r", "--json", *server).out)
    assert "model/MLmodel" in {item["path"] for item in listed}
    registered = reprise("models", "register", f"runs:/{run}/model", name, *server)
    assert registered.exit_code == 0, registered.err
    assert reprise("models", "alias", name, "best", "1", *server).exit_code == 0
    assert json.loads(reprise("models", "show", name, "--json", *server).out)["aliases"] == {"best": 1}
    assert reprise("models", "delete", name, *server).exit_code == 0
    assert reprise("runs", "delete", run, *server).exit_code == 0
    deleted = reprise("runs", "list", "--deleted", "--experiment", name, "--columns", "run_id", *server)
    assert run in deleted.out
    assert reprise("runs", "restore", run[:12], *server).exit_code == 0
    assert reprise("experiments", "delete", made["experiment_id"], *server).exit_code == 0
    assert reprise("experiments", "restore", name, *server).exit_code == 0
    refused = reprise("gc", *server)
    assert (refused.exit_code, "mlflow gc" in refused.err) == (2, True)


_HOSTILE = """
artifact_path: ../../..
run_id: ../../etc
model_uuid: "$(touch {mark})"
flavors:
  python_function:
    loader_module: evil
    code: code
    data: /etc/passwd
    python_model: ../../../etc/passwd
    env: {{virtualenv: python_env.yaml, conda: /etc/passwd}}
  sklearn: {{pickled_model: model.pkl, code: ../code}}
saved_input_example_info: {{artifact_path: ../../../../etc/passwd}}
signature: {{inputs: "$(touch {mark})"}}
"""


def test_nothing_of_a_hostile_model_runs_before_it_is_served(
    reprise: Reprise, store: EmbeddedStore, run: Run, tmp_path: Path
) -> None:
    mark, model = tmp_path / "ran", tmp_path / "hostile"
    evil = f"import pathlib; pathlib.Path({str(mark)!r}).touch()\n"
    (model / "code").mkdir(parents=True)
    for name, content in {
        "MLmodel": _HOSTILE.format(mark=mark),
        "python_env.yaml": "dependencies: [--index-url=http://127.0.0.1:9/x, -r requirements.txt]\n",
        "requirements.txt": f"--extra-index-url http://127.0.0.1:9\n-e .\nx @ file://{model}\n",
        "setup.py": evil,
        "evil.py": evil,
        "sitecustomize.py": evil,
        "code/evil.py": evil,
        "model.pkl": f"cposix\nsystem\n(S'touch {mark}'\ntR.",
    }.items():
        (model / name).write_text(content)
    assert reprise("artifacts", "put", run.run_id, str(model), "bad").exit_code == 0
    version = reprise("models", "register", f"runs:/{run.run_id}/bad", "bad", "--json")
    assert version.exit_code == 0, version.err
    for words in (
        ("models", "list"),
        ("models", "show", "bad"),
        ("models", "alias", "bad", "best", "1"),
        ("artifacts", "list", run.run_id),
        ("runs", "show", run.run_id),
    ):
        shown = reprise(*words)
        assert shown.exit_code == 0, shown.err
        assert "root:" not in shown.out + shown.err
    assert not mark.exists()
