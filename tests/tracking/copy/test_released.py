"""Stores that seven versions of MLflow wrote arrive whole, though they were moved: each value is compared.

``released/make.py`` made them with the real clients, which also said what they read in them.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from reprise.schemas.entities import Dataset, ModelMetric, Run, Trace
from reprise.tracking.sqlite.copied.destination import EmbeddedDestination
from reprise.tracking.sqlite.store import EmbeddedStore
from tests.tracking.copy.conftest import Copy, told

pytestmark = pytest.mark.slow

RELEASED = sorted(Path(__file__).with_name("released").glob("mlflow-*.tar.xz"))
SOURCES = {"files": "mlruns", "database": "server/mlflow.db"}


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("archive", RELEASED, ids=lambda path: path.name.removesuffix(".tar.xz"))
def test_a_store_arrives_whole(
    archive: Path, kind: str, destination: EmbeddedDestination, copy: Copy, tmp_path: Path
) -> None:
    home = tmp_path / "moved here"
    with tarfile.open(archive) as file:
        file.extractall(home, filter="data")
    expected = json.loads((home / f"{kind}.json").read_text())
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    census = copy(home / SOURCES[kind])
    assert told(census) == []
    assert [line for line in census.lines if line.source != line.arrived] == []
    assert_experiments(destination, expected["experiments"])
    assert_runs(destination, expected)
    assert_registry(destination, expected["registry"])
    assert_models(destination, expected["models"])
    assert_traces(destination, expected["traces"])
    again = copy(home / SOURCES[kind])
    assert (told(again), again.lines, again.new) == ([], census.lines, 0)
    assert told(copy(home / SOURCES[kind], writes=False)) == []
    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == before


def assert_experiments(store: EmbeddedStore, expected: Mapping[str, Any]) -> None:
    found = {item.name: item for item in store.search_experiments(view_type="ALL").items}
    assert len(found) == len(expected)
    for name, wanted in expected.items():
        if not name.strip():
            assert any(other.startswith("unnamed ") for other in found)
            continue
        item = found[name]
        assert (item.lifecycle_stage, item.tags) == (wanted["stage"], wanted["tags"])
        assert item.creation_time == (wanted["created"] or 0)


def assert_runs(store: EmbeddedStore, expected: Mapping[str, Any]) -> None:
    for run_id, wanted in expected["runs"].items():
        run = store.get_run(run_id)
        is_buried = expected["experiments"][wanted["experiment"]]["stage"] == "deleted"
        assert run.lifecycle_stage == ("deleted" if is_buried else wanted["stage"])
        if wanted["experiment"].strip():
            assert store.get_experiment(run.experiment_id).name == wanted["experiment"]
        seen = {
            "name": run.run_name,
            "user": run.user_id,
            "status": run.status,
            "times": [run.start_time, run.end_time],
            "params": run.params,
            "tags": run.tags,
            "history": dict(history(store, run)),
            "datasets": sorted(
                [*data_facts(given.dataset), *sorted([key, value] for key, value in given.tags.items())]
                for given in run.dataset_inputs
            ),
            "outputs": [[link.model_id, link.step] for link in run.model_outputs],
            "files": files_below(store.artifact_folder(run_id)),
        }
        assert seen == {key: wanted[key] for key in seen}, run_id


def data_facts(dataset: Dataset) -> list[str | None]:
    return [dataset.name, dataset.digest, dataset.source, dataset.schema]


def history(store: EmbeddedStore, run: Run) -> Iterator[tuple[str, list[list[Any]]]]:
    for key in run.metrics:
        points = store.metric_history(run.run_id, key)
        yield key, sorted([bits(point.value), point.timestamp, point.step] for point in points)


def assert_registry(store: EmbeddedStore, expected: Mapping[str, Any]) -> None:
    for name, wanted in expected.items():
        model = store.get_registered_model(name)
        versions = store.search_model_versions(filter=f"name = '{name}'").items
        assert wanted == {
            "description": model.description,
            "tags": shown(model.tags),
            "created": model.creation_time,
            "aliases": model.aliases,
            "versions": {
                str(version.version): [
                    version.creation_time,
                    version.description,
                    version.current_stage,
                    version.run_id,
                    shown(version.tags),
                ]
                for version in versions
            },
        }
    if "iris model" in expected:
        owner, path = store.model_location("iris model", "1")
        assert (store.artifact_folder(owner) / path / "sub" / "deep" / "weights.bin").is_file()


def shown(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags without the one by which clients know a prompt, and which they do not show."""
    return {key: value for key, value in tags.items() if key != "mlflow.prompt.is_prompt"}


def assert_models(store: EmbeddedStore, expected: Mapping[str, Any]) -> None:
    for model_id, wanted in expected.items():
        model = store.get_logged_model(model_id)
        assert model.status == f"LOGGED_MODEL_{wanted['status'].rpartition('.')[2]}"
        seen = {
            "name": model.name,
            "created": model.creation_time,
            "run": model.source_run_id,
            "params": model.params,
            "points": sorted(map(measured, model.metrics)),
            "files": files_below(store.artifact_folder(model_id)),
        }
        assert seen == {key: wanted[key] for key in seen}
        assert {key: model.tags.get(key) for key in wanted["tags"]} == wanted["tags"]


def measured(found: ModelMetric) -> list[Any]:
    point = found.metric
    return [point.key, bits(point.value), point.timestamp, point.step, found.run_id]


def assert_traces(store: EmbeddedStore, expected: Mapping[str, Any]) -> None:
    for identity, wanted in expected.items():
        trace = store.get_trace(identity)
        assert wanted == {
            "time": trace.request_time,
            "duration": trace.duration,
            "state": trace.state,
            "tags": {key: value for key, value in trace.tags.items() if key != "mlflow.artifactLocation"},
            "metadata": trace.metadata,
            "spans": spans(store, trace),
            "assessments": sorted(
                [said.name, said.rationale or "", said.create_time, said.source_id]
                for said in trace.assessments
            ),
        }
        searched = sorted(json.loads(content)["name"] for content in store.span_contents(identity))
        assert searched == wanted["spans"]  # also of a trace whose spans are a file


def spans(store: EmbeddedStore, trace: Trace) -> list[str]:
    location = trace.tags["mlflow.artifactLocation"].removeprefix("mlflow-artifacts:/")
    file = store.directory / "artifacts" / location / "traces.json"
    return sorted(span["name"] for span in json.loads(file.read_text())["spans"])


def files_below(root: Path) -> dict[str, str]:
    return {
        file.relative_to(root).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(root.rglob("*"))
        if file.is_file()
    }


def bits(value: float) -> str:
    return "nan" if math.isnan(value) else struct.pack(">d", value).hex()
