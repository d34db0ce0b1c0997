"""The source of a run: where it came from, and what of it nobody else keeps."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

from reprise.runner.capture import guards, listing, trees
from reprise.runner.capture.files import keep_files
from reprise.runner.capture.trees import Changes, Tree
from reprise.schemas.job import Checkout, Repository
from reprise.schemas.run_record import SourceRecord, Submodule


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
    modules = list(trees.submodules(repository.root))
    record = record._replace(
        dirty=repository.dirty or any(module.repository.dirty for module in modules),
        submodules=tuple(_submodule(module) for module in modules),
    )
    if not record.dirty:
        return Captured(record)
    every = [Tree("", repository), *modules]
    found = trees.changes(
        [tree for tree in every if not tree.path or tree.repository.dirty],
        record.subdirectory,
        objects,
        limit,
        docker=docker,
    )
    return _with(record, found)


def _files(
    record: SourceRecord, checkout: Checkout, objects: Path, limit: guards.Limit, docker: bool
) -> Captured:
    """Every file of the project's folder, or of the work tree that has no commit yet.

    An archive's folder is the project's; what lies beside it there is not kept.
    """
    root = checkout.repository.root if checkout.repository else checkout.path
    if shutil.which("git") is None:
        return Captured(record, ("the files of the folder are not kept: git was not found on PATH",))
    found = listing.all_of(root, docker=docker)
    kept = keep_files(root, found.names, objects, limit)
    notes = (f"files of the folder are not all kept: {found.fault}",) if found.fault else ()
    return _with(record, Changes(None, kept.files, kept.left_out, notes))


def _with(record: SourceRecord, found: Changes) -> Captured:
    left_out = guards.summed_up(found.left_out)
    return Captured(record._replace(patch=found.patch, files=found.files, left_out=left_out), found.notes)


def _submodule(tree: Tree) -> Submodule:
    repository: Repository = tree.repository
    return Submodule(tree.path, repository.commit or "", repository.url)
