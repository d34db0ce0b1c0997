"""The pristine checkout of a commit, which no run touches: made once, shares the objects of its mirror."""

from __future__ import annotations

import shutil
from pathlib import Path

from reprise import lock, paths
from reprise.errors import SourceError
from reprise.runner import git
from reprise.runner.mirror import Mirror, not_at_hand, quietly


def pristine(mirror: Mirror, commit: str, origin: str) -> Path:
    """The checkout of ``commit`` that no run touches.

    Raises:
        SourceError: git cannot make it, or what it needs is not at hand.
        Damaged: the mirror is broken.
    """
    commits = mirror.home / "commits"
    target = commits / commit
    if target.is_dir():
        return target
    with lock.exclusive(commits / f"{commit}.lock", f"the checkout of {commit[:12]}"):
        if target.is_dir():
            return target
        partial = commits / f".{commit}"
        shutil.rmtree(partial, ignore_errors=True)
        _check_out(mirror, commit, origin, partial)
        partial.rename(target)
    return target


def _check_out(mirror: Mirror, commit: str, origin: str, folder: Path) -> None:
    if mirror.offline:
        _refuse_what_is_elsewhere(mirror, commit)
    options = ("--template=", f"--object-format={git.object_format(commit)}")
    quietly("init", "--quiet", *options, str(folder), cwd=mirror.home)
    _share(mirror, folder / ".git")
    quietly("remote", "add", "origin", origin, cwd=folder)
    # Copies of the folder keep times and sizes only; git need not read every file again for that.
    for key, value in (("core.checkStat", "minimal"), ("core.trustctime", "false")):
        quietly("config", key, value, cwd=folder)
    # Over the network, for git-lfs fetches what the pointers stand for.
    result = git.over_network(mirror.remote, "checkout", "--quiet", "--detach", commit, cwd=folder)
    if result.exit_code != 0:
        why = git.reason(result.stderr)
        raise mirror.failure(f"git cannot check out {commit} of {mirror.remote.url}: {why}")
    if (folder / ".gitmodules").is_file():
        _fetch_submodules(mirror.remote, commit, folder)


def _refuse_what_is_elsewhere(mirror: Mirror, commit: str) -> None:
    """A commit has submodules and large files that the mirror does not hold."""
    if git.run("cat-file", "-e", f"{commit}:.gitmodules", cwd=mirror.folder).exit_code == 0:
        raise not_at_hand(mirror, f"what the submodules at {commit[:12]} hold")
    attributes = git.run("cat-file", "-p", f"{commit}:.gitattributes", cwd=mirror.folder)
    if "filter=lfs" in attributes.stdout and shutil.which("git-lfs"):
        raise not_at_hand(mirror, f"what Git LFS keeps of {commit[:12]}")


def _share(mirror: Mirror, repository: Path) -> None:
    """Let a new repository see what the mirror has; no object is copied.

    ``git clone --shared`` does this for complete mirrors only, and one of a shallow clone is not.
    """
    paths.write_atomically(repository / "objects" / "info" / "alternates", f"{mirror.folder / 'objects'}\n")
    rows = [
        f"{target} {name.replace('refs/heads/', 'refs/remotes/origin/', 1)}\n"
        for name, target in mirror.refs().items()
        if name.startswith(("refs/heads/", "refs/tags/"))
    ]
    paths.write_atomically(repository / "packed-refs", "".join(rows))
    if (mirror.folder / "shallow").is_file():
        shutil.copyfile(mirror.folder / "shallow", repository / "shallow")


def _fetch_submodules(remote: git.Remote, commit: str, folder: Path) -> None:
    what = f"the submodules of {remote.url} at {commit[:12]}"
    update = ("submodule", "--quiet", "update", "--init", "--recursive")
    result = git.attempt(remote, *update, cwd=folder)
    if result.exit_code != 0:
        raise SourceError(
            f"{what} cannot be fetched: {git.reason(result.stderr)}",
            hint="the URLs in .gitmodules must be reachable from here, by https, ssh or git",
        )
