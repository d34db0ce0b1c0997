"""Exports are read by other programs: nothing is lost, nothing acts as a formula."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from pathlib import Path

import pytest

from reprise.schemas.entities import Metric
from reprise.tracking.sqlite.store import EmbeddedStore
from reprise.ui.runs.columns import columns
from reprise.ui.runs.export import as_csv, as_json

IDS = ["status", "source", "metrics.acc", "params.text", "tags.team"]


def exported(store: EmbeddedStore, ids: Sequence[str] = IDS) -> list[dict[str, str]]:
    numbers = store.run_order(["0"]).numbers
    return list(csv.DictReader(io.StringIO("".join(as_csv(store, numbers, columns(ids))))))


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+SUM(A1)", "'+SUM(A1)"),
        ("@x", "'@x"),
        ("\tx", "'\tx"),
        ("-1.5", "-1.5"),
        ("-x", "'-x"),
        ('a,"b"\nc', 'a,"b"\nc'),
        ("plain", "plain"),
    ],
)
def test_a_cell_is_no_formula(tmp_path: Path, text: str, cell: str) -> None:
    with EmbeddedStore(tmp_path / "mlruns") as store:
        run = store.create_run("0", start_time=1000, user_id="ada", run_name=text, tags={"team": text})
        store.log_batch(run.run_id, params={"text": text})
        (line,) = exported(store)
    assert line["params.text"] == line["tags.team"] == line["run_name"] == cell
    assert line["start_time"] == "1970-01-01T00:00:01.000+00:00"
    assert line["metrics.acc"] == ""


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0.1, 1e300])
def test_metrics_come_back_as_they_were(tmp_path: Path, value: float) -> None:
    with EmbeddedStore(tmp_path / "mlruns") as store:
        run = store.create_run("0", start_time=1, user_id="")
        store.log_batch(run.run_id, metrics=[Metric("acc", value, 1)])
        (line,) = exported(store)
        (whole,) = json.loads("".join(as_json(store, store.run_order(["0"]).numbers)))
    for found in (line["metrics.acc"], whole["metrics"]["acc"]):
        assert float(found) == value or (math.isnan(float(found)) and math.isnan(value))


def test_what_a_run_took_and_made_is_exported(tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path / "mlruns") as store:
        run = store.create_run("0", start_time=1000, user_id="")
        store.update_run(run.run_id, status="FINISHED", end_time=3500)
        store.create_registered_model("iris")
        for _ in range(2):
            store.create_model_version("iris", source="s", run_id=run.run_id)
        (line,) = exported(store, ["duration", "models"])
        (whole,) = json.loads("".join(as_json(store, store.run_order(["0"]).numbers)))
    assert (line["duration_ms"], line["models"]) == ("2500", "iris/2 iris/1")
    assert whole["models"] == ["iris/2", "iris/1"]


def test_json_has_all_runs_and_is_a_list_when_there_are_none(tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path / "mlruns") as store:
        assert json.loads("".join(as_json(store, []))) == []
        for name in ("a", "b", "c"):
            store.create_run("0", start_time=1, user_id="", run_name=name)
        found = json.loads("".join(as_json(store, store.run_order(["0"]).numbers)))
    assert sorted(run["run_name"] for run in found) == ["a", "b", "c"]
