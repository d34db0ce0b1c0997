"""The two tracking servers that ``tracking.py`` compares: how each is started, filled and asked."""

from __future__ import annotations

import http.client
import json
import os
import random
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

EXPERIMENT = 1
START = 1_700_000_000_000
METRICS = ("acc", "loss", "f1")


class Client:
    """One connection that is kept open, with as little of a client as possible in the figures."""

    def __init__(self, port: int, timeout: float = 600) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)

    def get(self, path: str) -> bytes:
        return self._answer("GET", path, None)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        return json.loads(self.posted(path, body))

    def posted(self, path: str, body: Mapping[str, Any]) -> bytes:
        """The answer as it came: what a client makes of it is its own time."""
        return self._answer("POST", f"/api/2.0/mlflow/{path}", json.dumps(body).encode())

    def _answer(self, method: str, path: str, body: bytes | None) -> bytes:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        content = response.read()
        if response.status != 200:
            raise RuntimeError(f"{method} {path}: {response.status} {content[:200]!r}")
        return content


@dataclass(frozen=True)
class Server:
    """A running server; ``started`` is the seconds until it answered, ``memory`` its bytes of RSS then."""

    port: int
    pid: int
    started: float
    memory: int

    def cpu(self) -> float:
        """Seconds of CPU that its processes have used."""
        times = [one.cpu_times() for one in _processes(self.pid)]
        return sum(one.user + one.system for one in times)

    def client(self, timeout: float = 600) -> Client:
        return Client(self.port, timeout)


@dataclass(frozen=True)
class Side:
    """A tool; ``database`` is relative to the folder that it serves."""

    name: str
    database: str

    def command(self, folder: Path, port: int) -> list[str]:
        programs = Path(sys.executable).parent
        if self.name == "reprise":
            return [str(programs / "reprise"), "server", "--store", str(folder), "--port", str(port)]
        return [
            *(str(programs / "mlflow"), "server", "--workers", "1", "--port", str(port)),
            *("--backend-store-uri", f"sqlite:///{folder / self.database}"),
            *("--artifacts-destination", str(folder / "artifacts")),
        ]

    @contextmanager
    def serving(self, folder: Path) -> Iterator[Server]:
        folder.mkdir(parents=True, exist_ok=True)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        with (folder / "server.log").open("ab") as log:
            began = time.perf_counter()
            process = subprocess.Popen(
                self.command(folder, port),
                cwd=folder,
                env=_environ(folder),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            _wait(port, process, folder / "server.log")
            started = time.perf_counter() - began
            yield Server(port, process.pid, started, _memory(process.pid))
        finally:
            os.killpg(process.pid, 15)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                process.wait()

    def fill(self, folder: Path, runs: int) -> None:
        """Put finished runs into the database, with three metrics, three params and four tags each."""
        with closing(sqlite3.connect(folder / self.database)) as connection:
            connection.execute("PRAGMA synchronous=OFF")
            connection.execute("PRAGMA cache_size=-200000")
            with connection:
                (_fill_ours if self.name == "reprise" else _fill_mlflow)(connection, runs)


OURS = Side("reprise", "reprise.db")
MLFLOW = Side("mlflow", "mlflow.db")


def _environ(home: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    return {**kept, **quiet, "GIT_PYTHON_REFRESH": "quiet", "HOME": str(home)}


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    while process.poll() is None:
        try:
            Client(port).get("/health")
        except (OSError, http.client.HTTPException):
            time.sleep(0.002)
        else:
            return
    raise SystemExit(f"the server did not start:\n{log.read_text()[-2000:]}")


def _memory(pid: int) -> int:
    return sum(one.memory_info().rss for one in _processes(pid))


def _processes(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def _runs(
    count: int,
) -> Iterator[tuple[int, str, str, list[float], list[tuple[str, str]], list[tuple[str, str]]]]:
    """Number, id, status, metrics, params and tags of each run: the same for both sides."""
    draw = random.Random(count)
    for number in range(1, count + 1):
        params = [
            ("depth", str(number % 20)),
            ("lr", repr(draw.random())),
            ("model", draw.choice(("forest", "boost", "net", "linear"))),
        ]
        tags = [
            ("mlflow.runName", f"run-{number}"),
            ("mlflow.source.name", "train.py"),
            ("mlflow.user", "ada"),
            ("team", draw.choice("abcdefghij")),
        ]
        status = "FAILED" if draw.random() < 0.1 else "FINISHED"
        yield (
            number,
            f"{draw.getrandbits(128):032x}",
            status,
            [draw.random() for _ in METRICS],
            params,
            tags,
        )


def _insert(
    connection: sqlite3.Connection, table: str, columns: str, rows: Iterable[tuple[Any, ...]]
) -> None:
    marks = ", ".join("?" * (columns.count(",") + 1))
    connection.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)


def _fill_ours(connection: sqlite3.Connection, count: int) -> None:
    _insert(
        connection,
        "run",
        "id, run_id, experiment, name, user_id, status, start_time, end_time, artifact_uri,"
        " lifecycle_stage",
        (
            (n, run_id, EXPERIMENT, f"run-{n}", "ada", status, START + n, START + n + 1, f"x/{n}", "active")
            for n, run_id, status, *_ in _runs(count)
        ),
    )
    _insert(
        connection,
        "series",
        "run, key, value, timestamp, step",
        (
            (n, key, value, START + n, 10)
            for n, _, _, values, *_ in _runs(count)
            for key, value in zip(METRICS, values, strict=True)
        ),
    )
    for table, place in (("run_param", 4), ("run_tag", 5)):
        _insert(
            connection,
            table,
            "owner, key, value",
            ((run[0], *pair) for run in _runs(count) for pair in run[place]),
        )


def _fill_mlflow(connection: sqlite3.Connection, count: int) -> None:
    _insert(
        connection,
        "runs",
        "run_uuid, name, source_type, source_name, user_id, status, start_time, end_time, lifecycle_stage,"
        " artifact_uri, experiment_id",
        (
            (
                run_id,
                f"run-{n}",
                "LOCAL",
                "train.py",
                "ada",
                status,
                START + n,
                START + n + 1,
                "active",
                f"x/{n}",
                EXPERIMENT,
            )
            for n, run_id, status, *_ in _runs(count)
        ),
    )
    for table in ("metrics", "latest_metrics"):
        _insert(
            connection,
            table,
            "run_uuid, key, value, timestamp, step, is_nan",
            (
                (run_id, key, value, START + n, 10, 0)
                for n, run_id, _, values, *_ in _runs(count)
                for key, value in zip(METRICS, values, strict=True)
            ),
        )
    for table, place in (("params", 4), ("tags", 5)):
        _insert(
            connection,
            table,
            "run_uuid, key, value",
            ((run[1], *pair) for run in _runs(count) for pair in run[place]),
        )
