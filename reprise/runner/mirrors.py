"""Git repositories in the cache: a bare mirror of each, a pristine checkout of each commit, a copy per run.

    git-v1/<digest of URL>/url                  for humans; never a secret
                           mirror.git/          fetched into, under mirror.lock
                           commits/<commit>/    made once, under its lock; appears by one rename
    work-v1/<random>/<name>/                    what a run may dirty

A commit that the mirror knows needs no network. Killed at any instant, the next run finds a mirror
that git can go on with, and whole checkouts only.
"""

from __future__ import annotations

import difflib
import hashlib
import logging
import os
import re
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reprise import lock, paths, process, progress
from reprise.errors import SourceError
from reprise.runner import git, locations
from reprise.runner.git import HEAD

log = logging.getLogger(__name__)

_HEX = re.compile(r"[0-9a-fA-F]{4,64}")
_FULL = re.compile(r"[0-9a-fA-F]{40}|[0-9a-fA-F]{64}")
_DAMAGE = re.compile(
    r"corrupt|bad object|missing (blob|tree|commit|object)|unable to read|not a git repository"
    r"|packfile|unable to parse|not point to a valid object|bad (tree|signature|config)|invalid index"
    r"|could not parse|inflate|unexpected line in|pack has bad|broken ref|reference broken",
    re.IGNORECASE,
)
_NO_SUCH_OBJECT = re.compile(r"not our ref|unadvertised object|remote ref")


@dataclass(frozen=True, slots=True)
class Found:
    """What a version stands for: ``version`` as asked, ``branch`` where it names one."""

    version: str
    commit: str
    branch: str | None


class _Damaged(Exception):
    """The mirror is not what git can read; the message is git's."""


def obtain(
    remote: git.Remote,
    candidates: Sequence[str],
    copy: Path,
    origin: str | None = None,
    *,
    offline: bool = False,
) -> Found:
    """Put the files of the first of ``candidates`` that exists into the new folder ``copy``.

    ``origin`` is where relative submodules are sought from, ``remote`` itself unless given. ``offline``:
    a repository of another machine is as it was fetched before.

    Raises:
        SourceError: none of them exists, or they cannot be fetched.
    """
    mirror = _Mirror(remote, offline=offline and not remote.local)
    try:
        found = _resolve(mirror, candidates)
        pristine = _pristine(mirror, found.commit, origin or remote.url)
    except _Damaged as damage:
        log.warning("The mirror of %s is damaged (%s): making it again", remote.url, damage)
        mirror.remove()
        try:
            found = _resolve(mirror, candidates)
            pristine = _pristine(mirror, found.commit, origin or remote.url)
        except _Damaged as again:
            raise SourceError(f"git cannot make a mirror of {remote.url}: {again}") from again
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(pristine, copy, symlinks=True)
    if found.branch is not None:
        _enter_branch(copy, found.branch, found.commit)
    return found


class _Mirror:
    """The cache folder of one repository."""

    def __init__(self, remote: git.Remote, *, offline: bool) -> None:
        digest = hashlib.sha256(remote.url.encode()).hexdigest()[:32]
        self.remote = remote
        self.offline = offline
        self.home = paths.cache_dir() / "git-v1" / digest
        self.folder = self.home / "mirror.git"

    def knows(self, name: str) -> str | None:
        """The commit that ``name`` stands for in the mirror."""
        if not self.folder.is_dir():
            return None
        try:
            return git.find_commit(self.folder, name)
        except git.Ambiguous:
            raise
        except SourceError as error:
            raise _Damaged(error.message) from error

    def refs(self) -> dict[str, str]:
        """As :func:`git.list_refs`, of what was fetched last."""
        if not self.folder.is_dir():
            return {}
        listing = git.run("for-each-ref", "--format=%(objectname)\t%(refname)", cwd=self.folder)
        refs = {
            name: target for target, _, name in (row.partition("\t") for row in listing.stdout.splitlines())
        }
        head = git.run("symbolic-ref", "--quiet", HEAD, cwd=self.folder).stdout.strip()
        if head in refs:
            refs |= {f"{HEAD} ->": head, HEAD: refs[head]}
        return refs

    def fetch(self, wanted: str | None) -> None:
        """Bring the branches and tags up to date, and the object ``wanted`` even when none leads there."""
        started = time.monotonic()
        with lock.exclusive(self.home / "mirror.lock", f"the mirror of {self.remote.url}"):
            if wanted is not None and self.knows(wanted):
                return
            self._make()
            kinds = ("heads", "tags", "remotes") if self.remote.local else ("heads", "tags")
            with progress.spinner(f"Fetching {self.remote.url}"):
                self._fetch(*(f"+refs/{kind}/*:refs/{kind}/*" for kind in kinds))
                if wanted is not None and not self.knows(wanted):
                    self._fetch(wanted)
        log.info("Fetched %s in %.1f s", self.remote.url, time.monotonic() - started)

    def remember_head(self, branch: str) -> None:
        """So that the default branch is known without the network."""
        if (self.folder / HEAD).read_text() != f"ref: {branch}\n":
            paths.write_atomically(self.folder / HEAD, f"ref: {branch}\n")

    def remove(self) -> None:
        with lock.exclusive(self.home / "mirror.lock", f"the mirror of {self.remote.url}"):
            for name in ("mirror.git", "commits"):
                shutil.rmtree(self.home / name, ignore_errors=True)

    def _make(self) -> None:
        if self.folder.is_dir():
            _sweep(self.folder)
            return
        self.home.mkdir(parents=True, exist_ok=True)
        paths.write_atomically(self.home / "url", f"{self.remote.url}\n")
        partial = self.home / ".mirror.git"
        shutil.rmtree(partial, ignore_errors=True)
        _local("init", "--quiet", "--bare", "--template=", str(partial), cwd=self.home)
        partial.rename(self.folder)

    def _fetch(self, *wanted: str) -> None:
        options = (
            "--quiet",
            "--force",
            "--prune",
            "--no-tags",
            "--update-shallow",
            "--no-write-fetch-head",
        )
        arguments = ("fetch", *options, "--no-recurse-submodules", "--", self.remote.url, *wanted)
        result = git.over_network(self.remote, *arguments, cwd=self.folder)
        if result.exit_code == 0:
            return
        if _DAMAGE.search(result.stderr):
            raise _Damaged(git.reason(result.stderr))
        raise SourceError(f"git cannot fetch {self.remote.url}: {git.reason(result.stderr)}")


def _resolve(mirror: _Mirror, candidates: Sequence[str]) -> Found:
    """The commit of the first of ``candidates`` that is a commit id, a branch or a tag."""
    if found := _known_id(mirror, candidates):
        return found
    namespaces = ["refs/heads/", "refs/tags/"]
    if mirror.remote.local:
        namespaces += ["refs/remotes/", "refs/remotes/origin/"]
    wanted = {name: [f"{space}{name}" for space in namespaces] for name in candidates if name != HEAD}
    wanted |= {name: [name] for name in candidates if name.startswith("refs/") or name == HEAD}
    try:
        if mirror.offline:
            raise _not_at_hand(mirror, f'"{candidates[0]}"')
        refs = git.list_refs(mirror.remote, HEAD, *(ref for refs in wanted.values() for ref in refs))
        online = True
    except git.Unreachable as error:
        refs, online = mirror.refs(), False
        unreachable = error
    for name, places in wanted.items():
        named = [place for place in places if place in refs]
        if not named:
            continue
        if online:
            return _found_online(mirror, name, named, refs)
        if commit := mirror.knows(refs[named[0]]):
            if mirror.offline:
                log.info("Offline: %s is at %s, as fetched before", mirror.remote.url, commit[:12])
            else:
                log.warning("%s: going on with %s, as fetched before", unreachable.message, commit)
            return Found(name, commit, _branch(named[0], refs))
    if not online:
        raise unreachable
    return _unnamed(mirror, candidates)


def _not_at_hand(mirror: _Mirror, what: str) -> git.Unreachable:
    return git.Unreachable(
        f"{what} of {mirror.remote.url} is not in the cache, and --offline forbids to fetch it",
        hint="run once without --offline",
    )


def _found_online(mirror: _Mirror, name: str, named: Sequence[str], refs: Mapping[str, str]) -> Found:
    target = refs[named[0]]
    if {f"refs/heads/{name}", f"refs/tags/{name}"} <= set(named):
        log.warning('"%s" is a branch and a tag of %s: the branch is used', name, mirror.remote.url)
    commit = mirror.knows(target)
    if commit is None:
        mirror.fetch(target)
        commit = mirror.knows(target)
    if commit is None:
        raise SourceError(f'"{name}" of {mirror.remote.url} is not a commit')
    if default := refs.get(f"{HEAD} ->"):
        mirror.remember_head(default)
    return Found(name, commit, _branch(named[0], refs))


def _unnamed(mirror: _Mirror, candidates: Sequence[str]) -> Found:
    """No ref has such a name: a commit id that was not fetched yet, or a mistake."""
    remote = mirror.remote
    if candidates == (HEAD,):
        raise SourceError(f"{remote.url} has no commits", hint="or its HEAD names no branch: give -v")
    name = candidates[-1]
    if remote.local and not _FULL.fullmatch(name):
        # An expression of git's, such as HEAD~2 or a short id, is read where the user wrote it.
        name = git.find_commit(locations.path_of(remote.url), name) or name
    if _HEX.fullmatch(name):
        full = name if _FULL.fullmatch(name) else None
        try:
            mirror.fetch(full)
        except SourceError as error:
            if not _NO_SUCH_OBJECT.search(error.message):
                raise
        if commit := mirror.knows(name):
            return Found(candidates[-1], commit, None)
    raise _no_such_ref(remote, candidates)


def _known_id(mirror: _Mirror, candidates: Sequence[str]) -> Found | None:
    for name in candidates:
        if not _HEX.fullmatch(name):
            continue
        # A branch or tag may have a name of hexadecimal digits: then it is to be asked for.
        is_ref = not _FULL.fullmatch(name) and any(
            mirror.knows(f"refs/{kind}/{name}") for kind in ("heads", "tags")
        )
        if not is_ref and (commit := mirror.knows(name)):
            return Found(name, commit, None)
    return None


def _branch(ref: str, refs: Mapping[str, str]) -> str | None:
    ref = refs.get(f"{HEAD} ->", "") if ref == HEAD else ref
    for space in ("refs/heads/", "refs/remotes/origin/"):
        if ref.startswith(space):
            return ref.removeprefix(space)
    return None


def _no_such_ref(remote: git.Remote, candidates: Sequence[str]) -> SourceError:
    refs = (ref.removesuffix("^{}") for ref in git.list_refs(remote) if ref.startswith("refs/"))
    names = list(
        dict.fromkeys(ref.split("/", 2)[-1] for ref in refs if ref.startswith(("refs/h", "refs/t")))
    )
    near = difflib.get_close_matches(candidates[-1], names, n=3) or names[:8]
    hint = (
        f"it has {', '.join(near)}" + (" ..." if len(near) < len(names) else "") if near else "it is empty"
    )
    return SourceError(f'{remote.url} has no branch, tag or commit "{candidates[0]}"', hint=hint)


def _pristine(mirror: _Mirror, commit: str, origin: str) -> Path:
    """The checkout of ``commit`` that no run touches."""
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


def _check_out(mirror: _Mirror, commit: str, origin: str, folder: Path) -> None:
    if mirror.offline:
        _refuse_what_is_elsewhere(mirror, commit)
    _local("init", "--quiet", "--template=", str(folder), cwd=mirror.home)
    _share(mirror, folder / ".git")
    _local("remote", "add", "origin", origin, cwd=folder)
    # Copies of the folder keep times and sizes only; git need not read every file again for that.
    for key, value in (("core.checkStat", "minimal"), ("core.trustctime", "false")):
        _local("config", key, value, cwd=folder)
    # Over the network, for git-lfs fetches what the pointers stand for.
    result = git.over_network(mirror.remote, "checkout", "--quiet", "--detach", commit, cwd=folder)
    _demand(result, f"git cannot check out {commit} of {mirror.remote.url}")
    if (folder / ".gitmodules").is_file():
        _fetch_submodules(mirror.remote, commit, folder)


def _refuse_what_is_elsewhere(mirror: _Mirror, commit: str) -> None:
    """A commit has submodules and large files that the mirror does not hold."""
    if git.run("cat-file", "-e", f"{commit}:.gitmodules", cwd=mirror.folder).exit_code == 0:
        raise _not_at_hand(mirror, f"what the submodules at {commit[:12]} hold")
    attributes = git.run("cat-file", "-p", f"{commit}:.gitattributes", cwd=mirror.folder)
    if "filter=lfs" in attributes.stdout and shutil.which("git-lfs"):
        raise _not_at_hand(mirror, f"what Git LFS keeps of {commit[:12]}")


def _share(mirror: _Mirror, repository: Path) -> None:
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


def _enter_branch(folder: Path, branch: str, commit: str) -> None:
    _local("update-ref", f"refs/heads/{branch}", commit, cwd=folder)
    _local("symbolic-ref", HEAD, f"refs/heads/{branch}", cwd=folder)


def _local(*arguments: str, cwd: Path) -> None:
    """A git command on folders of the cache alone."""
    _demand(git.run(*arguments, cwd=cwd), f"git {arguments[0]} failed in {cwd}")


def _demand(result: process.Completed, sentence: str) -> None:
    if result.exit_code == 0:
        return
    if _DAMAGE.search(result.stderr):
        raise _Damaged(git.reason(result.stderr))
    raise SourceError(f"{sentence}: {git.reason(result.stderr)}")


def _sweep(mirror: Path) -> None:
    """Remove what a killed fetch left behind; the caller holds the lock, so nobody is at work there."""
    for folder, _, names in os.walk(mirror):
        for name in names:
            if name.endswith(".lock") or name.startswith(("tmp_pack_", "tmp_idx_", "tmp_obj_", "tmp_rev_")):
                (Path(folder) / name).unlink(missing_ok=True)
