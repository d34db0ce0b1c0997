"""Which store a tracking URI means."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from reprise import paths
from reprise.errors import TrackingError, UsageError
from reprise.redact import redact
from reprise.tracking.sqlite.run_store import RunsOfStore

if TYPE_CHECKING:
    from reprise.tracking.artifacts.files import Artifacts
    from reprise.tracking.base import Tracking
    from reprise.tracking.protocols.store import StoreDestination, TrackingStore
    from reprise.tracking.sqlite.store import EmbeddedStore

OWN_SCHEME = "reprise:"
_SCHEME = r"[A-Za-z][A-Za-z0-9+.\-]+:"


class LazyStore(RunsOfStore):
    """The embedded store for a run: what no run needs is loaded by the first verb of it.

    Most runs end before that, and the modules of models, traces and pages cost as much as a bare Python.
    """

    @property
    def own_store(self) -> EmbeddedStore:
        """The whole store, over the same open database."""
        from reprise.tracking.sqlite.store import EmbeddedStore

        return EmbeddedStore.of_runs(self)

    def artifacts_of(self, owner: str) -> Artifacts:
        return self.own_store.artifacts_of(owner) if owner.startswith("m-") else super().artifacts_of(owner)

    def __getattr__(self, name: str) -> Any:
        """The verbs of other subjects."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.own_store, name)


def open_own_store(uri: str | None, start: Path, artifact_root: str | None = None) -> TrackingStore:
    """Open the store that ``uri`` means, for a server: a folder, which is seen from ``start``.

    Args:
        uri: a path, or a ``file:`` or ``reprise:`` URI; None: ``mlruns`` found upward.
        artifact_root: where its artifacts are, a local path or an fsspec URI; None: as the store notes.

    Raises:
        UsageError: ``uri`` is not a folder, or ``artifact_root`` cannot be used.
    """
    from reprise.tracking.sqlite.store import EmbeddedStore

    if not uri:
        return EmbeddedStore(paths.find_store(start), artifact_root)
    try:
        folder = local_folder(uri, start)
    except ValueError as error:
        raise UsageError(f'the store "{redact(uri)}" cannot be used: {error}') from error
    if folder is None:
        raise UsageError(f'the store "{redact(uri)}" is not a folder', hint=_hint_for(uri))
    return EmbeddedStore(folder, artifact_root)


def open_destination(folder: Path) -> StoreDestination:
    """Open the store in ``folder`` for a copy into it; the first write makes it."""
    from reprise.tracking.sqlite.copied.destination import EmbeddedDestination

    return EmbeddedDestination(folder)


def _hint_for(uri: str) -> str:
    scheme = uri.partition(":")[0]
    if scheme in ("http", "https"):
        return "open this server in a browser, or set MLFLOW_TRACKING_URI to it"
    if scheme.partition("+")[0] in ("postgresql", "mysql", "sqlite", "mssql"):
        return f"reprise import {redact(uri)} copies a database of MLflow into a folder"
    return "use the path of a folder" if "://" in uri else f"a folder of this name is ./{uri}"


def open_tracking(uri: str | None, start: Path) -> Tracking:
    """Open the store that ``uri`` means; relative paths and None are seen from ``start``.

    None, a path, ``file:`` or ``reprise:``   the embedded store (None: ``mlruns`` found upward)
    ``http:`` or ``https:``                   an MLflow server
    anything else                             what the MLflow library understands, when it is installed
    """
    if not uri:
        return _open_folder(paths.find_store(start))
    if uri.startswith(("http://", "https://")):
        from reprise.tracking.rest.store import RestTracking

        return RestTracking(uri)
    try:
        folder = local_folder(uri, start)
        is_ours = folder is not None and (uri.startswith(OWN_SCHEME) or RunsOfStore.may_be_at(folder))
    except (OSError, ValueError, RuntimeError) as error:  # what the system or the text itself forbids
        raise TrackingError(
            f'the tracking URI "{redact(uri)}" cannot be used: {error}',
            hint="it is the folder of a store, or the http(s):// URI of an MLflow server",
        ) from error
    if folder is not None and is_ours:
        return _open_folder(folder)
    try:
        from reprise.tracking.mlflow_library.adapter import MlflowTracking
    except ImportError as error:
        raise TrackingError(
            f"the tracking URI {redact(uri)} needs the MLflow library, which is not installed here",
            code="INVALID_PARAMETER_VALUE",
            hint="install it (reprise-ml[mlflow]), or give an http(s):// URI or the folder of a store",
        ) from error
    return MlflowTracking(_absolute(uri, folder, start))


def local_folder(uri: str, start: Path) -> Path | None:
    """The folder of a local path, ``file:`` or ``reprise:`` URI; None for another scheme."""
    if uri.startswith(("file:", OWN_SCHEME)):
        from urllib.parse import unquote, urlsplit

        path = Path(unquote(urlsplit(uri).path))
    elif re.match(_SCHEME, uri) or uri == "databricks":
        return None
    else:
        path = Path(uri).expanduser()
    if "\0" in str(path):
        raise ValueError("it holds a NUL character")
    return start / path


def make_absolute(uri: str | None, start: Path) -> str:
    """The URI that means the store of ``open_tracking(uri, start)`` from every folder."""
    if not uri:
        return str(paths.find_store(start))
    if uri.startswith(("http://", "https://")):
        return uri
    return _absolute(uri, local_folder(uri, start), start)


def _absolute(uri: str, folder: Path | None, start: Path) -> str:
    """The URI as it means the same to a child in another folder."""
    if folder is not None:
        return str(folder.absolute())
    relative = re.fullmatch(r"(sqlite:///)(?!/)(.+)", uri)
    return f"{relative[1]}{start / relative[2]}" if relative else uri


def _open_folder(folder: Path) -> Tracking:
    return cast("Tracking", LazyStore(folder))
