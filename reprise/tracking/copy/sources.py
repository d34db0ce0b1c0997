"""What ``reprise import SRC`` may name, and how it is opened."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from reprise.errors import UsageError
from reprise.redact import redact
from reprise.tracking.copy.filestore.layout import META, REGISTRY, TRASH, is_experiment, is_run
from reprise.tracking.copy.tracking import TrackingSource
from reprise.tracking.protocols.copying import CopySource
from reprise.tracking.registry import open_tracking
from reprise.tracking.rest.store import RestTracking
from reprise.tracking.sqlite.run_store import DATABASE_NAME

_MAGIC = b"SQLite format 3\0"
_SQLITE = re.compile(r"sqlite(?:\+\w+)?:///")
_SERVERS = re.compile(r"(?:postgres|postgresql|mysql|mariadb|mssql|oracle)(?:\+\w+)?://")
_HINT = (
    "give MLflow's folder mlruns, its database (mlflow.db, sqlite:///mlflow.db, postgresql://...),"
    " or the URL of a server"
)


def open_source(text: str, start: Path, artifacts: Path | None = None) -> CopySource:
    """Open the store ``text``, relative to the folder ``start``.

    Args:
        artifacts: the folder of the artifacts of a file store or a database, if they were moved or a
            server stored them (its ``--artifacts-destination``).

    Raises:
        UsageError: it is not a store that can be copied.
    """
    if _SERVERS.match(text):
        from reprise.tracking.copy.database.server import ServerTables
        from reprise.tracking.copy.database.store import MlflowDatabase

        return MlflowDatabase(ServerTables(text), start, artifacts)
    if "://" in text and not text.startswith("file:") and not _SQLITE.match(text):
        tracking = open_tracking(text, start)
        if isinstance(tracking, RestTracking):
            from reprise.tracking.copy.pushed import PushedSource

            return PushedSource(tracking)
        return TrackingSource(tracking)
    path = _local_path(text, start)
    if path.is_file():
        return _open_file(path, artifacts)
    if not path.is_dir():
        raise UsageError(f'there is no store at "{redact(text)}"', hint=_HINT)
    if is_file_store(path):
        from reprise.tracking.copy.filestore.store import FileStore

        return FileStore(path, artifacts)
    if (path / DATABASE_NAME).is_file():
        return TrackingSource(open_tracking(str(path), start))
    raise UsageError(f"{path} holds no store of MLflow's", hint=_propose_store(path) or _HINT)


def is_file_store(folder: Path) -> bool:
    """Whether MLflow keeps its experiments there: at least one of them, or a run, has its meta.yaml."""
    if (folder / META).is_file() or is_run(folder) or folder.name == TRASH:
        return False
    patterns = (f"*/{META}", f"*/*/{META}", f"{TRASH}/*/{META}")
    return any(
        found.parent.name != REGISTRY and _is_of_experiment(folder, found)
        for pattern in patterns
        for found in folder.glob(pattern)
    )


def _is_of_experiment(folder: Path, meta: Path) -> bool:
    below = meta.relative_to(folder).parts
    home = folder / TRASH / below[1] if below[0] == TRASH else folder / below[0]
    return is_experiment(home)


def _local_path(text: str, start: Path) -> Path:
    """The path that a text, a ``file:`` or a ``sqlite:`` URL means; options of a URL are left out."""
    if match := _SQLITE.match(text):
        rest = text[match.end() :]
        return start / Path(rest if (start / rest).exists() else rest.partition("?")[0]).expanduser()
    if text.startswith("file:"):
        parts = urlsplit(text)
        return start / unquote(f"{parts.netloc if parts.netloc == '.' else ''}{parts.path}")
    return start / Path(text).expanduser()


def _open_file(path: Path, artifacts: Path | None) -> CopySource:
    with path.open("rb") as file:
        is_database = file.read(len(_MAGIC)) == _MAGIC
    if not is_database:
        raise UsageError(f"{path} is not an SQLite database", hint=_HINT)
    from reprise.tracking.copy.database.sqlite import SqliteTables
    from reprise.tracking.copy.database.store import MlflowDatabase

    if path.name == DATABASE_NAME and (path.parent / "artifacts").is_dir():
        return TrackingSource(open_tracking(str(path.parent), path.parent))
    return MlflowDatabase(SqliteTables(path), path.parent, artifacts)


def _propose_store(folder: Path) -> str | None:
    """Which store a user may have meant who named this folder."""
    for above in (folder.parent, folder.parent.parent):
        if is_file_store(above):
            what = "a run" if is_run(folder) else "an experiment" if is_experiment(folder) else "a part"
            return f"it is {what} of the store {above}: reprise import {above}"
    found = [child for child in _list_children(folder) if child.is_dir() and is_file_store(child)]
    found += [child for child in _list_children(folder) if _is_mlflow_database(child)]
    if not found:
        return None
    others = f" (there is {', '.join(map(str, found[1:]))}, too)" if len(found) > 1 else ""
    return f"there is one in it: reprise import {found[0]}{others}"


def _list_children(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _is_mlflow_database(path: Path) -> bool:
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                return False
    except OSError:
        return False
    import sqlite3
    from contextlib import closing

    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            sql = "SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'"
            return connection.execute(sql).fetchone() is not None
    except sqlite3.Error:
        return True  # locked: it may be one
