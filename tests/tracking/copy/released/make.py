"""Makes a file store and a database with the MLflow that runs this, and says what MLflow reads in them.

``python make.py FOLDER`` writes ``FOLDER/mlflow-VERSION.tar.xz``: ``mlruns``, ``server/mlflow.db`` with the
artifacts beside it, and ``files.json`` and ``database.json``, all that the client shows of each. One was
made with each of the versions 1.30.1 (Python 3.9), 2.3.2, 2.9.2, 2.16.2, 2.22.2 (3.10), 3.1.4 and 3.17.2
(3.11), installed with what was released before or soon after them (``uv pip install --exclude-newer``).
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import struct
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import mlflow
from mlflow.entities import Metric, Param, RunTag, ViewType

VERSION = tuple(int(part) for part in mlflow.__version__.split(".")[:2])
POINTS = [0.1, math.nan, -0.0, 1e-320, 1 / 3, 1e300]


def write(client: Any, is_database: bool) -> None:
    """Everything that this version knows. Databases have no infinities, files of 1.x no registry."""
    first = client.create_experiment('first "ü" / x', tags={"team": "a 'b'\nc"})
    client.set_experiment_tag("0", "of default", "yes")
    blank = client.create_experiment("  ")
    gone = client.create_experiment("gone", tags={"why": "old"})
    run = client.create_run(first, tags={"mlflow.user": "ada", "mlflow.runName": "one"}, start_time=1_000)
    run_id = run.info.run_id
    child = client.create_run(first, tags={"mlflow.parentRunId": run_id}, start_time=2_000).info.run_id
    values = POINTS if is_database else [*POINTS, math.inf, -math.inf]
    points = [Metric("loss/train", value, 5_000 + i, i - 2) for i, value in enumerate(values)]
    points += [Metric("acc", i / 7, 9_000 - i, i) for i in range(50)]
    params = [Param("p/q r", "multi\nline 'x' \"y\" ü"), Param("long", "x" * 200), Param("empty", "")]
    tags = [RunTag("t/u.v", "v\n"), RunTag("mlflow.note.content", "# note")]
    client.log_batch(run_id, metrics=points, params=params, tags=tags)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "a b ü.txt").write_bytes(b"\0\xff data")
        Path(folder, "50%41 off.txt").write_bytes(b"a name that looks encoded")
        Path(folder, "sub", "deep").mkdir(parents=True)
        Path(folder, "sub", "deep", "weights.bin").write_bytes(bytes(range(256)))
        client.log_artifacts(run_id, folder, "model")
        client.log_artifact(run_id, str(Path(folder, "a b ü.txt")))
    client.set_terminated(run_id, "FINISHED", 3_000)
    client.set_terminated(child, "FAILED", 4_000)
    client.create_run(first, start_time=2_500)  # goes on
    deleted = client.create_run(first, start_time=10).info.run_id
    client.log_metric(deleted, "acc", 1, timestamp=1, step=1)
    client.set_terminated(deleted, "KILLED", 20)
    client.delete_run(deleted)
    for experiment in ("0", blank, gone):
        other = client.create_run(experiment, start_time=5).info.run_id
        client.log_param(other, "p", "1")
        client.set_terminated(other, "FINISHED", 6)
    client.delete_experiment(gone)
    if VERSION >= (2, 0) or is_database:
        write_registry(client, run)
    if VERSION >= (2, 9):
        write_datasets(client, run_id)
    if VERSION >= (2, 14):
        write_traces(client, first, run_id)
    if VERSION >= (3, 0):
        write_models(client, first, run_id)


def write_registry(client: Any, run: Any) -> None:
    client.create_registered_model("iris model", tags={"a": "b c"}, description="what it is")
    source = f"{run.info.artifact_uri}/model"
    for description in ("first", None, None, None):
        tags = {"x": "y"} if description else {}
        client.create_model_version(
            "iris model", source, run.info.run_id, tags=tags, description=description
        )
    client.transition_model_version_stage("iris model", "3", "Production")
    client.delete_model_version("iris model", "2")
    client.delete_model_version("iris model", "4")
    client.create_registered_model("empty")
    if VERSION >= (2, 3):
        client.set_registered_model_alias("iris model", "champion", "1")
    if VERSION >= (2, 22):
        register = client.register_prompt if VERSION >= (3, 0) else mlflow.register_prompt
        register("words", "Say {{what}} in ü", tags={"by": "ada"})


def write_datasets(client: Any, run_id: str) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    for number in range(2):
        dataset = Dataset(f"nums {number}", f"0f{number}", "local", '{"uri": "/x"}', '{"a": 1}', None)
        client.log_inputs(run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "train")])])


def write_traces(client: Any, experiment: str, run_id: str) -> None:
    @mlflow.trace
    def outer(x: int) -> int:
        return inner(x) + 1

    @mlflow.trace
    def inner(x: int) -> int:
        return x * 2

    mlflow.set_experiment(experiment_id=experiment)
    outer(1)
    with mlflow.start_run(run_id=run_id, log_system_metrics=False):
        outer(2)
    client.set_terminated(run_id, "FINISHED", 3_000)
    if hasattr(mlflow, "flush_trace_async_logging"):
        mlflow.flush_trace_async_logging()
    trace = trace_id(client.search_traces([experiment])[0].info)
    client.set_trace_tag(trace, "label", "good one")
    if VERSION >= (3, 2):
        from mlflow.entities import AssessmentSource

        source = AssessmentSource("HUMAN", "ada")
        mlflow.log_feedback(trace_id=trace, name="good", value=0.5, rationale="why", source=source)
        mlflow.log_expectation(trace_id=trace, name="want", value={"a": [1]}, source=source)


def write_models(client: Any, experiment: str, run_id: str) -> None:
    model = client.create_logged_model(
        experiment, name="forest", source_run_id=run_id, params={"depth": "3"}, tags={"kind": "good"}
    )
    client.finalize_logged_model(model.model_id, "READY")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "weights.bin").write_bytes(b"w")
        client.log_model_artifacts(model.model_id, folder)
    client.log_metric(run_id, "validation", 0.75, step=0, timestamp=7_000, model_id=model.model_id)
    client.create_model_version("iris model", f"models:/{model.model_id}", run_id, model_id=model.model_id)
    from mlflow.entities import LoggedModelOutput

    client.log_outputs(run_id, [LoggedModelOutput(model.model_id, 7)])


def trace_id(info: Any) -> str:
    return str(info.trace_id if hasattr(info, "trace_id") else info.request_id)


def read(client: Any, is_database: bool) -> Any:
    """What the client shows, by name and id."""
    experiments = client.search_experiments(ViewType.ALL)
    names = {experiment.experiment_id: experiment.name for experiment in experiments}
    runs = client.search_runs(list(names), run_view_type=ViewType.ALL)
    return {
        "experiments": {
            found.name: {
                "stage": found.lifecycle_stage,
                "created": getattr(found, "creation_time", None),
                "tags": dict(found.tags),
            }
            for found in experiments
        },
        "runs": {run.info.run_id: read_run(client, client.get_run(run.info.run_id), names) for run in runs},
        "registry": read_registry(client) if VERSION >= (2, 0) or is_database else {},
        "models": read_models(client, list(names)) if VERSION >= (3, 0) else {},
        "traces": read_traces(client, experiments) if VERSION >= (2, 14) else {},
    }


def read_run(client: Any, run: Any, names: dict[str, str]) -> Any:
    info = run.info
    datasets = run.inputs.dataset_inputs if VERSION >= (2, 9) else []
    outputs = run.outputs.model_outputs if VERSION >= (3, 0) and run.outputs else []
    return {
        "name": getattr(info, "run_name", None) or run.data.tags.get("mlflow.runName", ""),
        "experiment": names[info.experiment_id],
        "user": info.user_id,
        "status": info.status,
        "times": [info.start_time, info.end_time],
        "stage": info.lifecycle_stage,
        "params": dict(run.data.params),
        "tags": dict(run.data.tags),
        "history": {
            key: sorted(
                [bits(point.value), point.timestamp, point.step]
                for point in client.get_metric_history(info.run_id, key)
            )
            for key in run.data.metrics
        },
        "datasets": sorted(
            [*data_facts(item.dataset), *sorted([tag.key, tag.value] for tag in item.tags)]
            for item in datasets
        ),
        "outputs": [[item.model_id, item.step] for item in outputs],
        "files": files_below(info.artifact_uri),
    }


def data_facts(dataset: Any) -> Any:
    return [dataset.name, dataset.digest, dataset.source, dataset.schema]


def read_registry(client: Any) -> Any:
    found = {}
    for model in client.search_registered_models():
        found[model.name] = registered(client, model)
    if VERSION >= (2, 22):
        for model in client.search_registered_models("tags.`mlflow.prompt.is_prompt` = 'true'"):
            found[model.name] = registered(client, model)
    return found


def registered(client: Any, model: Any) -> Any:
    return {
        "description": model.description or "",
        "tags": dict(model.tags),
        "created": model.creation_timestamp,
        "aliases": {alias: int(v) for alias, v in model.aliases.items()} if VERSION >= (2, 3) else {},
        "versions": {
            str(version.version): [
                version.creation_timestamp,
                version.description or "",
                version.current_stage,
                version.run_id or "",
                dict(version.tags),
            ]
            for version in client.search_model_versions(f"name = '{model.name}'")
        },
    }


def read_models(client: Any, experiment_ids: list[str]) -> Any:
    return {
        model.model_id: {
            "name": model.name,
            "status": str(model.status),
            "created": model.creation_timestamp,
            "run": model.source_run_id or None,
            "params": dict(model.params),
            "tags": dict(model.tags),
            "points": sorted(
                [p.key, bits(p.value), p.timestamp, p.step, p.run_id] for p in model.metrics or ()
            ),
            "files": files_below(model.artifact_location),
        }
        for model in client.search_logged_models(experiment_ids)
    }


def read_traces(client: Any, experiments: Any) -> Any:
    found = {}
    for experiment in experiments:
        if experiment.lifecycle_stage == "active":
            for trace in client.search_traces([experiment.experiment_id]):
                found[trace_id(trace.info)] = read_trace(trace)
    return found


def read_trace(trace: Any) -> Any:
    info = trace.info
    newer = VERSION >= (3, 0)
    return {
        "time": info.request_time if newer else info.timestamp_ms,
        "duration": info.execution_duration if newer else info.execution_time_ms,
        "state": str(info.state if newer else info.status).rpartition(".")[2],
        "tags": {
            k: v for k, v in info.tags.items() if k != "mlflow.artifactLocation" and "spansLoc" not in k
        },
        "metadata": dict(info.trace_metadata if newer else info.request_metadata),
        "spans": sorted(span.name for span in trace.data.spans),
        "assessments": sorted(
            [said.name, said.rationale or "", said.create_time_ms, said.source.source_id]
            for said in (info.assessments if newer else ())
        ),
    }


def files_below(uri: str) -> dict[str, str]:
    root = Path(uri.replace("file://", ""))
    return {
        file.relative_to(root).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(root.rglob("*"))
        if file.is_file()
    }


def bits(value: float) -> str:
    return "nan" if math.isnan(value) else struct.pack(">d", value).hex()


def main(target: str) -> None:
    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
    home = Path(tempfile.mkdtemp(prefix="mlflow-"))
    for name, uri in (("files", str(home / "mlruns")), ("database", f"sqlite:///{home}/server/mlflow.db")):
        (home / "server").mkdir(exist_ok=True)
        os.chdir(home / "server")  # where an artifact root ./mlruns is made
        mlflow.set_tracking_uri(uri)
        if VERSION >= (1, 31):
            mlflow.set_registry_uri(uri)
        client = mlflow.MlflowClient(uri)
        write(client, name == "database")
        seen = read(client, name == "database")
        (home / f"{name}.json").write_text(json.dumps(seen, indent=1, sort_keys=True, ensure_ascii=False))
    archive = Path(target, f"mlflow-{mlflow.__version__}.tar.xz")
    with tarfile.open(archive, "w:xz") as file:
        for path in sorted(home.iterdir()):
            file.add(path, path.name)
    shutil.rmtree(home)
    print(archive, archive.stat().st_size)


if __name__ == "__main__":
    main(sys.argv[1])
