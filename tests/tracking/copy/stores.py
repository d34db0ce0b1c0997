"""MLflow file stores made by hand, of any shape."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Mapping
from pathlib import Path

RUN = "0123456789abcdef0123456789abcdef"
TIME = 1_600_000_000_000


def make_experiment(
    store: Path,
    identity: str,
    name: str,
    *,
    stage: str = "active",
    location: str | None = None,
    trash: bool = False,
    creation_time: int = TIME,
    tags: Mapping[str, str] | None = None,
) -> Path:
    """An experiment; the folder that its runs go into."""
    folder = (store / ".trash" if trash else store) / identity
    folder.mkdir(parents=True, exist_ok=True)
    uri = location or (store / identity).resolve().as_uri()
    (folder / "meta.yaml").write_text(
        f"artifact_location: {uri}\ncreation_time: {creation_time}\nexperiment_id: '{identity}'\n"
        f"last_update_time: {creation_time + 5}\nlifecycle_stage: {stage}\nname: {name!r}\n"
    )
    write_texts(folder / "tags", tags or {})
    return folder


def make_run(
    experiment: Path,
    run_id: str | None = None,
    *,
    uri: str | None = None,
    stage: str = "active",
    status: int = 3,
    params: Mapping[str, str] | None = None,
    metrics: Mapping[str, str] | None = None,
    tags: Mapping[str, str | bytes] | None = None,
    files: Mapping[str, str | bytes] | None = None,
    more: str = "",
) -> Path:
    """A run in the folder of an experiment; its folder."""
    run_id = run_id or uuid.uuid4().hex
    folder = experiment / run_id
    for part in ("params", "metrics", "tags", "artifacts"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    (folder / "meta.yaml").write_text(
        f"artifact_uri: {uri or (folder / 'artifacts').resolve().as_uri()}\nend_time: {TIME + 1000}\n"
        f"entry_point_name: ''\nexperiment_id: '{experiment.name}'\nlifecycle_stage: {stage}\n"
        f"run_id: {run_id}\nrun_name: r\nrun_uuid: {run_id}\nsource_name: ''\nsource_type: 4\n"
        f"source_version: ''\nstart_time: {TIME}\nstatus: {status}\ntags: []\nuser_id: u\n{more}"
    )
    write_texts(folder / "params", params or {})
    write_texts(folder / "metrics", metrics or {})
    write_texts(folder / "tags", tags or {})
    write_texts(folder / "artifacts", files or {})
    return folder


def write_texts(folder: Path, texts: Mapping[str, str | bytes]) -> None:
    """Each text as a file that is named by its key."""
    for key, text in texts.items():
        file = folder / key
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())


def make_database(path: Path, runs: Mapping[str, str], *, experiment: str = "x") -> sqlite3.Connection:
    """An MLflow database of an old version, with one experiment; ``runs`` gives each its artifact URI."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path)
    connection.executescript(
        "CREATE TABLE alembic_version (version_num TEXT);"
        "CREATE TABLE experiments (experiment_id INTEGER, name TEXT, artifact_location TEXT,"
        " lifecycle_stage TEXT);"
        "CREATE TABLE runs (run_uuid TEXT, name TEXT, user_id TEXT, status TEXT, start_time INTEGER,"
        " end_time INTEGER, lifecycle_stage TEXT, artifact_uri TEXT, experiment_id INTEGER);"
        "CREATE TABLE params (key TEXT, value TEXT, run_uuid TEXT);"
        "CREATE TABLE tags (key TEXT, value TEXT, run_uuid TEXT);"
        "CREATE TABLE metrics (key TEXT, value REAL, timestamp INTEGER, run_uuid TEXT, step INTEGER,"
        " is_nan INTEGER);"
    )
    connection.execute("INSERT INTO experiments VALUES (1, ?, './artifacts/1', 'active')", (experiment,))
    for run_id, uri in runs.items():
        connection.execute(
            "INSERT INTO runs VALUES (?, 'r', 'u', 'FINISHED', 1, 2, 'active', ?, 1)", (run_id, uri)
        )
    connection.commit()
    return connection
