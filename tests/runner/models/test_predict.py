"""Predictions for the rows of a file, by the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pandas  # type: ignore[import-untyped]
import pytest

from tests.runner.models.conftest import Trained
from tests.runner.models.test_differential import COLUMNS, CSV, ROWS

pytestmark = pytest.mark.mlflow

LOCAL = ("--env-manager", "local")


def test_each_format_in_and_out(trained: Trained, tmp_path: Path) -> None:
    pandas.DataFrame(ROWS, columns=COLUMNS).to_parquet(tmp_path / "rows.parquet")
    (tmp_path / "rows.csv").write_bytes(CSV)
    done = trained.reprise(
        "models", "predict", "-m", "models:/iris/1", "-i", str(tmp_path / "rows.csv"), *LOCAL
    )
    assert done.returncode == 0, done.stderr
    predictions = json.loads(done.stdout)["predictions"]
    assert predictions == [0, 2, 1]

    target = tmp_path / "found.csv"
    given = ("-i", str(tmp_path / "rows.parquet"), "-o", str(target))
    done = trained.reprise("models", "predict", "-m", "models:/iris/1", *given, *LOCAL)
    assert (done.returncode, done.stdout) == (0, b""), done.stderr
    assert target.read_text() == "prediction\n0\n2\n1\n"

    rows = json.dumps({"dataframe_split": {"columns": COLUMNS, "data": ROWS}}).encode()
    target = tmp_path / "found.parquet"
    done = trained.reprise(
        "models", "predict", "-m", "models:/iris/latest", "-o", str(target), *LOCAL, stdin=rows
    )
    assert done.returncode == 0, done.stderr
    assert list(pandas.read_parquet(target).columns) == ["prediction"]


def test_rows_that_do_not_fit_are_refused_in_a_sentence(trained: Trained, tmp_path: Path) -> None:
    target = tmp_path / "found.json"
    target.write_text("of before")
    given = ("-m", "models:/iris/1", "--format", "csv", "-o", str(target))
    done = trained.reprise("models", "predict", *given, *LOCAL, stdin=b"a,b\n1,2\n")
    assert done.returncode == 2
    said = done.stderr.decode()
    assert "iris version 1 does not take the input: Model is missing inputs ['sepal length (cm)'" in said
    assert "Traceback" not in said
    assert target.read_text() == "of before"


def test_what_the_models_own_code_raises_is_told(trained: Trained) -> None:
    done = trained.reprise(
        "models", "predict", "-m", "moody", "--format", "csv", *LOCAL, stdin=b"word\nfail\n"
    )
    assert done.returncode == 2
    assert "ValueError: a word that I do not like" in done.stderr.decode()
