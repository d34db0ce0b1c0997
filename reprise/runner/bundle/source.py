"""The source and the inputs of a run, put into a bundle."""

from __future__ import annotations

import logging
import os
import shutil
from functools import partial
from pathlib import Path

from reprise import paths
from reprise.errors import RepriseError, SourceError
from reprise.runner.bundle import layout
from reprise.runner.capture.snapshots import make_snapshot
from reprise.runner.planning import guards
from reprise.runner.planning.inputs import localise_input
from reprise.runner.record import contents
from reprise.runner.restore import inputs
from reprise.runner.restore import source as restore_source
from reprise.runner.restore.inputs import RestorePlaces
from reprise.runner.restore.source import SourceOrigin
from reprise.schemas.job import Checkout, ParameterSource
from reprise.schemas.record.run_record import (
    Content,
    InputRecord,
    LeftOut,
    RunRecord,
    SourceRecord,
)

log = logging.getLogger(__name__)

_LIMIT = guards.Limit(1 << 30, 1 << 30)


def put_source(
    origin: SourceOrigin, record: RunRecord, folder: Path, offline: bool
) -> tuple[RunRecord, Checkout]:
    """Restore the source, and put it into the bundle at ``folder``, to look at and to restore from.

    Returns the record, which names the packs of the commit also where the run kept none, and the restored
    source; who asks discards that.

    Raises:
        SourceError: it cannot be restored.
    """
    for fault in restore_source.find_faults(origin):
        raise fault
    with restore_source.restore_source(origin, offline=offline) as checkout:
        root = checkout.repository.root if checkout.repository else checkout.path
        _copy_tree(root, folder / layout.SOURCE)
        objects = folder / layout.OBJECTS
        record = record._replace(source=_with_commits(origin, record, root, objects))
        for content in record.source.kept_contents:
            if not contents.is_kept(objects, content):
                with contents.open_content(origin.tracking, origin.run_id, content.digest) as stream:
                    contents.keep_content(objects, stream.read())
        shutil.rmtree(objects / "commits", ignore_errors=True)
        (objects / ".lock").unlink(missing_ok=True)
    return record, checkout


def _copy_tree(root: Path, target: Path) -> None:
    """The files to look at: without git's own, and without links, which a bundle does not hold."""
    for place, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name != ".git"]
        for file in (Path(place, name) for name in names if name != ".git"):
            if not file.is_symlink():
                copy = target / file.relative_to(root)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, copy)


def _with_commits(origin: SourceOrigin, record: RunRecord, root: Path, objects: Path) -> SourceRecord:
    """The source with the packs of its commits: those that the run kept, or made now."""
    source = record.source
    if source.commit is None:
        return source

    def put_packs(known: tuple[Content, ...], folder: Path, commit: str) -> tuple[Content, ...]:
        if known and not contents.find_missing(origin.tracking, origin.run_id, known):
            return known
        return make_snapshot(folder, commit, objects, _LIMIT)

    modules = tuple(
        module._replace(snapshot=put_packs(module.snapshot, root / module.path, module.commit))
        for module in source.submodules
    )
    return source._replace(snapshot=put_packs(source.snapshot, root, source.commit), submodules=modules)


def put_inputs(
    origin: SourceOrigin, record: RunRecord, checkout: Checkout, folder: Path, most: int, offline: bool
) -> tuple[dict[str, str], tuple[LeftOut, ...]]:
    """Copy the inputs into the bundle; return name to path, and the missing ones with the reason.

    An input in the source is not copied again.

    Args:
        most: bytes; a larger input is left out.
    """
    root = checkout.repository.root if checkout.repository else checkout.path
    places = RestorePlaces(checkout.path, paths.here(), origin.place, root)
    fetch = partial(localise_input, storage=None, tracking=origin.tracking, offline=offline)
    values = {item.name: item for item in record.parameters}
    put: dict[str, str] = {}
    left_out = []
    for item in record.inputs:
        asked = values.get(item.name)
        if item.kind == "dataset" or asked is None or asked.value is None:
            continue
        if item.size is not None and item.size > most:
            reason = f"it is larger than {guards.show_size(most)}"
            left_out.append(LeftOut(item.name, item.size, reason))
            continue
        faults: list[RepriseError] = []
        find = inputs.find_inputs(record._replace(inputs=(item,)), places, fetch, faults)
        if faults:
            left_out.append(LeftOut(item.name, item.size or 0, faults[0].message))
            continue
        path = find(asked.value, checkout.path if asked.source == ParameterSource.DEFAULT else places.base)
        if not path.resolve().is_relative_to(root.resolve()):
            put[item.name] = _put_input(path, folder, len(put), item)
    return put, tuple(left_out)


def _put_input(path: Path, folder: Path, number: int, item: InputRecord) -> str:
    inside = f"{layout.INPUTS}/{number}/{path.name}"
    copy = folder / inside
    copy.parent.mkdir(parents=True)
    try:
        if path.is_dir():
            shutil.copytree(path, copy)
        else:
            shutil.copyfile(path, copy)
    except OSError as error:
        raise SourceError(f"cannot read the input {item.name}: {error}") from error
    return inside
