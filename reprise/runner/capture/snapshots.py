"""Commits as pack files, so that a run can be reproduced without its repository.

A commit is packed with its trees and blobs, without its history, and without objects in the pack of an
ancestor. ``objects/commits/<id>`` lists the packs of a commit, or the limit that it exceeds, so that this
is done once per commit.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from reprise import durable, process
from reprise.errors import SourceError
from reprise.runner.planning import guards
from reprise.runner.record import contents
from reprise.runner.vcs import repositories
from reprise.schemas.record.run_record import Content

_ANCESTORS = 200  # ancestors that are checked for a pack to continue from
_PACKS = 20  # packs of one commit; above this everything is packed again


def make_snapshot(root: Path, commit: str, objects: Path, limit: guards.Limit) -> tuple[Content, ...]:
    """The packs that hold ``commit`` of the repository ``root``, kept in the folder ``objects``.

    Raises:
        SourceError: it is too large, or git cannot read it (a clone without its blobs, for example).
    """
    note = objects / "commits" / commit
    if (packs := find_packs(commit, objects)) is not None:
        return packs
    if isinstance(most := _read_note(note), int) and most >= limit.all:
        raise _too_large(commit, limit)
    packs = _pack_commit(root, commit, objects, limit)
    durable.write_file(note, json.dumps(limit.all if packs is None else packs))
    if packs is None:
        raise _too_large(commit, limit)
    return packs


def find_packs(commit: str, objects: Path) -> tuple[Content, ...] | None:
    """The packs that hold ``commit`` already, or None."""
    said = _read_note(objects / "commits" / commit)
    if not isinstance(said, tuple) or not all(contents.is_kept(objects, content) for content in said):
        return None
    return said


def _pack_commit(root: Path, commit: str, objects: Path, limit: guards.Limit) -> tuple[Content, ...] | None:
    """New packs, on top of those of an ancestor where it has some; None where they are too large."""
    ids = _list_objects(root, commit)
    for base, packs in [*_find_base(root, commit, objects), (None, ())]:
        there = set(_list_objects(root, base)) if base else set()
        new = [found for found in ids if found not in there]
        room = limit.all - sum(content.size for content in packs)
        if (data := _make_pack(root, new, room)) is not None:
            return (*packs, contents.keep_content(objects, data))
    return None


def _find_base(root: Path, commit: str, objects: Path) -> Sequence[tuple[str, tuple[Content, ...]]]:
    """The nearest ancestor that is packed already, with its packs."""
    for ancestor in _ask_git(root, "rev-list", f"--max-count={_ANCESTORS}", commit).split()[1:]:
        packs = find_packs(ancestor, objects)
        if packs is not None and len(packs) < _PACKS:
            return [(ancestor, packs)]
    return []


def _list_objects(root: Path, commit: str) -> list[str]:
    """The commit, its trees and blobs, in the order that packs best."""
    return _ask_git(root, "rev-list", "--objects", "--no-object-names", "--no-walk", commit).split()


def _make_pack(root: Path, ids: Sequence[str], most: int) -> bytes | None:
    """A pack file of these objects, or None when it has more than ``most`` bytes."""
    arguments = ("pack-objects", "--stdout", "--quiet", "--threads=1")
    with repositories.start_git(root, arguments, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        assert child.stdin is not None and child.stdout is not None
        child.stdin.write("".join(f"{id}\n" for id in ids).encode())  # git reads all of it before it writes
        child.stdin.close()
        data = child.stdout.read(max(most, 0) + 1)
        if len(data) > most:
            child.kill()
            return None
        code = process.exit_code(child, "git")
    if code != 0:
        raise SourceError(f"git cannot pack the source (exit code {code})")
    return data


def _ask_git(root: Path, *arguments: str) -> str:
    return repositories.demand_git(root, *arguments).decode("ascii")


def _read_note(note: Path) -> tuple[Content, ...] | int | None:
    try:
        said = json.loads(note.read_bytes())
        if isinstance(said, int):
            return said
        return tuple(Content(str(digest), int(size)) for digest, size in said)
    except (OSError, ValueError, TypeError):
        return None


def _too_large(commit: str, limit: guards.Limit) -> SourceError:
    return SourceError(
        f"commit {commit[:12]} has more than {guards.show_size(limit.all)} ({guards.LIMIT_VARIABLE})"
    )
