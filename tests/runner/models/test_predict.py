"""Predictions for the rows of a file, by the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pandas  # type: ignore[import-untyped]
import pytest

from reprise.errors import UsageError
from reprise.runner.models.predict import predict_rows
from reprise.runner.models.served_versions import WantedService
from reprise.runner.models.worker import Settings
from reprise.schemas.environment import Policy
from reprise.tracking.sqlite.store import EmbeddedStore
from tests.runner.models.conftest import Trained
from tests.runner.models.test_differential import COLUMNS, CSV, ROWS

pytestmark = pytest.mark.mlflow

TIMES = """
import sys, mlflow, pandas
from mlflow.models import infer_signature

class Years(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return model_input["when"].dt.year.tolist()

signature = infer_signature(pandas.DataFrame({"when": pandas.to_datetime(["2024-01-01"])}))
wanted = {"signature": signature, "pip_requirements": ["mlflow"]}
mlflow.pyfunc.save_model(sys.argv[1], python_model=Years(), **wanted)
"""
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
    assert "iris version 1 does not accept the input: Model is missing inputs ['sepal length (cm)'" in said
    assert "Traceback" not in said
    assert target.read_text() == "of before"


def test_what_the_models_own_code_raises_is_told(trained: Trained) -> None:
    done = trained.reprise(
        "models", "predict", "-m", "moody", "--format", "csv", *LOCAL, stdin=b"word\nfail\n"
    )
    assert done.returncode == 2
    assert "ValueError: a word that I do not like" in done.stderr.decode()


@pytest.mark.parametrize(
    ("target", "told"), [("no/such/found.csv", "there is no folder no/such"), (".", "it is a folder")]
)
def test_a_target_that_cannot_be_is_told_before_the_model_is_asked(
    trained: Trained, target: str, told: str
) -> None:
    done = trained.reprise("models", "predict", "-m", "no-such-model", "-o", target)
    assert done.returncode == 2
    assert f"cannot write {target}: {told}" in done.stderr.decode()


def test_rows_in_another_encoding_are_refused_with_the_place(trained: Trained) -> None:
    given = ("-m", "moody", "--format", "csv", *LOCAL)
    done = trained.reprise("models", "predict", *given, stdin="word\ncafé\n".encode("latin-1"))
    assert done.returncode == 2
    assert "the input is not UTF-8: byte 9 cannot be read" in done.stderr.decode()


def test_a_server_that_is_killed_is_told_so(trained: Trained) -> None:
    done = trained.reprise(
        "models", "predict", "-m", "moody", "--format", "csv", *LOCAL, stdin=b"word\nkill\n"
    )
    assert done.returncode == 1
    said = done.stderr.decode()
    assert "the server of moody was killed by SIGKILL (out of memory?), without an answer" in said
    assert "Traceback" not in said
    assert Path(said.rpartition("its output is in ")[2].strip()).is_file()


def test_times_in_csv_are_refused_with_what_to_give_instead(trained: Trained, tmp_path: Path) -> None:
    argv = [sys.executable, "-c", TIMES, str(tmp_path / "model")]
    subprocess.run(argv, cwd=tmp_path, env=trained.environ, check=True, capture_output=True)
    given = ("-m", str(tmp_path / "model"), *LOCAL)
    done = trained.reprise("models", "predict", *given, "--format", "csv", stdin=b"when\n2024-01-02\n")
    assert done.returncode == 2
    assert "use JSON or Parquet" in done.stderr.decode()
    rows = json.dumps({"dataframe_records": [{"when": "2024-01-02"}]}).encode()
    done = trained.reprise("models", "predict", *given, stdin=rows)
    assert json.loads(done.stdout) == {"predictions": [2024]}


def test_a_letter_of_two_bytes_may_lie_anywhere(house: Path) -> None:
    with EmbeddedStore(Path("mlruns").absolute()) as store:
        wanted = WantedService(store, "no-such-model", "local", Policy(), Settings(Path("log")))
        rows = b"x" + "é".encode() * (1 << 20)
        with pytest.raises(UsageError, match="not a folder with a model"):
            predict_rows(wanted, rows, "csv", "csv")
        with pytest.raises(UsageError, match="byte 2,097,154 cannot be read"):
            predict_rows(wanted, rows + b"\xe9", "csv", "csv")


@pytest.mark.parametrize("rows", [b"", b" \n"])
def test_no_input_at_all_is_told_before_the_model_is_asked(trained: Trained, rows: bytes) -> None:
    done = trained.reprise("models", "predict", "-m", "no-such-model", stdin=rows)
    assert (done.returncode, done.stderr) == (2, b"error: the input is empty\n")


def test_broken_json_is_refused_without_repeating_it(trained: Trained) -> None:
    logs = set((trained.folder / "state" / "logs").glob("predict-*"))
    rows = b'{"dataframe_records": [{"word": "' + b"secret" * 1000
    done = trained.reprise("models", "predict", "-m", "moody", *LOCAL, stdin=rows)
    assert done.returncode == 2
    assert done.stderr.decode().strip() == (
        "error: moody does not accept the input: Unterminated string starting at: line 1 "
        "column 33 (char 32)"
    )
    assert set((trained.folder / "state" / "logs").glob("predict-*")) == logs  # no error names one


def test_a_link_and_a_pipe_stay_what_they_are(trained: Trained, tmp_path: Path) -> None:
    file, link, pipe = tmp_path / "found.csv", tmp_path / "link.csv", tmp_path / "pipe.csv"
    link.symlink_to(file)
    os.mkfifo(pipe)
    got: list[str] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_text()), daemon=True)
    reader.start()
    for target in (link, pipe):
        given = ("-m", "models:/iris/1", "--format", "csv", "-o", str(target), *LOCAL)
        done = trained.reprise("models", "predict", *given, stdin=CSV)
        assert done.returncode == 0, done.stderr
    reader.join(30)
    assert got == [file.read_text()] == ["prediction\n0\n2\n1\n"]
    assert link.is_symlink()
    assert pipe.is_fifo()
