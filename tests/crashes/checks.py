"""What must hold in a world after a death and the next command: sentences of what does not."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Iterator
from hashlib import file_digest
from pathlib import Path

from reprise.envs.cache import marker
from reprise.errors import TrackingError
from reprise.file_lock import ARRIVING
from reprise.schemas import tags
from reprise.schemas.entities import Run
from reprise.schemas.record import run_files
from reprise.schemas.record.run_record import from_json
from reprise.tracking.artifacts.names import UPLOADS
from reprise.tracking.sqlite.store import EmbeddedStore
from tests.crashes.worlds import FILES, World

_IN_THE_MAKING = (ARRIVING, ".making-", ".removing-", "tmp_pack_", "tmp_idx_", "tmp_obj_", "tmp_rev_")

_OF_RUNS = {"param", "metric", "tag", "status", "artifact"}


def find_faults(world: World) -> list[str]:
    """Every broken promise, in words; none where all is well."""
    return [
        *_of_database(world.store),
        *_of_runs(world),
        *_of_contents(world.store),
        *(() if world.is_cut else _of_checkouts(world.cache)),
        *(() if world.is_cut else _of_environments(world.cache)),
        *_of_leftovers(world),
    ]


def _of_database(store: Path) -> Iterator[str]:
    file = store / "reprise.db"
    if not file.exists():
        return
    connection = sqlite3.connect(file)
    try:
        if (found := connection.execute("PRAGMA integrity_check").fetchall()) != [("ok",)]:
            yield f"the database is damaged: {found[:3]}"
        if found := connection.execute("PRAGMA foreign_key_check").fetchall():
            yield f"rows without their owners: {found[:3]}"
    finally:
        connection.close()


def _of_runs(world: World) -> Iterator[str]:
    with EmbeddedStore(world.store) as store:
        if not store.exists:
            if world.acknowledged.read_text():
                yield "the store is gone, and with it what was acknowledged"
            return
        experiments = [found.experiment_id for found in store.search_experiments().items]
        for run in store.search_runs(experiments, max_results=50_000).items:
            if tags.JOB in run.tags and run.status not in ("FINISHED", "FAILED", "KILLED"):
                yield f"run {run.run_id} is {run.status}, and no process has it"
            yield from _of_record(store.artifact_folder(run.run_id), run.status)
        yield from _of_acknowledged(world, store)


def _of_record(folder: Path, status: str) -> Iterator[str]:
    record = folder / run_files.RECORD
    if not record.exists():
        return  # killed before it was written, or a run of another program
    try:
        said = from_json(record.read_bytes())
    except Exception as error:
        yield f"{record} is half written: {error}"
        return
    if said.status != status:
        yield f"{record} says {said.status}, the store {status}"
    log = folder / run_files.OUTPUT_LOG
    if status == "FINISHED" and not log.read_text().endswith(f"files {FILES}\n"):
        yield f"{log} is not complete: {log.read_text()[-80:]!r}"


def _of_acknowledged(world: World, store: EmbeddedStore) -> Iterator[str]:
    said = world.read_acknowledged()
    runs: dict[str, Run] = {}
    for run_id, kind, name, value in said[-100:]:
        if kind not in _OF_RUNS:
            continue
        try:
            run = runs.setdefault(run_id, store.get_run(run_id))
        except TrackingError:
            yield f"lost: run {run_id}"
            continue
        if kind == "param" and run.params.get(name) != value:
            yield f"lost: param {name} of run {run_id}"
        if kind == "metric" and (name not in run.metrics or run.metrics[name].value < value):
            yield f"lost: metric {name} of run {run_id}"
        if kind == "tag" and run.tags.get(name, "") < value:
            yield f"lost: tag {name} of run {run_id}"
        if kind == "status" and run.status != value:
            yield f"lost: run {run_id} is {run.status}, not {value}"
        if kind == "artifact":
            file = store.artifact_folder(run_id) / name
            if not file.exists() or _sha256(file) != value:
                yield f"lost: artifact {name} of run {run_id}"


def _of_contents(store: Path) -> Iterator[str]:
    for file in store.glob("objects/??/*"):
        if _sha256(file) != file.parent.name + file.name:
            yield f"{file} is not what its name says"


def _of_checkouts(cache: Path) -> Iterator[str]:
    for checkout in cache.glob("git-v1/*/commits/*/"):
        asked = ["git", "--no-optional-locks", "-C", str(checkout), "status", "--porcelain", "--ignored"]
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
        if done.returncode or done.stdout:
            yield f"{checkout} is not as its commit: {done.stdout[:80]}{done.stderr[:80]}"


def _of_environments(cache: Path) -> Iterator[str]:
    for prefix in cache.glob("envs-v1/*/"):
        if not (prefix / marker.NAME).exists():
            yield f"{prefix} is half made"
            continue
        python = prefix / "bin" / "python"
        modules = "greeter" if prefix.name.startswith("conda") else "alpha, beta"
        done = subprocess.run([python, "-c", f"import {modules}"], capture_output=True, check=False)
        if done.returncode:
            yield f"{prefix} has its marker, and is not whole: {done.stderr.decode()[-80:]}"


def _of_leftovers(world: World) -> Iterator[str]:
    for room in ("work-v1", "scratch-v1", "arriving-v1"):
        yield from (f"left behind: {path}" for path in (world.cache / room).glob("*"))
    for path in (*(world.store / "jobs").glob("*"), *world.temporary.glob("*")):
        if not _is_probe(path):
            yield f"left behind: {path}"
    for place, names, files in os.walk(world.root):
        if place == str(world.root):
            names[:] = [name for name in names if name not in world.apart]
        for name in (*names, *files):
            if name.startswith(_IN_THE_MAKING) and name != UPLOADS:
                yield f"left behind: {place}/{name}"
            if name.startswith("reprise.db.new") or (name.endswith(".lock") and place.endswith(".git")):
                yield f"left behind: {place}/{name}"


def _is_probe(path: Path) -> bool:
    """Whether it is the file by which Python's tempfile finds out that it can write into a folder."""
    return path.is_file() and path.read_bytes() in (b"", b"blat")


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()
