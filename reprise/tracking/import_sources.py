"""What ``reprise import SRC`` may name, and how it is opened."""

from __future__ import annotations

from pathlib import Path

from reprise.errors import UsageError
from reprise.redact import redact
from reprise.tracking.copying import Source
from reprise.tracking.embedded import DATABASE_NAME
from reprise.tracking.import_tracking import TrackingSource
from reprise.tracking.registry import open_tracking

_SQLITE = b"SQLite format 3\0"
_SCHEME = "sqlite:///"
_HINT = (
    "give MLflow's folder mlruns, its database (mlflow.db or sqlite:///mlflow.db), or the URL of a server"
)


def open_source(text: str, start: Path, artifacts: Path | None = None) -> Source:
    """The store that ``text`` names, seen from the folder ``start``.

    Args:
        artifacts: where the artifacts of a file store or a database lie, when they were moved or a
            server kept them (its ``--artifacts-destination``).

    Raises:
        UsageError: it is no store that can be copied.
    """
    path = start / Path(text.removeprefix(_SCHEME).removeprefix("file://")).expanduser()
    if "://" in text and not text.startswith((_SCHEME, "file://")):
        return TrackingSource(open_tracking(text, start))
    if path.is_file():
        with path.open("rb") as file:
            if file.read(len(_SQLITE)) == _SQLITE:
                from reprise.tracking.import_sqlite import MlflowDatabase

                return MlflowDatabase(path, artifacts)
        raise UsageError(f"{path} is no SQLite database", hint=_HINT)
    if not path.is_dir():
        raise UsageError(f'there is no store at "{redact(text)}"', hint=_HINT)
    if any(path.glob("*/meta.yaml")) or any(path.glob(".trash/*/meta.yaml")):
        from reprise.tracking.import_files import FileStore

        return FileStore(path, artifacts)
    if (path / DATABASE_NAME).is_file():
        return TrackingSource(open_tracking(str(path), start))
    raise UsageError(f"{path} holds no store of MLflow's", hint=_HINT)
