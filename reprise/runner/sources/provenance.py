"""Which commit a folder on this machine is at, and how it differs; nothing in its repository changes."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from reprise.errors import SourceError
from reprise.redact import redact
from reprise.runner.vcs import git, repositories
from reprise.runner.vcs.repositories import GitAnswer, GitQuestion
from reprise.runner.worktree import ignoring
from reprise.runner.worktree.surveying import Setting, survey_folder
from reprise.schemas.job import Repository
from reprise.schemas.work_tree import ModuleTree

log = logging.getLogger(__name__)

_HEAD = GitQuestion(("rev-parse", git.HEAD, "--symbolic-full-name", git.HEAD))
_SETTINGS = GitQuestion(
    ("config", "--null", "--get-regexp", r"^(remote\..*\.(url|promisor)|core\.filemode)$"),
)


def read_repository(path: Path) -> Repository | None:
    """Return the git state of the work tree that contains ``path``, and its differences from the commit.

    None if there is no work tree, if git ignores ``path``, or if git cannot read it (not on PATH, a
    repository of another user); never an error.
    """
    path = path.resolve()
    root = work_tree(path)
    if root is None:
        return None
    if repositories.is_git_missing():
        log.warning("git was not found on PATH: the commit of %s is not recorded", root)
        return None
    # Side by side, for each costs the start of a process and the wall clock is the user's.
    head, settings, listing = repositories.ask_all(root, [_HEAD, _SETTINGS, ignoring.IN_REPOSITORY])
    try:
        commit, branch = _read_head(root, head)
        ignored, fault = ignoring.read_ignored(listing)
        if ignoring.is_ignored(path.relative_to(root).as_posix(), ignored):
            log.debug("%s is ignored by git: its commit is not recorded", path)
            return None
        said = _read_settings(settings.text)
        minds_modes = said.get("core.filemode", ["true"])[-1].lower() in ("true", "yes", "on", "1", "")
        setting = Setting(root, commit, ignored, fault, minds_modes)
        tree = survey_folder(setting, partial(_look_into_module, root))
    except SourceError as error:
        from reprise.runner.vcs import git_faults

        owner = git_faults.of_owner(root, [root])
        why = f"{owner.message}; {owner.hint}" if owner else redact(error.message)
        log.warning("The commit of %s is not recorded: %s", root, why)
        return None
    return Repository(
        root,
        commit,
        branch,
        _remote_url(said),
        tree.is_dirty,
        tree,
        first_url=_first_url(said),
        is_partial=any(name.endswith(".promisor") and "true" in values for name, values in said.items()),
    )


def work_tree(path: Path) -> Path | None:
    """The root of the git work tree that holds ``path``, or None; starts no process."""
    for folder in (path, *path.parents):
        entry = folder / ".git"
        if (entry / "HEAD").is_file() or entry.is_file():
            return folder
    return None


def remote_url(root: Path) -> str | None:
    """The URL of the remote of the work tree ``root``, without secrets."""
    return _remote_url(_read_settings(repositories.ask_git(root, *_SETTINGS.arguments).text))


def _look_into_module(root: Path, path: str, commit: str) -> ModuleTree | None:
    """Return a submodule, examined like a project; None if it is not checked out, or is a link to
    elsewhere.
    """
    folder = root / path
    if folder.is_symlink() or not os.path.lexists(folder / ".git"):
        return None
    found = read_repository(folder)
    if found is None or found.root != folder.resolve() or found.commit is None:
        return None
    return ModuleTree(path, found.commit, commit, found.url, found.tree)


def _read_head(root: Path, head: GitAnswer) -> tuple[str | None, str | None]:
    """Commit (None before the first one), and branch (None when detached).

    Raises:
        SourceError: git failed.
    """
    if head.exit_code == 0:
        commit, ref = head.text.split("\n")[:2]
        return commit, ref.removeprefix("refs/heads/") if ref.startswith("refs/heads/") else None
    branch = repositories.ask_git(root, "symbolic-ref", "--quiet", git.HEAD)
    there = repositories.ask_git(root, "for-each-ref", branch.text.strip())
    is_unborn = branch.exit_code == 0 and there == GitAnswer(0, b"", "")
    if not is_unborn:
        raise SourceError(git.find_reason(head.stderr))
    return None, branch.text.strip().removeprefix("refs/heads/")


def _read_settings(text: str) -> dict[str, list[str]]:
    """The values of each setting, in the order in which git reads them."""
    found: dict[str, list[str]] = {}
    for entry in filter(None, text.split("\0")):
        key, _, value = entry.partition("\n")
        found.setdefault(key, []).append(value)
    return found


def _remote_url(said: dict[str, list[str]]) -> str | None:
    """The URL of ``origin``, else of the remote that the configuration names first."""
    url = said.get("remote.origin.url", [""])[0]
    return redact(url) or _first_url(said)


def _first_url(said: dict[str, list[str]]) -> str | None:
    """The URL of the remote that the configuration names first, as MLflow takes it."""
    urls: Iterable[str] = (values[0] for name, values in said.items() if name.endswith(".url"))
    return redact(next(iter(urls), "")) or None
