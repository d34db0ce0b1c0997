"""Golden projects: recorded, then all but the record wiped, then performed again elsewhere."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reprise.schemas.entities import Run
from reprise.tracking.sqlite.store import EmbeddedStore
from tests.envs import wheels
from tests.fakes import repositories

TRACK = """\
import json, os, time, urllib.request

run, store = os.environ["MLFLOW_RUN_ID"], os.environ["MLFLOW_TRACKING_URI"] + "/api/2.0/"

def call(method, path, data):
    headers = {"Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"]}
    headers["Content-Type"] = "application/json"
    urllib.request.urlopen(urllib.request.Request(store + path, data, headers, method=method)).close()

def metric(key, value, step=0):
    point = {"run_id": run, "key": key, "value": value, "timestamp": int(time.time() * 1000), "step": step}
    call("POST", "mlflow/runs/log-metric", json.dumps(point).encode())

def artifact(name, text):
    folder = f"mlflow-artifacts/artifacts/{os.environ['MLFLOW_EXPERIMENT_ID']}/{run}/artifacts/"
    call("PUT", folder + name, text.encode())
"""
"""A module of the projects: logs as MLflow's client does, without its seconds of import."""


@dataclass(frozen=True)
class Again:
    """How ``reprise reproduce RUN --json`` ended."""

    exit_code: int
    data: Mapping[str, Any]
    err: str

    @property
    def verdict(self) -> str:
        return str(self.data["verdict"]["verdict"])

    def parts(self, kind: str) -> dict[str, str]:
        """The words on the parts of one kind, by name."""
        return {
            part["name"]: part["verdict"] for part in self.data["verdict"]["parts"] if part["part"] == kind
        }


@dataclass(frozen=True)
class Golden:
    """``folder`` is where projects are made, ``elsewhere`` where they are performed again."""

    folder: Path
    elsewhere: Path
    home: Path

    @property
    def store(self) -> Path:
        return self.folder / "mlruns"

    def project(self, script: str, *, name: str = "project", **files: str) -> Path:
        """A repository of one commit with an MLproject, ``train.py`` and ``track.py``."""
        written = {
            "MLproject": "name: golden\nentry_points:\n  main:\n    command: python train.py\n",
            "train.py": f"import track\n{script}",
            "track.py": TRACK,
            **{key.replace("__", "."): text for key, text in files.items()},
        }
        return repositories.make(self.folder / name, written)

    def run(self, uri: str | Path, *args: str) -> str:
        """Record a run, and return its id."""
        done = self._reprise("run", str(uri), "--json", *args, cwd=self.folder)
        assert done.returncode == 0, done.stderr
        return str(json.loads(done.stdout)["run_id"])

    def wipe(self) -> None:
        """Caches, clones and environments go; the store stays."""
        for folder in (self.home / "cache", self.home / ".cache", self.home / ".local"):
            shutil.rmtree(folder, ignore_errors=True)

    def again(self, run_id: str, *args: str) -> Again:
        """Wipe, and perform the run again from another folder, in a process of its own."""
        self.wipe()
        uri = ("--tracking-uri", str(self.store))
        done = self._reprise("reproduce", run_id, "--json", *uri, *args, cwd=self.elsewhere)
        assert done.returncode in range(8), done.stderr
        return Again(done.returncode, json.loads(done.stdout) if done.stdout else {}, done.stderr)

    def runs(self) -> list[Run]:
        with EmbeddedStore(self.store) as store:
            return list(store.search_runs(["0"]).items)

    def artifact(self, run_id: str, name: str) -> str:
        with EmbeddedStore(self.store) as store:
            folder = store.artifact_folder(run_id)
        assert folder is not None
        return (folder / name).read_text()

    def _reprise(self, *args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "reprise", *args]
        return subprocess.run(
            command, cwd=cwd, env=os.environ, capture_output=True, text=True, timeout=120, check=False
        )


@pytest.fixture
def golden(house: Path, tmp_path: Path) -> Golden:
    for name in ("made", "elsewhere"):
        (tmp_path / name).mkdir()
    return Golden(tmp_path / "made", tmp_path / "elsewhere", house)


@pytest.fixture
def index(house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place that packages come from: alpha 1.0, which needs beta 2.0."""
    folder = tmp_path / "index"
    wheels.make(folder, "alpha", "1.0", requires=["beta"])
    wheels.make(folder, "beta", "2.0")
    for name, value in (("FIND_LINKS", str(folder)), ("NO_INDEX", "1")):
        monkeypatch.setenv(f"PIP_{name}", value)
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
    return folder
