"""Changes that git was told not to look for: ``update-index --assume-unchanged`` or ``--skip-worktree``.

Git says of them that nothing changed. People hide the changes of a configuration so, and the run reads it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from reprise.errors import SourceError
from reprise.runner import git
from reprise.runner.capture import guards
from reprise.runner.capture.files import Kept, keep_files
from reprise.schemas.run_record import FileRecord, LeftOut

_SEEN = ("H ", "M ", "R ", "C ", "K ", "? ")
"""How ``ls-files -v`` marks the files that git looks at."""


def keep_hidden(root: Path, start: str, objects: Path, limit: guards.Limit) -> Kept:
    """Keep the files of the work tree ``root`` whose changes are hidden; their paths begin with ``start``.

    Raises:
        SourceError: git does not tell them.
    """
    names = list(_changed(root))
    kept = keep_files(root, names, objects, limit) if names else Kept()
    return Kept(
        tuple(FileRecord(start + file.path, file.content, file.mode) for file in kept.files),
        tuple(LeftOut(start + item.path, item.size, item.reason) for item in kept.left_out),
    )


def _changed(root: Path) -> Iterator[str]:
    """The hidden files that are there, and are not as in the index."""
    entries = _ask(root, "ls-files", "-z", "-v", "--stage").split("\0")
    hidden = [entry for entry in entries if entry and not entry.startswith(_SEEN)]
    for entry in hidden:
        facts, _, name = entry.partition("\t")
        _, mode, blob, _ = facts.split()
        file = root / name
        if file.is_symlink() or not file.is_file():
            continue
        is_program = bool(file.stat().st_mode & 0o100)
        found = _ask(root, "hash-object", "--", name).strip()
        if found != blob or is_program != (mode == "100755"):
            yield name


def _ask(root: Path, *arguments: str) -> str:
    answer = git.run(*arguments, cwd=root)
    if answer.exit_code != 0:
        raise SourceError(f"git does not tell the changes of {root}: {git.reason(answer.stderr)}")
    return answer.stdout
