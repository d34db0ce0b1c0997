"""What is killed: a command each, what there must be before it, and the command that a user gives next."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from http.client import HTTPException
from pathlib import Path
from typing import NamedTuple

from reprise.tracking.sqlite.store import EmbeddedStore
from tests.crashes import injection
from tests.crashes.injection import During
from tests.crashes.worlds import World

OLD_STORE = Path(__file__).parents[1] / "tracking" / "sqlite" / "released" / "0.1.0.sql"
_RUN = ("-q", "run", "--env-manager=local")


class Scenario(NamedTuple):
    """``prepare`` makes the world ready, ``victim`` is killed, ``next`` must end well.

    ``during`` is done while the victim lives, given its process. ``find_faults`` is asked after the death,
    and again after the next command (``over``), for what is promised of this command alone.
    """

    name: str
    victim: Callable[[World], Sequence[str]]
    next: Callable[[World], Sequence[str]]
    prepare: Callable[[World], None] = lambda _: None
    during: Callable[[World], During] | None = None
    find_faults: Callable[[World, bool], Iterable[str]] = lambda *_: ()
    forks_only: bool = False


def _run_local(world: World) -> Sequence[str]:
    return (*_RUN, str(world.tools.local))


def _run_git(world: World) -> Sequence[str]:
    return (*_RUN, world.tools.repository.as_uri())


def _forget_repositories(world: World) -> None:
    world.drop(world.cache / "git-v1")


def _forget_environments(world: World) -> None:
    world.drop(world.cache / "envs-v1", world.cache / "bytecode-v1")


def _list_runs(world: World) -> Sequence[str]:
    return ("runs", "list") if (world.store / "reprise.db").exists() else _run_local(world)


def _demand_run(world: World) -> None:
    """A finished run is the last one."""
    with EmbeddedStore(world.store) as store:
        if store.exists:
            found = store.search_runs(["0"], max_results=1).items
            if found and found[0].status == "FINISHED":
                return
    _succeed(world, *_run_local(world))


def _succeed(world: World, *arguments: str) -> None:
    done = injection.run(world.program(*arguments, real=False))
    if done.code:
        raise RuntimeError(f"reprise {' '.join(arguments)} failed: {done.output}")


def _prepare_lock(world: World) -> None:
    world.drop(world.work / "locked")
    shutil.copytree(world.tools.packages, world.work / "locked")


def _lock(world: World) -> Sequence[str]:
    return ("-q", "lock", str(world.work / "locked"))


def _find_faults_of_lock(world: World, over: bool) -> Iterable[str]:
    locks = [path for path in (world.work / "locked").glob("*lock*") if path.is_file()]
    for path in locks:
        if "beta" not in path.read_text() or not path.read_text().endswith("\n"):
            yield f"{path} is not whole"
    if over and len(locks) != 1:
        yield f"not one lock: {locks}"


def _prepare_bundle(world: World) -> None:
    _demand_run(world)
    (world.work / "bundle.zip").unlink(missing_ok=True)


def _bundle(world: World) -> Sequence[str]:
    return ("-q", "bundle", "@last", "-o", str(world.work / "bundle.zip"))


def _find_faults_of_bundle(world: World, over: bool) -> Iterable[str]:
    path = world.work / "bundle.zip"
    if path.exists():
        try:
            with zipfile.ZipFile(path) as bundle:
                if bundle.testzip() is not None:
                    yield f"{path} is damaged"
        except zipfile.BadZipFile:
            yield f"{path} is half written"
        path.unlink()  # the next command is to make it again
    elif over:
        yield f"{path} was not made"


def _prepare_import(world: World) -> None:
    _forget_store(world)


def _forget_store(world: World) -> None:
    world.drop(world.store)
    world.acknowledged.write_text("")


def _import(world: World) -> Sequence[str]:
    return ("-q", "import", str(world.tools.mlruns))


def _find_faults_of_import(world: World, over: bool) -> Iterable[str]:
    if not over:
        return
    with EmbeddedStore(world.store) as store:
        experiments = [found.experiment_id for found in store.search_experiments().items]
        runs = store.search_runs(experiments).items
        if len(runs) != 4:
            yield f"{len(runs)} of 4 runs were imported"
        for run in runs:
            folder = store.artifact_folder(run.run_id)
            sizes = {path.name: path.stat().st_size for path in folder.rglob("*") if path.is_file()}
            if sizes != {"file": 30_000, "other": 1}:
                yield f"files of {run.run_id}: {sizes}"
            if len(store.metric_history(run.run_id, "m")) != 2:
                yield f"points of {run.run_id} are missing"


def _prepare_old_store(world: World) -> None:
    _forget_store(world)
    world.store.mkdir()
    connection = sqlite3.connect(world.store / "reprise.db")
    connection.executescript(OLD_STORE.read_text())
    connection.close()


def _find_faults_of_migration(world: World, over: bool) -> Iterable[str]:
    connection = sqlite3.connect(world.store / "reprise.db")
    try:
        (runs,) = connection.execute("SELECT count(*) FROM run").fetchone()
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    finally:
        connection.close()
    before = OLD_STORE.read_text().count('INSERT INTO "run" VALUES')
    if runs != before:
        yield f"{runs} of {before} runs are left"
    if over and "trace_assessment" not in tables:
        yield "the store was not brought up to date"


def _prepare_deleted(world: World) -> None:
    _succeed(world, *_run_local(world))
    with EmbeddedStore(world.store) as store:
        doomed = store.search_runs(["0"], max_results=1).items[0].run_id
    _succeed(world, "runs", "delete", doomed)
    lines = world.acknowledged.read_text().splitlines(keepends=True)
    world.acknowledged.write_text("".join(line for line in lines if doomed not in line))


def _serve(world: World) -> Sequence[str]:
    return ("-q", "server", "--store", str(world.store), "--port", str(_PORT))


def _talk(world: World) -> During:
    """Write to the server until it is gone, or for a while; what it acknowledges is noted."""

    def talk(pid: int) -> None:
        if _is_answering(pid):
            try:
                _write_for_a_while(world)
            except (OSError, HTTPException):
                return  # it was killed
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            return

    return talk


def _is_answering(pid: int) -> bool:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        if state == "Z":
            return False
        try:
            socket.create_connection(("127.0.0.1", _PORT), 1).close()
            return True
        except OSError:
            time.sleep(0.01)
    return False


def _write_for_a_while(world: World) -> None:
    reply = _ask("POST", "mlflow/runs/create", {"experiment_id": "0", "start_time": 1})
    run = json.loads(reply)["run"]["info"]["run_id"]
    with world.acknowledged.open("a", buffering=1) as out:
        for number in range(12):
            metrics = [{"key": "m", "value": number, "timestamp": 1, "step": step} for step in range(5)]
            params = [{"key": f"p{number}", "value": "x"}]
            _ask("POST", "mlflow/runs/log-batch", {"run_id": run, "metrics": metrics, "params": params})
            print(json.dumps([run, "param", f"p{number}", "x"]), file=out)
            print(json.dumps([run, "metric", "m", number]), file=out)
            body = os.urandom(50_000)
            place = f"mlflow-artifacts/artifacts/0/{run}/artifacts/f{number % 3}"
            if number < 3:
                _ask("PUT", place, body)
                print(json.dumps([run, "artifact", f"f{number}", sha256(body).hexdigest()]), file=out)
        _ask("POST", "mlflow/runs/update", {"run_id": run, "status": "FINISHED", "end_time": 2})


def _ask(method: str, path: str, body: object) -> bytes:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    address = f"http://127.0.0.1:{_PORT}/api/2.0/{path}"
    request = urllib.request.Request(address, data, headers, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=60) as reply:
        found: bytes = reply.read()
        return found


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


_PORT = _free_port()

SCENARIOS = (
    Scenario("run", _run_local, _list_runs),
    Scenario("run --no-wait", lambda world: (*_run_local(world), "--no-wait"), _list_runs),
    Scenario("git fetch and checkout", _run_git, _run_git, _forget_repositories),
    Scenario("git, fetched before", _run_git, _list_runs),
    Scenario("archive", lambda world: (*_RUN, str(world.tools.archive)), _list_runs),
    Scenario(
        "environment",
        lambda world: ("-q", "run", str(world.tools.packages)),
        lambda world: ("-q", "run", str(world.tools.packages)),
        _forget_environments,
    ),
    Scenario("lock", _lock, _lock, _prepare_lock, find_faults=_find_faults_of_lock),
    Scenario("reproduce", lambda _: ("-q", "reproduce", "@last"), _list_runs, _demand_run),
    Scenario("bundle", _bundle, _bundle, _prepare_bundle, find_faults=_find_faults_of_bundle),
    Scenario("import", _import, _import, _prepare_import, find_faults=_find_faults_of_import),
    Scenario(
        "migration", _list_runs, _list_runs, _prepare_old_store, find_faults=_find_faults_of_migration
    ),
    Scenario("delete for good", lambda _: ("-q", "gc"), lambda _: ("-q", "gc"), _prepare_deleted),
    Scenario("server", _serve, _list_runs, during=_talk, forks_only=True),
)
