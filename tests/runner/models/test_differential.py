"""The same requests to ``reprise models serve`` and to MLflow's own server of the same model."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.runner.models.conftest import Server, Trained, held_port, running, served

pytestmark = pytest.mark.mlflow

COLUMNS = ["sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"]
ROWS = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3], [5.9, 3.0, 4.2, 1.5]]
RECORDS = [dict(zip(COLUMNS, row, strict=True)) for row in ROWS]
CSV = "\n".join([",".join(COLUMNS), *(",".join(map(str, row)) for row in ROWS)]).encode()
BY_COLUMN = {name: [row[place] for row in ROWS] for place, name in enumerate(COLUMNS)}

SHAPES: dict[str, tuple[Any, str]] = {
    "dataframe_split": ({"dataframe_split": {"columns": COLUMNS, "data": ROWS}}, "application/json"),
    "with an index": (
        {"dataframe_split": {"columns": COLUMNS, "index": [7, 8, 9], "data": ROWS}},
        "application/json",
    ),
    "dataframe_records": ({"dataframe_records": RECORDS}, "application/json"),
    "instances": ({"instances": RECORDS}, "application/json"),
    "inputs": ({"inputs": BY_COLUMN}, "application/json"),
    "inputs of records": ({"inputs": RECORDS}, "application/json"),
    "csv": (CSV, "text/csv"),
    "with a charset": ({"dataframe_records": RECORDS}, "application/json; charset=utf-8"),
    "more columns": ({"dataframe_records": [{**RECORDS[0], "colour": "blue"}]}, "application/json"),
    "numbers that are whole": (
        {"dataframe_split": {"columns": COLUMNS, "data": [[5, 3, 1, 0]]}},
        "application/json",
    ),
}

MALFORMED: dict[str, tuple[Any, str]] = {
    "no JSON": (b"{", "application/json"),
    "nothing": (b"", "application/json"),
    "no UTF-8": (b"\xff\xfe", "application/json"),
    "a list": ([1, 2], "application/json"),
    "no key that is known": ({"rows": RECORDS}, "application/json"),
    "two keys": ({"instances": RECORDS, "inputs": RECORDS}, "application/json"),
    "a column missing": (
        {"dataframe_split": {"columns": COLUMNS[:3], "data": [ROWS[0][:3]]}},
        "application/json",
    ),
    "text for a number": ({"dataframe_records": [{**RECORDS[0], COLUMNS[0]: "long"}]}, "application/json"),
    "rows of several lengths": (
        {"dataframe_split": {"columns": COLUMNS, "data": [[1]]}},
        "application/json",
    ),
    "broken csv": (b'a,"b\n1', "text/csv"),
    "nested deeply": (b'{"inputs": ' + b"[" * 100_000, "application/json"),
}
"""Answered with MLflow's status, error code and message."""

ON_PURPOSE: dict[str, tuple[Any, dict[str, str], int, int]] = {
    # what: the body, its headers, the status of MLflow, and ours
    "an unknown content type": (b"x", {"Content-Type": "text/plain"}, 415, 415),  # ours is JSON
    "another charset": (b"{}", {"Content-Type": "application/json; charset=latin-1"}, 415, 415),
    "no content type": (b"{}", {}, 500, 400),
}
"""What differs, as docs/how-to/serve-a-model.md says."""


@pytest.fixture(scope="module")
def ours(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    log = tmp_path_factory.mktemp("ours") / "log"
    with served(trained, log, "models:/iris/1", "--max-request", "1M") as server:
        yield server


@pytest.fixture(scope="module")
def theirs(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    argv = [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local"]
    argv += ["-m", str(_models(trained)[0].parent), "-p"]
    log = tmp_path_factory.mktemp("theirs") / "log"
    with held_port() as port, running(trained, [*argv, str(port)], port, log) as server:
        yield server


def _models(trained: Trained) -> list[Path]:
    """The files MLmodel of iris, the oldest first."""
    found = trained.folder.glob("mlruns/artifacts/*/models/*/artifacts/MLmodel")
    return sorted(found, key=lambda file: file.stat().st_mtime)


@pytest.mark.parametrize("shape", SHAPES)
def test_published_shapes_get_the_same_answers(ours: Server, theirs: Server, shape: str) -> None:
    body, kind = SHAPES[shape]
    answer, expected = ours.ask(body, kind), theirs.ask(body, kind)
    assert expected.status_code == 200, expected.text
    assert (answer.status_code, answer.content) == (200, expected.content)
    assert answer.headers["content-type"] == expected.headers["content-type"]


@pytest.mark.parametrize("what", MALFORMED)
def test_malformed_requests_get_the_same_errors(ours: Server, theirs: Server, what: str) -> None:
    body, kind = MALFORMED[what]
    answer, expected = ours.ask(body, kind), theirs.ask(body, kind)
    assert answer.status_code == expected.status_code
    if answer.status_code == 400:
        told = expected.json()
        assert answer.json() == {key: told[key] for key in ("error_code", "message")}
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("what", ON_PURPOSE)
def test_what_differs_on_purpose(ours: Server, theirs: Server, what: str) -> None:
    body, headers, of_theirs, of_ours = ON_PURPOSE[what]
    statuses = []
    for server in (theirs, ours):
        answer = httpx.post(f"{server.url}/invocations", content=body, headers=headers, timeout=60)
        statuses.append(answer.status_code)
    assert statuses == [of_theirs, of_ours]
    assert set(answer.json()) == {"error_code", "message"}


def test_a_missing_column_is_named(ours: Server) -> None:
    body, kind = MALFORMED["a column missing"]
    answer = ours.ask(body, kind)
    assert answer.status_code == 400
    assert "Model is missing inputs ['petal width (cm)']" in answer.json()["message"]


@pytest.mark.parametrize("path", ["/ping", "/health", "/version"])
def test_the_other_endpoints_answer_the_same(ours: Server, theirs: Server, path: str) -> None:
    answer, expected = ours.get(path), theirs.get(path)
    assert (answer.status_code, answer.content) == (expected.status_code, expected.content)


def test_a_huge_body_is_refused_and_the_server_goes_on(ours: Server) -> None:
    answer = ours.ask(json.dumps({"inputs": [0] * 1_000_000}).encode())
    assert (answer.status_code, answer.json()["error_code"]) == (413, "REQUEST_TOO_LARGE")
    assert ours.ask({"dataframe_records": RECORDS}).status_code == 200


def test_which_model_answers_is_told(ours: Server) -> None:
    assert ours.ask({"dataframe_records": RECORDS}).headers["reprise-model"] == "models:/iris/1"
    told = ours.get("/").json()
    assert (told["model"], told["name"], told["version"]) == ("models:/iris/1", "iris", 1)
    assert len(told["run_id"]) == 32
