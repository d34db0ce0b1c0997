"""Models by what they predict, in the environment of their run: nothing is unpickled here."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reprise.runner.verdict.mlmodel import predicting
from reprise.runner.verdict.values import Agreement
from reprise.schemas import tags
from reprise.schemas.entities import ModelLink
from reprise.schemas.tolerance import Closeness, Tolerance
from tests.runner.verdict.runs import RECORD, Made, part

EXAMPLE = [[0.0, 1.0], [2.0, 3.0]]

Save = Callable[..., Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Saves a model of scikit-learn as MLflow does, and returns its folder."""

    def saved(name: str, slope: float = 2.0, example: Any = EXAMPLE, remark: str = "") -> Path:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import mlflow.sklearn
            import numpy as np
            from sklearn.linear_model import LinearRegression  # type: ignore[import-untyped]

            model = LinearRegression().fit(np.array(EXAMPLE), np.array([slope, 3 * slope]))
            model.remark_ = b"\xff" + remark.encode()  # other bytes of the same predictions
            given = None if example is None else np.array(example)
            mlflow.sklearn.save_model(
                model,
                tmp_path / name,
                input_example=given,
                pip_requirements=["scikit-learn"],
                serialization_format="cloudpickle",
            )
        return tmp_path / name

    return saved


def with_model(made: Made, folder: Path) -> str:
    """A run of the current environment that has the model as an artifact."""
    from reprise.envs import local
    from reprise.schemas.environment import CondaEnv, Policy

    files = {
        f"model/{file.relative_to(folder).as_posix()}": file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }
    run = made.run(files=files, record=RECORD)
    spec = CondaEnv(folder, folder)
    found = local.lock(spec, Policy(), folder)
    (made.folder(run) / "reprise" / "environment.lock").write_text(found.text)
    made.store.log_batch(run, tags={tags.PROJECT_ENV: "local", tags.ENV_DIGEST: found.digest})
    return run


@pytest.mark.mlflow
def test_models_by_their_predictions(made: Made, save: Save) -> None:
    one = with_model(made, save("one", remark="saved first"))
    same = with_model(made, save("same", remark="saved later"))
    other = with_model(made, save("other", slope=2.001))
    found = part(made.verdict(one, same), "model", "model")
    assert (found.agreement, found.where) == (Agreement.WITHIN_TOLERANCE, "model.pkl, remark_"), found
    assert found.note == "the bytes differ; the predictions on the input example are the same"
    found = part(made.verdict(one, other), "model", "model")
    assert found.agreement is Agreement.DIVERGED
    assert found.where == "model.pkl, coef_[0]"
    found = part(made.verdict(one, other, Tolerance(Closeness(rel=0.01))), "model", "model")
    assert found.agreement is Agreement.WITHIN_TOLERANCE


@pytest.mark.mlflow
def test_ids_and_times_of_a_model_do_not_count(made: Made, save: Save, tmp_path: Path) -> None:
    folder = save("one")
    shutil.copytree(folder, tmp_path / "again")
    text = (folder / "MLmodel").read_text()
    assert "model_uuid: " in text
    (tmp_path / "again" / "MLmodel").write_text(
        f"{text}run_id: {'1' * 32}\n".replace("model_uuid: ", "model_uuid: 0")
    )
    found = part(
        made.verdict(with_model(made, folder), with_model(made, tmp_path / "again")), "model", "model"
    )
    assert found.agreement is Agreement.IDENTICAL
    (tmp_path / "again" / "MLmodel").write_text(text.replace("sklearn_version: ", "sklearn_version: 0"))
    found = part(
        made.verdict(with_model(made, folder), with_model(made, tmp_path / "again")), "model", "model"
    )
    assert (found.agreement, found.where) == (
        Agreement.DIVERGED,
        "MLmodel, flavors -> sklearn -> sklearn_version",
    )


@pytest.mark.mlflow
def test_without_an_example_a_model_is_not_comparable(made: Made, save: Save) -> None:
    runs = [with_model(made, save(name, example=None, remark=name)) for name in ("one", "two")]
    found = part(made.verdict(runs[0], runs[1]), "model", "model")
    assert found.agreement is Agreement.NOT_COMPARABLE
    assert found.note.endswith("there is no input example to predict on")


def described(folder: Path, data: bytes) -> Path:
    folder.mkdir()
    (folder / "MLmodel").write_text("saved_input_example_info: {artifact_path: input_example.json}\n")
    (folder / "model.pkl").write_bytes(data)
    return folder


@pytest.mark.slow
def test_a_model_that_does_not_load_is_not_comparable(made: Made, tmp_path: Path) -> None:
    runs = [
        with_model(made, described(tmp_path / str(number), pickle.dumps(bytes([255, number]))))
        for number in (1, 2)
    ]
    found = part(made.verdict(runs[0], runs[1]), "model", "model")
    assert found.agreement is Agreement.NOT_COMPARABLE
    assert "no predictions: the model does not predict in the run's environment" in found.note


def test_what_a_model_says_against_its_example_is_one_line(tmp_path: Path) -> None:
    package = tmp_path / "mlflow"
    (package / "pyfunc").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "pyfunc" / "__init__.py").write_text("")
    (package / "models.py").write_text(
        "class Model:\n    @staticmethod\n    def load(_): raise ValueError('I refuse\\n  this example')\n"
    )
    argv = [sys.executable, predicting.__file__, str(tmp_path)]
    environ = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(argv, env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "ValueError: I refuse this example\n")


def test_a_run_without_a_lock_predicts_nothing(made: Made, tmp_path: Path) -> None:
    runs = [
        with_model(made, described(tmp_path / str(number), pickle.dumps(bytes([255, number]))))
        for number in (1, 2)
    ]
    (made.folder(runs[0]) / "reprise" / "environment.lock").unlink()
    found = part(made.verdict(runs[0], runs[1]), "model", "model")
    assert found.agreement is Agreement.NOT_COMPARABLE
    assert "environment.lock" in found.note


def test_a_file_of_a_model_that_is_gone_is_no_evidence(made: Made, tmp_path: Path) -> None:
    runs = [with_model(made, described(tmp_path / str(number), b"1")) for number in (1, 2)]
    assert part(made.verdict(runs[0], runs[1]), "model", "model").agreement is Agreement.IDENTICAL
    for run in runs:
        (made.folder(run) / "model" / "model.pkl").unlink()
    found = part(made.verdict(runs[0], runs[1]), "model", "model")
    assert (found.agreement, "was removed" in found.note) == (Agreement.NOT_COMPARABLE, True)


def test_logged_models_are_compared_by_their_names(made: Made) -> None:
    """Those of MLflow 3 lie beside the runs."""

    def with_logged(*weights: bytes) -> str:
        run = made.run()
        for number, data in enumerate(weights):
            model = made.store.create_logged_model("0", name=f"model{number}", source_run_id=run)
            folder = made.store.artifact_folder(model.model_id)
            folder.mkdir(parents=True)
            (folder / "MLmodel").write_text(f"model_id: {model.model_id}\nflavors: {{}}\n")
            (folder / "weights.json").write_bytes(data)
            made.store.log_outputs(run, [ModelLink(model.model_id, 0)])
        return run

    one = with_logged(b"[1]", b"[2]")
    assert made.verdict(one, with_logged(b"[1]", b"[2]")).agreement is Agreement.IDENTICAL
    found = part(made.verdict(one, with_logged(b"[1]", b"[3]")), "model", "model1")
    assert (found.agreement, found.where) == (Agreement.DIVERGED, "weights.json, [0]")
    found = part(made.verdict(one, with_logged(b"[1]")), "model", "model1")
    assert (found.agreement, found.note) == (Agreement.DIVERGED, "is missing")
