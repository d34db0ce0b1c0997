"""A store written by MLflow's own client, and what MLflow's own client reads in one, as JSON.

``python -m tests.fakes.mlflow_store write|read URI``; values of metrics are told by their bits.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.conftest import REPOSITORY
from tests.fakes.mlflow_server import client_environ

POINTS = [0.1, math.nan, math.inf, -math.inf, -0.0, 1e-320, 1 / 3, 1e300, 3.0]


def call(what: str, uri: str, home: Path) -> Any:
    """``read`` the store at ``uri``, after having it written for ``write``; in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.fakes.mlflow_store", what, uri],
        cwd=home,
        env={
            **client_environ(home),
            "PYTHONPATH": str(REPOSITORY),
            "PYTHONWARNINGS": "ignore",
            "MLFLOW_ALLOW_FILE_STORE": "true",
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def write(client: Any) -> None:
    """Everything that an import must bring back."""
    from mlflow.entities import (
        Dataset,
        DatasetInput,
        InputTag,
        LoggedModelInput,
        LoggedModelOutput,
        Metric,
        Param,
        RunTag,
    )

    first = client.create_experiment('first "ü" / x', tags={"team": "a 'b'\nc"})
    gone = client.create_experiment("gone")
    client.set_experiment_tag(gone, "why", "old")
    run = client.create_run(first, run_name="one", tags={"mlflow.user": "ada"}, start_time=1_000)
    child = client.create_run(first, tags={"mlflow.parentRunId": run.info.run_id}, start_time=2_000)
    points = [Metric("loss/train", value, 5_000 + i, i - 2) for i, value in enumerate(POINTS)]
    points += [Metric("acc", i / 7, 9_000 - i, i) for i in range(1500)]
    for start in range(0, len(points), 1000):
        client.log_batch(run.info.run_id, metrics=points[start : start + 1000])
    params = [Param("p/q r", "multi\nline 'x' \"y\" ü"), Param("empty", "")]
    tags = [RunTag("t/u.v", "v\n"), RunTag("mlflow.note.content", "# note")]
    client.log_batch(run.info.run_id, params=params, tags=tags)

    model = client.create_logged_model(
        first,
        name="forest",
        source_run_id=run.info.run_id,
        model_type="sklearn",
        params={"depth": "3"},
        tags={"kind": "good one"},
    )
    orphan = client.create_logged_model(first, name="orphan")
    client.finalize_logged_model(model.model_id, "READY")
    client.finalize_logged_model(orphan.model_id, "FAILED")
    client.log_outputs(run.info.run_id, [LoggedModelOutput(model.model_id, 7)])
    dataset = Dataset("nums", "0f" * 4, "local", '{"uri": "/x"}', '{"a": 1}', '{"rows": 2}')
    labels = [InputTag("mlflow.data.context", "train"), InputTag("k", "v w")]
    client.log_inputs(run.info.run_id, [DatasetInput(dataset, labels)], [LoggedModelInput(model.model_id)])
    client.log_metric(
        run.info.run_id,
        "validation",
        0.75,
        step=0,
        timestamp=7_000,
        model_id=model.model_id,
        dataset_name="nums",
        dataset_digest="0f" * 4,
    )
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "a b ü.txt").write_bytes(b"\0\xff data")
        Path(folder, "sub", "deep").mkdir(parents=True)
        Path(folder, "sub", "deep", "weights.bin").write_bytes(bytes(range(256)) * 100)
        client.log_artifacts(run.info.run_id, folder, "model")
        client.log_artifact(run.info.run_id, str(Path(folder, "a b ü.txt")))
        client.log_model_artifacts(model.model_id, folder)
    client.set_terminated(run.info.run_id, "FINISHED", 3_000)
    client.set_terminated(child.info.run_id, "FAILED", 4_000)

    for number in range(3):
        deleted = client.create_run(first, run_name=f"deleted {number}", start_time=10 + number)
        client.log_metric(deleted.info.run_id, "acc", number, timestamp=1, step=1)
        client.set_terminated(deleted.info.run_id, "KILLED", 20)
        client.delete_run(deleted.info.run_id)
    buried = client.create_run(gone, run_name="buried", start_time=5)
    client.set_terminated(buried.info.run_id, "FINISHED", 6)
    client.delete_experiment(gone)
    _write_registry(client, run.info.run_id, model.model_id)


def _write_registry(client: Any, run_id: str, model_id: str) -> None:
    client.create_registered_model("iris model", tags={"a": "b c"}, description="what it is")
    uri = client.get_run(run_id).info.artifact_uri
    client.create_model_version("iris model", f"{uri}/model", run_id, tags={"x": "y"}, description="v1")
    client.create_model_version("iris model", f"models:/{model_id}", run_id, model_id=model_id)
    client.create_model_version("iris model", f"models:/{model_id}", run_id, model_id=model_id)
    client.set_registered_model_alias("iris model", "champion", "1")
    client.transition_model_version_stage("iris model", "3", "Production")
    client.delete_model_version("iris model", "2")
    client.create_registered_model("empty")
    client.register_prompt("words", "Say {{what}} in ü", commit_message="first", tags={"by": "ada"})


def read(client: Any) -> Any:
    """All that the client shows, by name and id; addresses of files are left out, their bytes are not."""
    from mlflow.entities import ViewType

    experiments = client.search_experiments(ViewType.ALL)
    ids = [experiment.experiment_id for experiment in experiments]
    runs = client.search_runs(ids, run_view_type=ViewType.ALL)
    names = {experiment.experiment_id: experiment.name for experiment in experiments}
    return {
        "experiments": {
            found.name: [found.lifecycle_stage, found.creation_time, dict(found.tags)]
            for found in experiments
            if found.name != "Default"
        },
        "runs": {run.info.run_id: _run(client, client.get_run(run.info.run_id), names) for run in runs},
        "models": {
            model.model_id: _logged_model(client, model, names)
            for model in client.search_logged_models(ids)
        },
        "registry": {
            model.name: _registered(client, model)
            for asked in (None, "tags.`mlflow.prompt.is_prompt` = 'true'")
            for model in client.search_registered_models(asked)
        },
    }


def _run(client: Any, run: Any, names: dict[str, str]) -> Any:
    info, inputs, outputs = run.info, run.inputs, run.outputs
    history = {
        key: sorted(
            {(_bits(p.value), p.timestamp, p.step) for p in client.get_metric_history(info.run_id, key)}
        )
        for key in run.data.metrics
    }
    return {
        "info": [
            info.run_name,
            names[info.experiment_id],
            info.user_id,
            info.status,
            info.start_time,
            info.end_time,
            info.lifecycle_stage,
        ],
        "params": dict(run.data.params),
        "tags": dict(run.data.tags),
        "last": {key: _bits(value) for key, value in run.data.metrics.items()},
        "history": history,
        "datasets": [
            [item.dataset.to_dictionary(), sorted((tag.key, tag.value) for tag in item.tags)]
            for item in inputs.dataset_inputs
        ],
        "model inputs": [item.model_id for item in inputs.model_inputs],
        "model outputs": [(item.model_id, item.step) for item in outputs.model_outputs] if outputs else [],
        "files": _files(lambda path: client.list_artifacts(info.run_id, path), info.artifact_uri, client),
    }


def _logged_model(client: Any, model: Any, names: dict[str, str]) -> Any:
    return {
        "info": [
            model.name,
            names[model.experiment_id],
            model.creation_timestamp,
            model.last_updated_timestamp,
            model.model_type or None,
            model.source_run_id or None,
            str(model.status),
        ],
        "params": dict(model.params),
        "tags": {key: value for key, value in model.tags.items() if key != "mlflow.modelVersions"},
        "metrics": sorted(
            (
                p.key,
                _bits(p.value),
                p.timestamp,
                p.step,
                p.run_id,
                p.dataset_name or "",
                p.dataset_digest or "",
            )
            for p in model.metrics or ()
        ),
        "files": _files(
            lambda path: client.list_logged_model_artifacts(model.model_id, path),
            f"models:/{model.model_id}",
            client,
        ),
    }


def _registered(client: Any, model: Any) -> Any:
    versions = client.search_model_versions(f"name = '{model.name}'")
    return {
        "info": [model.creation_timestamp, model.last_updated_timestamp, model.description or ""],
        "tags": dict(model.tags),
        "aliases": {alias: int(version) for alias, version in model.aliases.items()},
        "versions": {
            str(version.version): [
                version.creation_timestamp,
                version.last_updated_timestamp,
                version.description or "",
                version.current_stage,
                version.run_id,
                version.status,
                dict(version.tags),
                version.source if version.source.startswith("models:/") else version.source.split("/")[-3:],
                _files(None, f"models:/{model.name}/{version.version}", client) if version.run_id else {},
            ]
            for version in versions
        },
    }


def _files(listing: Any, uri: str, client: Any) -> Any:
    """Artifact path to digest; also that they can be fetched by their address."""
    from mlflow.artifacts import download_artifacts

    if listing is not None and not listing(None):
        return {}
    with tempfile.TemporaryDirectory() as folder:
        fetched = Path(
            download_artifacts(artifact_uri=uri, dst_path=folder, tracking_uri=client.tracking_uri)
        )
        return {
            file.relative_to(fetched).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in sorted(fetched.rglob("*"))
            if file.is_file()
        }


def _bits(value: float) -> str:
    return struct.pack(">d", value).hex() if not math.isnan(value) else "nan"


def main(what: str, uri: str) -> None:
    with contextlib.redirect_stdout(sys.stderr):
        import mlflow

        mlflow.set_tracking_uri(uri)
        mlflow.set_registry_uri(uri)
        client = mlflow.MlflowClient(uri)
        if what == "write":
            write(client)
        found = read(client)
    print(json.dumps(found, sort_keys=True))


if __name__ == "__main__":
    main(*sys.argv[1:])
