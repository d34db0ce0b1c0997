"""Repositories of users: only read, and possibly hostile.

A folder from elsewhere may contain a ``.git`` whose configuration runs programs: filters, hooks, monitors,
signature checkers, ssh commands. Only git verbs that list and show stored data are used here, which start
none of these. Verbs that compare or convert files (``status``, ``diff``, ``hash-object``, ``checkout``) are
excluded, because they run filters. Nothing is fetched, and the work tree is the folder itself, whatever
``core.worktree`` is.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from reprise import process
from reprise.children import Child
from reprise.errors import SourceError
from reprise.named_tuple import NamedTuple
from reprise.pipes import read_output
from reprise.runner.vcs import git

_VERBS = frozenset(
    (
        "cat-file",
        "config",
        "diff-index",  # with --cached alone, which looks at no file
        "for-each-ref",
        "ls-files",
        "ls-tree",
        "pack-objects",
        "rev-list",
        "rev-parse",
        "symbolic-ref",
    )
)
NOTHING: Mapping[str, str] = {}
_SECONDS = 60.0
"""A repository can make git wait for ever, for example with a pipe in place of a file of its own."""


class GitQuestion(NamedTuple):
    """Arguments for git, which is ended after ``seconds``."""

    arguments: tuple[str, ...]
    seconds: float = _SECONDS


class GitAnswer(NamedTuple):
    """What git said; ``stdout`` byte for byte, for names of files are of any encoding."""

    exit_code: int
    stdout: bytes
    stderr: str

    @property
    def text(self) -> str:
        return self.stdout.decode("utf-8", "replace")


def is_git_missing() -> bool:
    """Whether there is no git on this machine."""
    return shutil.which("git") is None


def ask_git(root: Path, *arguments: str) -> GitAnswer:
    """``git arguments`` in the work tree or repository ``root``, whatever its exit code.

    Raises:
        SourceError: there is no git on this machine.
    """
    return ask_all(root, [GitQuestion(arguments)])[0]


def ask_all(
    root: Path, questions: Sequence[GitQuestion], patch: Mapping[str, str] = NOTHING
) -> list[GitAnswer]:
    """Return the results of several git calls that run in parallel, in the order of the calls.

    A call that took too long has the exit code -9, with its output until then. ``patch`` is a patch of the
    environment.

    Raises:
        SourceError: there is no git on this machine.
    """
    environ = {**make_environment(root), **patch}
    begun = time.monotonic()
    started = [start_git(root, question.arguments, environ=environ) for question in questions]
    try:
        return [
            _finish_child(child, begun + question.seconds)
            for question, child in zip(questions, started, strict=True)
        ]
    except BaseException:
        for child in started:
            child.kill()
        raise


def demand_git(root: Path, *arguments: str) -> bytes:
    """Return the output of ``git arguments``.

    Raises:
        SourceError: git failed.
    """
    answer = ask_git(root, *arguments)
    if answer.exit_code != 0:
        raise SourceError(f"git cannot read {root}: {git.find_reason(answer.stderr)}")
    return answer.stdout


def start_git(
    root: Path,
    arguments: Sequence[str],
    *,
    stdin: int | None = None,
    stderr: int = subprocess.PIPE,
    environ: Mapping[str, str | None] | None = None,
) -> Child:
    """Start git in ``root``, with its output in pipes.

    ``environ`` is that of :func:`make_environment`, or more.

    Raises:
        SourceError: there is no git on this machine.
    """
    assert arguments[0] in _VERBS, arguments[0]
    argv = ["git", *git.name_bare(root), *arguments]
    environ = make_environment(root) if environ is None else environ
    try:
        return process.start(argv, cwd=root, environ=environ, stdin=stdin, stderr=stderr)
    except process.ProgramMissing as error:
        raise SourceError("git was not found on PATH", hint="install git") from error


def make_environment(root: Path) -> dict[str, str | None]:
    """The patch of the environment in which git reads ``root``."""
    return git.make_environment(protocols="none") | {
        "GIT_WORK_TREE": str(root),
        "GIT_LITERAL_PATHSPECS": "1",
    }


def _finish_child(child: Child, deadline: float) -> GitAnswer:
    """What ``child`` says until it ends, or until it is ended at the ``deadline``."""

    def remaining() -> float:
        return max(0.0, deadline - time.monotonic())

    with child:
        try:
            out, err = read_output(child, timeout=remaining())
            if child.wait_at_most(remaining()) is None:
                raise subprocess.TimeoutExpired("git", 0, out, err)
            code = process.exit_code(child, "git")
        except subprocess.TimeoutExpired as late:
            child.kill()
            code, out, err = -9, late.stdout or b"", late.stderr or b""
    return GitAnswer(code, out, err.decode("utf-8", "replace"))
