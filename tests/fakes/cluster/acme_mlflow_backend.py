"""A backend that a package brings for ``mlflow run``: it runs a script, and logs by the mlflow client."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.projects.backend.abstract_backend import AbstractBackend
from mlflow.projects.submitted_run import SubmittedRun


class AcmeRun(SubmittedRun):
    def __init__(self, run_id: str, process: subprocess.Popen[bytes]) -> None:
        super().__init__()
        self._run_id = run_id
        self._process = process

    @property
    def run_id(self) -> str:
        return self._run_id

    def wait(self) -> bool:
        return self._process.wait() == 0

    def get_status(self) -> str:
        code = self._process.poll()
        return "RUNNING" if code is None else "FINISHED" if code == 0 else "FAILED"

    def cancel(self) -> None:
        self._process.kill()
        self._process.wait()


class AcmeBackend(AbstractBackend):
    def run(
        self,
        project_uri: str,
        entry_point: str,
        params: dict[str, str],
        version: str | None,
        backend_config: dict[str, Any],
        tracking_uri: str,
        experiment_id: str,
    ) -> AcmeRun:
        if backend_config.get("refuse"):
            raise RuntimeError("no capacity")
        client = MlflowClient(tracking_uri)
        run_id = client.create_run(
            experiment_id, tags={"acme.queue": backend_config.get("queue", "")}
        ).info.run_id
        for name, value in params.items():
            client.log_param(run_id, name, value)
        return AcmeRun(run_id, subprocess.Popen(["sh", f"{entry_point}.sh"], cwd=Path(project_uri)))


def build() -> AcmeBackend:
    return AcmeBackend()
