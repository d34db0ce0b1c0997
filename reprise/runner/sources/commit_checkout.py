"""The pristine checkout of a commit, never used by runs directly; it shares the objects of its mirror.

It is only used if it is complete. A new checkout, or one of an earlier version, is compared with its
commit; then the states of its files are stored, and compared before each use: other programs may clear
caches file by file.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from reprise import durable, file_lock
from reprise.errors import SourceError
from reprise.runner.sources.mirror import (
    Damaged,
    Mirror,
    not_at_hand,
    run_quietly,
)
from reprise.runner.vcs import git, remotes, repositories
from reprise.runner.vcs.repositories import GitQuestion
from reprise.runner.worktree.commits import GITLINK, list_files
from reprise.runner.worktree.comparing import compare_files
from reprise.runner.worktree.walking import walk_folder

_LFS = "lfs"
_SECONDS = 3600.0  # that git may take to look at every file of a commit


def make_pristine(mirror: Mirror, commit: str, origin: str) -> Path:
    """Return the pristine checkout of ``commit``.

    Raises:
        SourceError: git cannot create it, or something it needs is not available.
        Damaged: the mirror is broken.
    """
    commits = mirror.home / "commits"
    target, note = commits / commit, mirror.home / "whole" / commit
    if _is_as_noted(target, note):
        return target
    with file_lock.exclusive(commits / f"{commit}.lock", f"the checkout of {commit[:12]}"):
        if _is_as_noted(target, note):
            return target
        if target.is_dir() and (note.exists() or _find_fault(target, commit)):
            durable.remove_folder(target, mirror.home.parent)
        if not target.is_dir():
            with file_lock.arriving_folder(mirror.home.parent) as partial:
                _check_out(mirror, commit, origin, partial)
                durable.put_in_place(partial, target)
        durable.write_note(note, _list_states(target))
    return target


def _is_as_noted(checkout: Path, note: Path) -> bool:
    try:
        return note.read_text() == _list_states(checkout)
    except OSError:
        return False


def _list_states(checkout: Path) -> str:
    """Return the state of a file that shows whether it was removed, truncated or written to."""
    found = hashlib.sha256()
    for folder, below, names in os.walk(checkout):
        below.sort()
        for name in sorted(names):
            path = f"{folder}/{name}"
            state = os.lstat(path)
            facts = f"{path[len(str(checkout)) :]}\0{state.st_mode} {state.st_size} {state.st_mtime_ns}\n"
            found.update(os.fsencode(facts))
    return found.hexdigest()


def _find_fault(checkout: Path, commit: str) -> str | None:
    """What of a checkout is not as the commit has it, or None."""
    try:
        tracked = list_files(checkout, commit)
        states = walk_folder(str(checkout)).files
        found = compare_files(checkout, tracked, states, modes=True)
    except SourceError as error:
        return error.message
    if wrong := [*found.absent, *found.changed, *(states.keys() - tracked.keys())]:
        return f"{wrong[0]} is not as in the commit"
    modules = {path: item.id for path, item in tracked.items() if item.mode == GITLINK}
    for path, named in modules.items():
        if (checkout / path / ".git").exists() and (fault := _find_fault(checkout / path, named)):
            return f"{fault} ({path})"
    return None


def _check_out(mirror: Mirror, commit: str, origin: str, folder: Path) -> None:
    _demand_whole(mirror, commit)
    if mirror.offline:
        _refuse_what_is_elsewhere(mirror, commit)
    options = ("--template=", f"--object-format={git.object_format(commit)}")
    run_quietly("init", "--quiet", *options, str(folder), cwd=mirror.home)
    _share_objects(mirror, folder / ".git")
    run_quietly("remote", "add", "origin", origin, cwd=folder)
    # Copies of the folder keep times and sizes only; git need not read every file again for that.
    for key, value in (("core.checkStat", "minimal"), ("core.trustctime", "false")):
        run_quietly("config", key, value, cwd=folder)
    # Over the network, since git-lfs downloads the content of pointers.
    plainly = git.plain_checkout(but=_LFS)
    check_out = ("checkout", "--quiet", "--detach", commit)
    result = remotes.run_over_network(mirror.remote, *check_out, cwd=folder, config=plainly)
    if git.has_failed(result):
        why = git.find_reason(result.stderr)
        raise mirror.make_failure(f"git cannot check out {commit} of {mirror.remote.url}: {why}")
    if (folder / ".gitmodules").is_file():
        _fetch_submodules(mirror.remote, commit, folder, plainly)
    if fault := _find_fault(folder, commit):
        raise Damaged(f"the checkout of {commit[:12]} is not complete: {fault}")


def _demand_whole(mirror: Mirror, commit: str) -> None:
    """See that all files of a commit are in the mirror, and its history: a fetch may have been cut short.

    Raises:
        Damaged: something is missing.
    """
    files = ("rev-list", "--objects", "--quiet", "--no-walk", commit)
    history = ("rev-list", "--objects", "--quiet", commit, "--not", "--branches", "--tags")
    questions = [GitQuestion(files, _SECONDS), GitQuestion(history, _SECONDS)]
    for answer in repositories.ask_all(mirror.folder, questions):
        if answer.exit_code != 0:
            raise Damaged(git.find_reason(answer.stderr))


def _refuse_what_is_elsewhere(mirror: Mirror, commit: str) -> None:
    """A commit has submodules and large files that the mirror does not hold."""
    if git.run_git("cat-file", "-e", f"{commit}:.gitmodules", cwd=mirror.folder).exit_code == 0:
        raise not_at_hand(mirror, f"the content of the submodules at {commit[:12]}")
    attributes = git.run_git("cat-file", "-p", f"{commit}:.gitattributes", cwd=mirror.folder)
    if "filter=lfs" in attributes.stdout and shutil.which("git-lfs"):
        raise not_at_hand(mirror, f"the Git LFS content of {commit[:12]}")


def _share_objects(mirror: Mirror, repository: Path) -> None:
    """Share the objects of the mirror with a new repository without copying.

    ``git clone --shared`` only does this for complete mirrors, not for those of shallow clones.
    """
    durable.write_note(repository / "objects" / "info" / "alternates", f"{mirror.folder / 'objects'}\n")
    rows = [
        f"{target} {name.replace('refs/heads/', 'refs/remotes/origin/', 1)}\n"
        for name, target in mirror.list_refs().items()
        if name.startswith(("refs/heads/", "refs/tags/"))
    ]
    durable.write_note(repository / "packed-refs", "".join(rows))
    if (mirror.folder / "shallow").is_file():
        shutil.copyfile(mirror.folder / "shallow", repository / "shallow")


def _fetch_submodules(remote: remotes.Remote, commit: str, folder: Path, plainly: git.Settings) -> None:
    what = f"the submodules of {remote.url} at {commit[:12]}"
    update = ("submodule", "--quiet", "update", "--init", "--recursive")
    result = remotes.run_with_credentials(remote, *update, cwd=folder, config=plainly)
    if result.exit_code != 0:
        raise SourceError(
            f"cannot fetch {what}: {git.find_reason(result.stderr)}",
            hint="the URLs in .gitmodules must be reachable from here, by https, ssh or git",
        )
