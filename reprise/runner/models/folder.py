"""The files of the model that a URI means, as a folder on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reprise import paths
from reprise.errors import TrackingError, UsageError
from reprise.file_lock import scratch
from reprise.named_tuple import NamedTuple
from reprise.redact import redact
from reprise.runner.jobs.find import find_model, find_run, find_version
from reprise.runner.jobs.stores import artifact_folder
from reprise.runner.restore import environments
from reprise.runner.sources.locations import path_of
from reprise.schemas.environment import Lock
from reprise.tracking.base import Tracking

FORMS = (
    "models:/NAME/VERSION, models:/NAME@ALIAS, models:/NAME/STAGE, models:/m-ID, runs:/RUN/PATH or a folder"
)

_FILE = "MLmodel"
_SHOWN = 10


class ModelOrigin(NamedTuple):
    """What a URI of a model means at this moment.

    ``owner`` is the run or logged model whose artifacts have the files, below ``path``; it is empty where
    ``path`` is a folder of this machine. ``name`` and ``version`` are those of a registered model.
    """

    owner: str
    path: str
    name: str | None = None
    version: int | None = None
    run_id: str | None = None
    model_id: str | None = None


class ModelFolder(NamedTuple):
    """A model with read-only files in ``folder``; ``uri`` is the user's text.

    ``lock`` is that of the environment of the run that logged it, if it has one.
    """

    uri: str
    folder: Path
    name: str | None = None
    version: int | None = None
    run_id: str | None = None
    model_id: str | None = None
    lock: Lock | None = None

    @property
    def shown(self) -> str:
        """Return ``iris version 3``, or the address if it is not a version of a registered model."""
        return redact(self.uri) if self.version is None else f"{self.name} version {self.version}"

    @property
    def address(self) -> str:
        """That of exactly this model; of a folder its name alone, for others read it."""
        if self.version is not None:
            return f"models:/{self.name}/{self.version}"
        if self.model_id is not None:
            return f"models:/{self.model_id}"
        return self.uri if is_address(self.uri) else self.folder.name


def is_address(uri: str) -> bool:
    """Whether ``uri`` means what a store has, and no folder of this machine."""
    return uri.startswith(("models:/", "runs:/"))


def resolve_model(tracking: Tracking, uri: str) -> ModelOrigin:
    """Resolve ``uri``: an alias, a stage or ``latest`` may refer to another version later.

    Raises:
        UsageError: it is not a model URI, or the run does not have the model.
        SourceError: it is a ``file:`` URL of another machine.
        TrackingError: the store has no such model.
    """
    scheme, separator, rest = uri.partition(":/")
    if not separator:
        return ModelOrigin("", uri)
    if scheme == "file":
        return ModelOrigin("", str(path_of(uri)))
    owner, _, path = rest.strip("/").partition("/")
    if scheme == "runs" and owner and path:
        return _of_run(tracking, owner, path)
    if scheme == "models" and owner.startswith("m-") and not path:
        model = tracking.get_logged_model(owner)
        return ModelOrigin(owner, "", run_id=model.source_run_id, model_id=owner)
    name, at, alias = owner.rpartition("@")
    if scheme == "models" and name and alias and not path:
        return _of_version(tracking, name, f"@{alias}")
    if scheme == "models" and owner and path and not at:
        return _of_version(tracking, owner, path)
    raise UsageError(f'"{redact(uri)}" is not the address of a model', hint=f"use {FORMS}")


@contextmanager
def open_model(tracking: Tracking, uri: str) -> Iterator[ModelFolder]:
    """Open the model at ``uri`` for the block.

    Raises:
        UsageError: the model does not exist, or is not a model.
        TrackingError: the store does not have the model, or its files are not available.
    """
    origin = resolve_model(tracking, uri)
    with scratch() as folder:
        files = _find_files(tracking, origin, folder)
        _refuse_other(uri, files)
        lock = _read_lock(tracking, origin.run_id) if origin.run_id else None
        yield ModelFolder(uri, files, *origin[2:], lock)


def _of_run(tracking: Tracking, reference: str, path: str) -> ModelOrigin:
    run = find_run(tracking, reference)
    model = find_model(tracking, run, path)
    if model is None:
        return ModelOrigin(run.run_id, path, run_id=run.run_id)
    return ModelOrigin(model.model_id, "", run_id=run.run_id, model_id=model.model_id)


def _of_version(tracking: Tracking, name: str, selector: str) -> ModelOrigin:
    # By its number from here on: the alias may move to another version at any moment.
    version = find_version(tracking, name, selector)
    owner, path = tracking.model_location(name, str(version.version))
    return ModelOrigin(owner, path, name, version.version, version.run_id or None, version.model_id)


def _find_files(tracking: Tracking, origin: ModelOrigin, folder: Path) -> Path:
    """Return the folder of the model: the user's or the store's, or a copy in ``folder``."""
    if not origin.owner:
        return Path(origin.path).expanduser().absolute()
    root = artifact_folder(tracking, origin.owner)
    if root is not None:
        return paths.confined(root, origin.path, "the model")
    tracking.download_artifact(origin.owner, origin.path, folder / "model")
    return folder / "model"


def _refuse_other(uri: str, folder: Path) -> None:
    """Raise UsageError if it is not a folder of a model, with its content."""
    if (folder / _FILE).is_file():
        return
    try:
        there = sorted(item.name + "/" * item.is_dir() for item in folder.iterdir())
    except OSError as error:
        raise UsageError(
            f'"{redact(uri)}" is not a folder with a model: {error.strerror}', hint=f"use {FORMS}"
        ) from None
    more = f" and {len(there) - _SHOWN} more" if len(there) > _SHOWN else ""
    raise UsageError(
        f'"{redact(uri)}" has no file {_FILE}, so it is not a model',
        hint=f"it has {', '.join(there[:_SHOWN])}{more}" if there else "it is empty",
    )


def _read_lock(tracking: Tracking, run_id: str) -> Lock | None:
    """What the run kept; runs of plain MLflow kept nothing, and others may be gone by now."""
    try:
        return environments.lock_of(tracking, tracking.get_run(run_id))
    except (UsageError, TrackingError):
        return None
