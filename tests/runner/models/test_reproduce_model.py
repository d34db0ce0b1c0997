"""A version of a model named to reproduce: its run is performed, and predictions are compared."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from reprise.schemas import tags
from tests.conftest import EXAMPLES, ProjectFolder, Result
from tests.fakes.repositories import git

Write = Callable[[Mapping[str, str]], ProjectFolder]

MLPROJECT = """\
name: constant
entry_points:
  main:
    parameters:
      drift: {type: string, default: "no"}
    command: "python train.py {drift}"
"""
TRAIN = """\
import pathlib, sys, urllib.request, json, os

token = {"Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"]}
run, experiment = os.environ["MLFLOW_RUN_ID"], os.environ["MLFLOW_EXPERIMENT_ID"]
place = f"mlflow-artifacts/artifacts/{experiment}/{run}/artifacts/model"
files = {"MLmodel": "flavors: {}\\n", "weights.json": "[1]"}
for name, text in files.items():
    address = f"{os.environ['MLFLOW_TRACKING_URI']}/api/2.0/{place}/{name}"
    request = urllib.request.Request(address, text.encode(), token, method="PUT")
    urllib.request.urlopen(request, timeout=10).close()
"""


@pytest.fixture
def committed(project: Write) -> Callable[[Mapping[str, str]], ProjectFolder]:
    def write(files: Mapping[str, str]) -> ProjectFolder:
        demo = project(files)
        git(demo.path, "init", "--quiet", "--initial-branch=main")
        git(demo.path, "add", "--all")
        git(demo.path, "commit", "--quiet", "--message", "first")
        return demo

    return write


def part(done: Result, kind: str) -> dict[str, Any]:
    (found,) = (item for item in json.loads(done.out)["verdict"]["parts"] if item["part"] == kind)
    return dict(found)


def test_the_run_of_a_model_without_an_example_is_performed_and_compared(committed: Write) -> None:
    demo = committed({"MLproject": MLPROJECT, "train.py": TRAIN})
    assert demo.run().exit_code == 0
    first = demo.runs()[0].run_id
    assert demo.reprise("models", "register", "runs:/@last/model", "constant").exit_code == 0
    assert demo.reprise("models", "alias", "constant", "champion", "1").exit_code == 0
    for address in ("models:/constant@champion", "models:/constant/1", f"runs:/{first}/model"):
        done = demo.reprise("reproduce", address, "--json")
        assert done.exit_code == 0, done.err
        told = part(done, "predictions")
        assert (told["verdict"], told["decides"]) == ("cannot be compared", False)
        assert told["note"] == "the model has no input example"
        assert demo.runs()[0].tags[tags.REPRODUCES] == first
    shown = demo.reprise("models", "show", "constant", "1").out
    assert shown.count("reproduced by") == 3


def test_a_model_that_the_new_run_does_not_make_has_diverged(committed: Write) -> None:
    demo = committed({"MLproject": MLPROJECT.replace("python train.py {drift}", "true"), "train.py": ""})
    assert demo.run().exit_code == 0
    Path("MLmodel").write_text("flavors: {}\n")
    assert demo.reprise("artifacts", "put", "@last", "MLmodel", "model/MLmodel").exit_code == 0
    done = demo.reprise("reproduce", f"runs:/{demo.runs()[0].run_id}/model", "--json")
    assert done.exit_code == 7
    told = part(done, "predictions")
    assert (told["verdict"], told["note"]) == ("diverged", "the model is missing")


@pytest.mark.parametrize(
    ("address", "code", "said"),
    [
        ("models:/nope/1", 6, "Registered Model with name=nope not found"),
        ("models:/m-" + "0" * 32, 6, "Logged model with ID"),
        ("models:/constant/7", 6, 'model "constant" has no version 7'),
        ("models:/constant", 2, "is not the address of a model"),
    ],
)
def test_what_names_no_model_performs_nothing(committed: Write, address: str, code: int, said: str) -> None:
    demo = committed({"MLproject": MLPROJECT, "train.py": TRAIN})
    assert demo.run().exit_code == 0
    assert demo.reprise("models", "register", "runs:/@last/model", "constant").exit_code == 0
    done = demo.reprise("reproduce", address)
    assert (done.exit_code, said in done.err) == (code, True), done.err
    assert len(demo.runs()) == 1


@pytest.mark.mlflow
def test_iris_predicts_the_same_when_it_is_made_again(committed: Write) -> None:
    names = ("MLproject", "python_env.yaml", "train.py")
    demo = committed({name: (EXAMPLES / "iris" / name).read_text() for name in names})
    assert demo.run("-P", "C=0.05").exit_code == 0
    assert demo.reprise("models", "alias", "iris", "champion", "1").exit_code == 0
    done = demo.reprise("reproduce", "models:/iris@champion", "--json")
    told = part(done, "predictions")
    assert (told["name"], told["verdict"], told["decides"]) == ("model", "identical", True), done.err
    varied = demo.reprise("reproduce", "models:/iris@champion", "--set", "C=0.0002", "--json")
    (told,) = (item for item in json.loads(varied.out)["differences"] if item["part"] == "predictions")
    assert told["verdict"] == "diverged"
