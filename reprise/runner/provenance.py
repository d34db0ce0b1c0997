"""Which commit a folder on this machine is at, read without changing anything in its repository."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path

from reprise import process
from reprise.redact import redact
from reprise.runner import git
from reprise.schemas.job import Repository

log = logging.getLogger(__name__)

_REMOTES = ("config", "--null", "--get-regexp", r"^remote\..*\.url$")


def repository(path: Path) -> Repository | None:
    """The git state of the work tree that ``path`` lies in.

    None when there is no work tree, when git ignores ``path``, or when git cannot or will not tell
    (not on PATH, a repository that belongs to somebody else); never an error.
    """
    path = path.resolve()
    root = work_tree(path)
    if root is None:
        return None
    program = shutil.which("git")
    if program is None:
        log.warning("git was not found on PATH: the commit of %s is not recorded", root)
        return None
    questions = [("status", "--porcelain=v2", "--branch", "--untracked-files=normal", "-z"), _REMOTES]
    if path != root:
        questions.append(("check-ignore", "--quiet", "--", str(path)))
    # Side by side, for each costs the start of a process and the wall clock is the user's.
    status, remotes, *ignored = _ask(program, root, questions)
    if status.exit_code != 0:
        reason = status.stderr.strip().splitlines() or ["no reason given"]
        log.warning("git does not tell the commit of %s: %s", root, redact(reason[0]))
        return None
    if ignored and ignored[0].exit_code == 0:
        log.debug("%s is ignored by git: its commit is not recorded", path)
        return None
    commit, branch, dirty = _read_status(status.stdout)
    return Repository(root, commit, branch, _read_remote_url(remotes.stdout), dirty)


def work_tree(path: Path) -> Path | None:
    """The root of the git work tree that holds ``path``, or None; starts no process."""
    for folder in (path, *path.parents):
        entry = folder / ".git"
        if (entry / "HEAD").is_file() or entry.is_file():
            return folder
    return None


def remote_url(root: Path) -> str | None:
    """The URL of the remote of the work tree ``root``, without secrets."""
    return _read_remote_url(git.run(*_REMOTES, cwd=root).stdout)


def _ask(program: str, root: Path, questions: Sequence[tuple[str, ...]]) -> tuple[process.Completed, ...]:
    environ = git.environment()
    started = [process.start([program, *question], cwd=root, environ=environ) for question in questions]
    finished = [process.finish(child, program) for child in started]
    return tuple(
        process.Completed(code, out.decode(errors="replace"), error.decode(errors="replace"))
        for code, out, error in finished
    )


def _read_status(text: str) -> tuple[str | None, str | None, bool]:
    """Commit (None before the first one), branch (None when detached), and whether anything differs."""
    commit = branch = None
    dirty = False
    for line in text.split("\0"):
        if line.startswith("# branch.oid "):
            commit = line.removeprefix("# branch.oid ")
        elif line.startswith("# branch.head "):
            branch = line.removeprefix("# branch.head ")
        elif line and not line.startswith("# "):
            dirty = True
    return (
        None if commit == "(initial)" else commit,
        None if branch == "(detached)" else branch,
        dirty,
    )


def _read_remote_url(text: str) -> str | None:
    """The URL of ``origin``, else of the remote that the configuration names first."""
    urls: dict[str, str] = {}
    for entry in filter(None, text.split("\0")):
        key, _, url = entry.partition("\n")
        urls.setdefault(key.removeprefix("remote.").removesuffix(".url"), url)
    url = urls.get("origin") or next(iter(urls.values()), "")
    return redact(url) or None
