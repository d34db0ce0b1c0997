"""What ``.gitignore`` and ``.dockerignore`` files name; git reads them, also without a repository."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from reprise import durable, paths
from reprise.runner.vcs import git, repositories
from reprise.runner.vcs.repositories import GitAnswer, GitQuestion
from reprise.runner.worktree.walking import MADE_BY_RUNNING, SECONDS, list_parents

DOCKERIGNORE = ".dockerignore"

_LIST = ("ls-files", "-z", "--others", "--ignored", "--directory")
_HEAD = b"ref: refs/heads/none\n"
_EXCLUDE = tuple(f"--exclude={name}" for name in MADE_BY_RUNNING)  # git need not look into them

IN_REPOSITORY = GitQuestion((*_LIST, "--exclude-standard", *_EXCLUDE), SECONDS)
"""What to ask of a work tree; :func:`read_ignored` reads the answer."""


def list_ignored(folder: Path) -> tuple[tuple[str, ...], str | None]:
    """The files and folders that the ``.gitignore`` files in a folder without git name; or why not.

    Raises:
        SourceError: there is no git on this machine.
    """
    return read_ignored(_ask_git(folder, "--exclude-per-directory=.gitignore", *_EXCLUDE))


def list_dockerignored(root: Path, subdirectory: str) -> tuple[str, ...]:
    """Return the patterns of ``.dockerignore`` in a subdirectory of ``root``, relative to ``root``.

    Raises:
        SourceError: there is no git on this machine.
    """
    ignoring = root / subdirectory / DOCKERIGNORE
    if not ignoring.is_file():
        return ()
    patterns = "".join(f"{line}\n" for line in _as_gitignore(ignoring, subdirectory))
    file = paths.cache_dir() / "ignoring-v1" / os.urandom(8).hex()
    try:
        durable.write_note(file, patterns)
        return read_ignored(_ask_git(root, f"--exclude-from={file}"))[0]
    finally:
        file.unlink(missing_ok=True)


def read_ignored(answer: GitAnswer) -> tuple[tuple[str, ...], str | None]:
    """The files and folders that git listed; or a sentence that says why it could not."""
    if answer.exit_code < 0:
        return (), f"to list them took longer than {SECONDS:g} s"
    if answer.exit_code != 0:
        return (), git.find_reason(answer.stderr)
    names = sorted(filter(None, os.fsdecode(answer.stdout).split("\0")))
    return tuple(_keep_outermost(names)), None


def is_ignored(path: str, ignored: Collection[str]) -> bool:
    """Return whether a file or a folder (without a trailing slash) is one of those, or below one."""
    return path in ignored or any(folder in ignored for folder in list_parents(f"{path}/."))


def _keep_outermost(names: Iterable[str]) -> Iterator[str]:
    """Remove names below another folder in ``names``, which are sorted."""
    above = None
    for name in names:
        if above is None or not name.startswith(above):
            yield name
            above = name if name.endswith("/") else None


def _ask_git(folder: Path, *patterns: str) -> GitAnswer:
    question = GitQuestion((*_LIST, *patterns), SECONDS)
    return repositories.ask_all(folder, [question], {"GIT_DIR": str(_empty_repository())})[0]


def _as_gitignore(file: Path, subdirectory: str) -> Iterator[str]:
    """docker's patterns start at the folder of the file, while git's without a slash hold anywhere."""
    start = f"/{subdirectory}/" if subdirectory else "/"
    for line in file.read_text("utf-8", "replace").splitlines():
        pattern = line.strip()
        if pattern and not pattern.startswith("#"):
            kept = "!" if pattern.startswith("!") else ""
            yield f"{kept}{start}{pattern.removeprefix('!').strip().removeprefix('./').strip('/')}"


def _empty_repository() -> Path:
    """A repository with nothing in it, for git to read ``.gitignore`` files where there is none."""
    folder = paths.cache_dir() / "empty-v1.git"
    head = folder / "HEAD"
    if not (head.exists() and head.read_bytes() == _HEAD):  # a power cut may have left it empty
        for name in ("objects", "refs"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        durable.write_note(head, _HEAD)
    return folder
