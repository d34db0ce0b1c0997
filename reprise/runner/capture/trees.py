"""What a git work tree has beyond its commit: submodules, a patch of its changes, untracked files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from reprise import process
from reprise.errors import SourceError
from reprise.runner import contents, git, provenance
from reprise.runner.capture import guards, listing
from reprise.runner.capture.files import keep_files, refusal
from reprise.schemas.job import Repository
from reprise.schemas.run_record import Content, FileRecord, LeftOut

# Whatever the user's configuration makes of a diff, this one is for `git apply`.
_DIFF = ("diff", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-color", "--ignore-submodules=all")


class Tree(NamedTuple):
    """A work tree: the project's own (``path`` is empty), or that of a submodule."""

    path: str
    repository: Repository


class Changes(NamedTuple):
    """What trees have beyond their commits; paths start at the root of the outermost."""

    patch: Content | None = None
    files: tuple[FileRecord, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()


def submodules(root: Path, above: str = "") -> Iterator[Tree]:
    """The submodules that are checked out in ``root``, and those in them."""
    if not (root / ".gitmodules").is_file():
        return
    arguments = ("config", "--file", ".gitmodules", "--null", "--get-regexp", r"^submodule\..*\.path$")
    for entry in filter(None, git.run(*arguments, cwd=root).stdout.split("\0")):
        folder = root / entry.partition("\n")[2]
        inside = folder.resolve().is_relative_to(root.resolve()) and (folder / ".git").exists()
        repository = provenance.repository(folder) if inside else None
        if repository is not None:
            path = f"{above}{folder.relative_to(root).as_posix()}"
            yield Tree(path, repository)
            yield from submodules(folder, f"{path}/")


def changes(
    trees: Sequence[Tree], subdirectory: str, objects: Path, limit: guards.Limit, *, docker: bool
) -> Changes:
    """Keep the uncommitted changes of ``trees`` in the folder ``objects``.

    Raises:
        SourceError: git does not tell them.
    """
    patches: list[bytes] = []
    names: list[str] = []
    left_out: list[LeftOut] = []
    notes: list[str] = []
    for tree in trees:
        start = f"{tree.path}/" if tree.path else ""
        found = listing.untracked(tree.repository.root, "" if start else subdirectory, docker=docker)
        names += [start + name for name in found.names]
        notes += [f"untracked files are not all kept: {found.fault}"] if found.fault else []
        excluded = list(_excluded(tree.repository.root, start, limit))
        patches.append(_patch(tree.repository.root, start, [item.path for item in excluded], limit))
        left_out += [item._replace(path=start + item.path) for item in excluded]
    patch = b"".join(patches)
    if len(patch) > limit.all:
        left_out.append(LeftOut(".", len(patch), "the patch of uncommitted changes is too large"))
        patch = b""
    root = trees[0].repository.root
    kept = keep_files(root, names, objects, limit._replace(all=limit.all - len(patch)))
    return Changes(
        contents.keep(objects, patch) if patch else None,
        kept.files,
        (*left_out, *kept.left_out),
        tuple(notes),
    )


def _excluded(root: Path, start: str, limit: guards.Limit) -> Iterator[LeftOut]:
    """Changed files whose changes are not kept, by paths relative to ``root``."""
    answer = _ask(root, *_DIFF, "--name-only", "-z", "HEAD")
    for name in filter(None, os.fsdecode(answer).split("\0")):
        file = root / name
        size = file.lstat().st_size if file.is_file() else 0
        if reason := refusal(start + name, size, limit):
            yield LeftOut(name, size, f"its changes are not kept: {reason}")


def _patch(root: Path, start: str, excluded: Sequence[str], limit: guards.Limit) -> bytes:
    """The changes of a tree against its commit, staged or not, with paths that begin with ``start``."""
    but = [f":(exclude,top,literal){name}" for name in excluded]
    form = ("--binary", "--full-index", f"--src-prefix=a/{start}", f"--dst-prefix=b/{start}")
    return _ask(root, *_DIFF, *form, "HEAD", "--", ":(top)", *but)


def _ask(root: Path, *arguments: str) -> bytes:
    """What git prints, byte for byte, since patches hold text of any encoding."""
    try:
        child = process.start(["git", *arguments], cwd=root, environ=git.environment())
    except process.ProgramMissing as error:
        raise SourceError("git was not found on PATH") from error
    code, out, said = process.finish(child, "git")
    if code != 0:
        raise SourceError(f"git does not tell the changes of {root}: {git.reason(os.fsdecode(said))}")
    return out
