"""The source of a run: where it came from, and what of it nobody else keeps."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

from reprise.runner.capture import guards
from reprise.schemas.job import Checkout
from reprise.schemas.run_record import FileRecord, LeftOut, SourceRecord, Submodule


class Captured(NamedTuple):
    record: SourceRecord
    notes: tuple[str, ...] = ()


def outline(checkout: Checkout) -> SourceRecord:
    """What the checkout itself says; nothing is looked at."""
    repository = checkout.repository
    if repository is None:
        kind = "folder" if checkout.temporary is None else "archive"
        return SourceRecord(checkout.name, kind)
    return SourceRecord(
        checkout.name,
        "git",
        url=repository.url,
        commit=repository.commit,
        branch=repository.branch,
        version=checkout.version,
        subdirectory=inside(checkout.path, repository.root),
        dirty=repository.dirty,
    )


def inside(path: Path, root: Path) -> str:
    """The way from ``root`` to ``path``, empty where they are the same."""
    way = path.resolve().relative_to(root.resolve()).as_posix()
    return "" if way == "." else way


def capture(
    record: SourceRecord, checkout: Checkout, objects: Path, limit: guards.Limit, *, docker: bool
) -> Captured:
    """``record`` with the changes of a dirty tree, or all files where there is no commit.

    Raises:
        SourceError, OSError: git or the file system does not tell.
    """
    repository = checkout.repository
    if repository is None or repository.commit is None:
        return _files(record, checkout, objects, limit, docker)
    if not repository.dirty and not (repository.root / ".gitmodules").is_file():
        return Captured(record)
    from reprise.runner.capture import trees  # most runs are of clean trees and do without

    modules = list(trees.submodules(repository.root))
    dirty = [module for module in modules if module.repository.dirty]
    record = record._replace(
        dirty=repository.dirty or bool(dirty),
        submodules=tuple(
            Submodule(tree.path, tree.repository.commit or "", tree.repository.url) for tree in modules
        ),
    )
    if not record.dirty:
        return Captured(record)
    every = [trees.Tree("", repository), *dirty]
    found = trees.changes(every, record.subdirectory, objects, limit, docker=docker)
    return _with(record._replace(patch=found.patch), found.files, found.left_out, found.notes)


def _files(
    record: SourceRecord, checkout: Checkout, objects: Path, limit: guards.Limit, docker: bool
) -> Captured:
    """Every file of the project's folder, or of the work tree that has no commit yet.

    An archive's folder is the project's; what lies beside it there is not kept.
    """
    root = checkout.repository.root if checkout.repository else checkout.path
    if shutil.which("git") is None:
        return Captured(record, ("the files of the folder are not kept: git was not found on PATH",))
    from reprise.runner.capture import listing
    from reprise.runner.capture.files import keep_files

    found = listing.all_of(root, docker=docker)
    kept = keep_files(root, found.names, objects, limit)
    notes = (f"files of the folder are not all kept: {found.fault}",) if found.fault else ()
    return _with(record, kept.files, kept.left_out, notes)


def _with(
    record: SourceRecord,
    files: tuple[FileRecord, ...],
    left_out: tuple[LeftOut, ...],
    notes: tuple[str, ...],
) -> Captured:
    return Captured(record._replace(files=files, left_out=guards.summed_up(left_out)), notes)
