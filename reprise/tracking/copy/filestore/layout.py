"""The layout of an MLflow file store. The place of a folder decides what it is, not its meta.yaml.

``<experiment>/<run>``, ``<experiment>/{tags,datasets,models,traces}``, ``models/<registered model>``;
deleted experiments are in ``.trash``, with their content. Every other folder is reported.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from reprise.named_tuple import NamedTuple
from reprise.tracking.copy.artifacts.walk import link_fault
from reprise.tracking.protocols.copying import Fault, Note
from reprise.tracking.sqlite.run_store import DATABASE_NAME

META = "meta.yaml"
TRASH = ".trash"
REGISTRY = "models"
_OF_EXPERIMENTS = {"tags", "datasets", "models", "traces"}
_OF_RUNS = {"params", "metrics", "tags", "artifacts", "inputs", "outputs"}
_OURS = {"artifacts", "jobs", "objects", "arriving"}
_RUN_ID = re.compile(r"[0-9a-f]{32}")


class StoreFolder(NamedTuple):
    """The folder of an experiment or a run. ``id`` is its name, as a path below the store or experiment."""

    id: str
    path: Path
    is_deleted: bool


class Layout:
    """The folders of the store in ``root``. Links into the store are passed by: what they name is read."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._real = root.resolve()
        self._is_ours = (root / DATABASE_NAME).exists()

    def list_experiments(self) -> Iterator[StoreFolder | Fault | Note]:
        """The experiments of the store, then those in its trash."""
        live = set()
        for folder in self.list_folders(self.root, "experiments", "the store"):
            if isinstance(folder, Fault):
                yield folder
            elif folder.name in {TRASH, REGISTRY} or (self._is_ours and folder.name in _OURS):
                continue
            elif is_experiment(folder):
                live.add(folder.name)
                yield StoreFolder(folder.name, folder, is_deleted=False)
            else:
                yield from _note_strange(folder)
        for folder in self.list_folders(self.root / TRASH, "experiments", "the store"):
            if isinstance(folder, Fault):
                yield folder
            elif is_experiment(folder):
                identity = f"{TRASH}/{folder.name}" if folder.name in live else folder.name
                yield StoreFolder(identity, folder, is_deleted=True)
            elif not is_run(folder):
                yield from _note_strange(folder)

    def experiment_folder(self, identity: str) -> Path:
        """The folder of an experiment by the id that ``list_experiments`` gave it."""
        folder = self.root / identity
        return folder if is_experiment(folder) else self.root / TRASH / identity

    def list_runs(self, experiment: Path, *, is_deleted: bool) -> Iterator[StoreFolder | Fault | Note]:
        """The runs of an experiment; those in a trash are deleted."""
        for folder in self.list_folders(experiment, "runs", f"experiment {experiment.name}"):
            if isinstance(folder, Fault):
                yield folder
            elif folder.name == TRASH:
                yield from self.list_runs(folder, is_deleted=True)
            elif is_run(folder):
                yield StoreFolder(folder.name, folder, is_deleted)
            elif folder.name not in _OF_EXPERIMENTS:
                yield from _note_strange(folder)

    def stray_runs(self) -> Iterator[StoreFolder]:
        """Yield runs in the trash without their experiment."""
        for folder in self.list_folders(self.root / TRASH, "runs", "the store"):
            if not isinstance(folder, Fault) and is_run(folder):
                yield StoreFolder(folder.name, folder, is_deleted=True)

    def list_folders(self, folder: Path, kind: str, owner: str) -> Iterator[Path | Fault]:
        """The folders in it, by name."""
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            yield Fault(kind, owner, folder.name, f"the folder cannot be read: {error.strerror}")
            return
        for entry in entries:
            if entry.is_symlink():
                if reason := link_fault(Path(entry.path), [self._real]):
                    yield Fault(kind, owner, entry.name, reason)
            elif entry.is_dir():
                yield Path(entry.path)


def is_experiment(folder: Path) -> bool:
    """Also one whose meta.yaml is missing."""
    if is_run(folder):
        return False
    if (folder / META).is_file() or folder.name.isdecimal():
        return folder.is_dir()
    return any(is_run(child) for child in _plain_folders(folder))


def is_run(folder: Path) -> bool:
    """Also one whose meta.yaml is missing; an experiment has tags, too, but neither params nor metrics."""
    if _RUN_ID.fullmatch(folder.name):
        return folder.is_dir()
    names = {child.name for child in _plain_folders(folder)}
    if (folder / META).is_file():
        return bool(names & (_OF_RUNS - {"tags"}))
    return len(names & _OF_RUNS) > 1


def _note_strange(folder: Path) -> Iterator[Note]:
    if not folder.name.startswith("."):  # of an editor, or of the system
        yield Note(f"{folder} is left out: MLflow makes no folder like it")


def _plain_folders(folder: Path) -> list[Path]:
    try:
        return [Path(entry.path) for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []
