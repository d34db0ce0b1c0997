"""A store, a cache, projects and a repository of their own, in which commands are killed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

from reprise.schemas.entities import Metric
from reprise.tracking.sqlite.store import EmbeddedStore
from tests.crashes.cut import SyncedDisk
from tests.crashes.programs import Command, Program
from tests.envs import conda_channel, wheels
from tests.tracking.copy.stores import make_experiment, make_run

FILES = 30
"""Of the repository, beside its MLproject."""

_LOGS = textwrap.dedent("""
    import json, os, sys, urllib.request
    from hashlib import sha256

    acknowledged = open(os.environ["ACKNOWLEDGED"], "a", buffering=1)
    base, run = os.environ["MLFLOW_TRACKING_URI"], os.environ["MLFLOW_RUN_ID"]
    headers = {"Content-Type": "application/json"}
    if token := os.environ.get("MLFLOW_TRACKING_TOKEN"):
        headers["Authorization"] = f"Bearer {token}"

    def ask(method, path, body):
        request = urllib.request.Request(f"{base}/api/2.0/{path}", body, headers, method=method)
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request).read()

    def post(verb, **fields):
        ask("POST", f"mlflow/{verb}", json.dumps({"run_id": run, **fields}).encode())

    def tell(*words):
        acknowledged.write("\\n" + json.dumps([run, *words]) + "\\n")

    if "child" not in sys.argv:
        for number in range(3):
            post("runs/log-parameter", key=f"p{number}", value=str(number))
            tell("param", f"p{number}", str(number))
            post("runs/log-metric", key="m", value=number / 8, timestamp=1, step=number)
            tell("metric", "m", number / 8)
            body = os.urandom(20_000)
            experiment = os.environ["MLFLOW_EXPERIMENT_ID"]
            ask("PUT", f"mlflow-artifacts/artifacts/{experiment}/{run}/artifacts/out/f{number}", body)
            tell("artifact", f"out/f{number}", sha256(body).hexdigest())
            print("line", number, flush=True)
    print("files", len([name for name in os.listdir("data")] if os.path.isdir("data") else []))
""")


class World:
    """Everything below ``root``; ``tools`` is what worlds share, and no command writes.

    ``aside`` is for what the harness notes, uv has a cache of its own there: both are ``apart``.
    """

    apart = frozenset({"aside", "uv"})

    def __init__(self, root: Path, tools: Tools) -> None:
        self.root, self.tools = root, tools
        self.store, self.cache, self.state = root / "store", root / "cache", root / "state"
        self.temporary, self.work = root / "tmp", root / "work"
        self.aside = root / "aside"
        for folder in (self.temporary, self.work, self.aside):
            folder.mkdir(parents=True)
        self.acknowledged = self.aside / "acknowledged"
        self.acknowledged.touch()
        self.boot = self.aside / "boot"
        self.is_cut = False
        self.start_machine()

    def start_machine(self) -> None:
        """Be on a machine that has just started."""
        shutil.rmtree(self.temporary)
        self.temporary.mkdir()
        self.boot.write_text(str(uuid.uuid4()))

    def cut_power(self, disk: SyncedDisk, *, keep_names: bool) -> None:
        """Lose what was not synced; caches may be in ruins until they are used."""
        disk.cut(keep_names=keep_names)
        self.is_cut = True
        self.start_machine()

    def read_acknowledged(self) -> list[list[Any]]:
        """What was acknowledged: a run, a kind, a name and a value each; without lines that a death cut."""
        said = []
        for line in self.acknowledged.read_text().splitlines():
            with suppress(ValueError):
                said.append(json.loads(line))
        return said

    def program(self, *arguments: str, real: bool) -> Program:
        return self.command(arguments, real=real)

    def command(self, command: Command, *, real: bool) -> Program:
        """What is done in this world: words of reprise, or a function."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        environ = {
            **kept,
            "HOME": str(self.root),
            "TMPDIR": str(self.temporary),
            "REPRISE_CACHE_DIR": str(self.cache),
            "REPRISE_STATE_DIR": str(self.state),
            "UV_CACHE_DIR": str(self.root / "uv"),
            "UV_PYTHON_DOWNLOADS": "never",
            "MLFLOW_TRACKING_URI": str(self.store),
            "ACKNOWLEDGED": str(self.acknowledged),
            "PIP_FIND_LINKS": str(self.tools.index),
            "PIP_NO_INDEX": "1",
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        return Program(command, self.work, environ, self.aside, self.boot, real)

    def drop(self, *folders: Path) -> None:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)

    def make_due(self) -> None:
        """What is done once an hour is to be done by the next command."""
        stamp = self.cache / ".swept"
        if stamp.exists():
            os.utime(stamp, (0, 0))


class Tools:
    """Projects, a repository, an index of packages and an MLflow store that commands only read."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.index = root / "index"
        wheels.make(self.index, "alpha", "1.0", requires=["beta"], hashed=True)
        wheels.make(self.index, "beta", "2.0", hashed=True)
        self.local = self._project("local", "")
        python = ".".join(map(str, sys.version_info[:3]))
        self.packages = self._project("packages", "python_env: python_env.yaml\n")
        (self.packages / "python_env.yaml").write_text(f'python: "{python}"\ndependencies:\n- alpha==1.0\n')
        self.conda = self._project("conda", "conda_env: conda.yaml\n")
        channel = conda_channel.shared()
        (self.conda / "conda.yaml").write_text(
            f"channels: [{channel}]\ndependencies: [python={python}, greeter]\n"
        )
        self.pushed = self._pushed()
        self.repository = self._repository()
        self.archive = Path(shutil.make_archive(str(root / "archive"), "zip", self.local))
        self.mlruns = self._mlruns()

    def _project(self, name: str, environment: str) -> Path:
        folder = self.root / name
        (folder / "data").mkdir(parents=True)
        for number in range(FILES):
            (folder / "data" / f"{number}.csv").write_text(f"row {number}\n" * 50)
        (folder / "work.py").write_text(_LOGS)
        command = f"{sys.executable} -I work.py" if not environment else "python -I work.py"
        entry = f"  main: {{command: {json.dumps(command)}}}\n"
        (folder / "MLproject").write_text(f"name: {name}\n{environment}entry_points:\n{entry}")
        return folder

    def _repository(self) -> Path:
        tree, bare = self.root / "tree", self.root / "bare.git"
        shutil.copytree(self.local, tree)
        identity = ("-c", "user.name=x", "-c", "user.email=x@x.example")
        for words in (("init", "-q", "-b", "main", "."), ("add", "-A"), (*identity, "commit", "-qm", "1")):
            subprocess.run(["git", *words], cwd=tree, check=True)
        subprocess.run(["git", "clone", "-q", "--bare", str(tree), str(bare)], check=True)
        return bare

    def _pushed(self) -> Path:
        folder = self.root / "pushed"
        with EmbeddedStore(folder) as store:
            experiment = store.create_experiment("sent")
            for number in range(3):
                run = store.create_run(experiment, start_time=1, user_id="ada").run_id
                store.log_batch(run, metrics=[Metric("m", 0.5, 1)], params={"number": str(number)})
                with store.artifacts_of(run).writing("file") as stream:
                    stream.write(b"x" * 5_000)
                store.update_run(run, status="FINISHED", end_time=2)
        return folder

    def _mlruns(self) -> Path:
        folder = self.root / "mlruns"
        experiment = make_experiment(folder, "1", "old")
        for number in range(4):
            make_run(
                experiment,
                f"{number:032x}",
                params={"a": "1"},
                metrics={"m": "1600000000000 0.5 0\n1600000000001 0.25 1\n"},
                files={"out/file": "x" * 30_000, "other": "y"},
            )
        return folder
