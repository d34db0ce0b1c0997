"""What is killed: a command each, what there must be before it, and the command that a user gives next."""

from __future__ import annotations

import shutil
import sqlite3
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from reprise.tracking.sqlite.store import EmbeddedStore
from tests.crashes import actions, programs, serving
from tests.crashes.programs import Command, During, Words
from tests.crashes.worlds import World

OLD_STORE = Path(__file__).parents[1] / "tracking" / "sqlite" / "released" / "0.1.0.sql"
_RUN = ("-q", "run", "--env-manager=local")


class Scenario(NamedTuple):
    """``prepare`` makes the world ready, ``victim`` is killed, ``next`` must end well.

    ``during`` is done while the victim lives, given its process. ``find_faults`` is asked after the death,
    and again after the next command (``over``), for what is promised of this command alone.
    ``share``: how many turns it has in a round; those that are cheap have more.
    """

    name: str
    victim: Callable[[World], Command]
    next: Callable[[World], Command]
    prepare: Callable[[World], None] = lambda _: None
    during: Callable[[World], During] | None = None
    find_faults: Callable[[World, bool], Iterable[str]] = lambda *_: ()
    forks_only: bool = False
    share: int = 1


def _run_local(world: World) -> Words:
    return (*_RUN, str(world.tools.local))


def _run_git(world: World) -> Words:
    return (*_RUN, world.tools.repository.as_uri())


def _forget_repositories(world: World) -> None:
    world.drop(world.cache / "git-v1")


def _forget_environments(world: World) -> None:
    world.drop(world.cache / "envs-v1", world.cache / "bytecode-v1")


def _list_runs(world: World) -> Words:
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
    done = programs.run(world.program(*arguments, real=False))
    if done.code:
        raise RuntimeError(f"reprise {' '.join(arguments)} failed: {done.output}")


def _prepare_lock(world: World) -> None:
    world.drop(world.work / "locked")
    shutil.copytree(world.tools.packages, world.work / "locked")


def _lock(world: World) -> Words:
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


def _bundle(world: World) -> Words:
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


def _import(world: World) -> Words:
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


def _backup(world: World) -> Words:
    return ("-q", "backup", str(world.work / "backup.tar"), "--force")


def _find_faults_of_backup(world: World, over: bool) -> Iterable[str]:
    path = world.work / "backup.tar"
    if path.exists():
        done = programs.run(world.program("restore", str(path), "--check", real=False))
        if done.code:
            yield f"{path} is not whole: {done.output}"
        path.unlink()  # the next command is to make it again
    elif over:
        yield f"{path} was not made"


def _prepare_restore(world: World) -> None:
    _prepare_bundle(world)
    if not (world.work / "whole.tar").exists():
        _succeed(world, "-q", "backup", str(world.work / "whole.tar"))
    world.drop(world.work / "restored")


def _restore(world: World) -> Words:
    target = str(world.work / "restored")
    return ("-q", "restore", str(world.work / "whole.tar"), "--replace", "--tracking-uri", target)


def _find_faults_of_restore(world: World, over: bool) -> Iterable[str]:
    folder = world.work / "restored"
    if (folder / "reprise.db").exists():
        done = programs.run(
            world.program("runs", "list", "--json", "--tracking-uri", str(folder), real=False)
        )
        if done.code or '"FINISHED"' not in done.output:
            yield f"{folder} is half restored: {done.output}"
    elif over:
        yield f"{folder} was not restored"


def _find_faults_of_users(world: World, over: bool) -> Iterable[str]:
    path = world.work / "users.toml"
    done = programs.run(world.program("users", "list", str(path), real=False))
    if path.exists() and (done.code or ("ada" not in done.output)):
        yield f"{path} is half written: {done.output}"


def _prepare_users(world: World) -> None:
    (world.work / "users.toml").unlink(missing_ok=True)
    _succeed(world, *_add_user(world, "ada"))


def _add_user(world: World, name: str) -> Words:
    return ("-q", "users", "add", str(world.work / "users.toml"), name, "--token")


SCENARIOS = (
    Scenario("run", _run_local, _list_runs),
    Scenario("run --no-wait", lambda world: (*_run_local(world), "--no-wait"), _list_runs, share=2),
    Scenario("git fetch and checkout", _run_git, _run_git, _forget_repositories),
    Scenario("git, fetched before", _run_git, _list_runs, share=2),
    Scenario("archive", lambda world: (*_RUN, str(world.tools.archive)), _list_runs, share=2),
    Scenario(
        "environment",
        lambda world: ("-q", "run", str(world.tools.packages)),
        lambda world: ("-q", "run", str(world.tools.packages)),
        _forget_environments,
    ),
    Scenario("lock", _lock, _lock, _prepare_lock, find_faults=_find_faults_of_lock, share=2),
    Scenario("reproduce", lambda _: ("-q", "reproduce", "@last"), _list_runs, _demand_run),
    Scenario("bundle", _bundle, _bundle, _prepare_bundle, find_faults=_find_faults_of_bundle),
    Scenario("import", _import, _import, _prepare_import, find_faults=_find_faults_of_import, share=3),
    Scenario(
        "migration",
        _list_runs,
        _list_runs,
        _prepare_old_store,
        find_faults=_find_faults_of_migration,
        share=4,
    ),
    Scenario("delete for good", lambda _: ("-q", "gc"), lambda _: ("-q", "gc"), _prepare_deleted, share=2),
    Scenario("server", serving.serve, _list_runs, during=serving.talk_to, forks_only=True, share=2),
    Scenario("store, runs", actions.log_to_store, _list_runs, share=25),
    Scenario(
        "store, models",
        actions.register_models,
        _list_runs,
        find_faults=actions.find_faults_of_models,
        share=25,
    ),
    Scenario("push", actions.push, actions.push, _forget_store, find_faults=actions.find_faults_of_push),
    Scenario("synchronous=False", actions.run_asynchronously, _list_runs),
    Scenario("backup", _backup, _backup, _demand_run, find_faults=_find_faults_of_backup),
    Scenario("restore", _restore, _restore, _prepare_restore, find_faults=_find_faults_of_restore),
    Scenario(
        "users",
        lambda world: _add_user(world, "bo"),
        lambda world: _add_user(world, "bo"),
        _prepare_users,
        find_faults=_find_faults_of_users,
        share=3,
    ),
    Scenario(
        "environment of a model",
        actions.make_model_environment,
        actions.make_model_environment,
        _forget_environments,
    ),
    Scenario(
        "conda environment",
        lambda world: ("-q", "run", str(world.tools.conda)),
        lambda world: ("-q", "run", str(world.tools.conda)),
        _forget_environments,
    ),
)
