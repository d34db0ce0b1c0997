"""Git repositories in the cache: a bare mirror of each, a pristine checkout of each commit, a copy per run.

    git-v1/<digest of URL>/url                  for humans; never a secret
                           mirror.git/          fetched into, under mirror.lock
                           commits/<commit>/    made once, under its lock; appears by one rename
                           whole/<commit>       the states of its files, noted when it was found whole
    work-v1/<random>/<name>/                    what a run may dirty

A commit in the mirror needs no network. After a kill at any instant, the next run finds a mirror that git
can use, and only complete checkouts.
"""

from __future__ import annotations

import difflib
import errno
import logging
import os
import re
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reprise import disk
from reprise.errors import SourceError
from reprise.paths import make_folders, room_hint
from reprise.runner.sources import locations
from reprise.runner.sources.commit_checkout import make_pristine
from reprise.runner.sources.mirror import (
    Damaged,
    Mirror,
    NotGiven,
    not_at_hand,
    run_quietly,
)
from reprise.runner.vcs import (
    git,
    git_faults,
    remotes,
    repositories,
)
from reprise.runner.vcs.git import HEAD

log = logging.getLogger(__name__)

_HEX = re.compile(r"[0-9a-fA-F]{4,64}")
_FULL = re.compile(r"[0-9a-fA-F]{40}|[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True)
class FoundCommit:
    """A resolved version: ``version`` as requested, ``branch`` if it is one."""

    version: str
    commit: str
    branch: str | None


def obtain_files(
    remote: remotes.Remote,
    candidates: Sequence[str],
    copy: Path,
    origin: str | None = None,
    *,
    offline: bool = False,
) -> FoundCommit:
    """Put the files of the first of ``candidates`` that exists into the new folder ``copy``.

    ``origin`` is the base of relative submodules, by default ``remote``. ``offline``: remote repositories
    are used as last fetched.

    Raises:
        SourceError: none of them exists, or they cannot be fetched.
    """
    mirror = Mirror(remote, offline=offline and not remote.local)
    try:
        found = _resolve_candidate(mirror, candidates)
        whole = make_pristine(mirror, found.commit, origin or remote.url)
    except Damaged as damage:
        if mirror.offline:
            raise SourceError(
                f"the copy of {remote.url} in the cache is damaged ({damage}), and --offline forbids to "
                "fetch it again",
                hint="run once without --offline",
            ) from damage
        log.warning("The mirror of %s is damaged (%s): recreating it", remote.url, damage)
        mirror.remove_mirror()
        try:
            found = _resolve_candidate(mirror, candidates)
            whole = make_pristine(mirror, found.commit, origin or remote.url)
        except Damaged as again:
            raise SourceError(f"git cannot create a mirror of {remote.url}: {again}") from again
    make_folders(copy.parent)
    _copy_tree(whole, copy)
    if found.branch is not None:
        enter_branch(copy, found.branch, found.commit)
    return found


def _copy_tree(whole: Path, copy: Path) -> None:
    """Copy a checkout; what fails is said once, and not for each of its files."""
    try:
        shutil.copytree(whole, copy, symlinks=True)
    except shutil.Error as error:
        failures = error.args[0]
        full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(copy))
        is_full = disk.disk_of(copy).is_full
        reason = disk.reason_of(full) if is_full else failures[0][2]
        raise SourceError(
            f"cannot copy {len(failures)} files of the project to {copy}: {reason}",
            hint=room_hint(full) if is_full else None,
        ) from error


def _resolve_candidate(mirror: Mirror, candidates: Sequence[str]) -> FoundCommit:
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
            raise not_at_hand(mirror, f'"{candidates[0]}"')
        refs = remotes.list_refs(mirror.remote, HEAD, *(ref for refs in wanted.values() for ref in refs))
        online = True
    except git_faults.RemoteUnreachable as error:
        refs, online = mirror.list_refs(), False
        unreachable = error
    for name, places in wanted.items():
        named = [place for place in places if place in refs]
        if not named:
            continue
        if online:
            return _found_online(mirror, name, named, refs)
        if commit := mirror.find_commit(refs[named[0]]):
            if mirror.offline:
                log.info("Offline: %s is at %s, as fetched before", mirror.remote.url, commit[:12])
            else:
                log.warning("%s: using %s from the last fetch", unreachable.message, commit)
            return FoundCommit(name, commit, _branch_of(named[0], refs))
    if not online:
        raise unreachable
    return _resolve_unnamed(mirror, candidates)


def _found_online(mirror: Mirror, name: str, named: Sequence[str], refs: Mapping[str, str]) -> FoundCommit:
    target = refs[named[0]]
    if {f"refs/heads/{name}", f"refs/tags/{name}"} <= set(named):
        log.warning('"%s" is a branch and a tag of %s: the branch is used', name, mirror.remote.url)
    commit = mirror.find_commit(target)
    if commit is None:
        mirror.fetch_refs(target)
        commit = mirror.find_commit(target)
    if commit is None:
        raise SourceError(f'"{name}" of {mirror.remote.url} is not a commit')
    if default := refs.get(f"{HEAD} ->"):
        mirror.remember_head(default)
    return FoundCommit(name, commit, _branch_of(named[0], refs))


def _resolve_unnamed(mirror: Mirror, candidates: Sequence[str]) -> FoundCommit:
    """No ref has this name: a commit id that was not fetched yet, or a mistake."""
    remote = mirror.remote
    if candidates == (HEAD,):
        raise SourceError(f"{remote.url} has no commits", hint="or its HEAD is not a branch: use -v")
    name = candidates[-1]
    if remote.local and not _FULL.fullmatch(name):
        # An expression of git's, such as HEAD~2 or a short id, is read where the user wrote it.
        name = git.find_commit(locations.path_of(remote.url), name) or name
    if _HEX.fullmatch(name):
        try:
            mirror.fetch_refs(name if _FULL.fullmatch(name) else None)
        except NotGiven:
            pass
        if commit := mirror.find_commit(name):
            return FoundCommit(candidates[-1], commit, None)
    raise _no_such_ref(remote, candidates)


def _known_id(mirror: Mirror, candidates: Sequence[str]) -> FoundCommit | None:
    for name in candidates:
        if not _HEX.fullmatch(name):
            continue
        # A branch or tag may have a name of hexadecimal digits: then the remote must be queried.
        is_ref = not _FULL.fullmatch(name) and any(
            mirror.find_commit(f"refs/{kind}/{name}") for kind in ("heads", "tags")
        )
        if not is_ref and (commit := mirror.find_commit(name)):
            return FoundCommit(name, commit, None)
    return None


def _branch_of(ref: str, refs: Mapping[str, str]) -> str | None:
    ref = refs.get(f"{HEAD} ->", "") if ref == HEAD else ref
    for space in ("refs/heads/", "refs/remotes/origin/"):
        if ref.startswith(space):
            return ref.removeprefix(space)
    return None


def _no_such_ref(remote: remotes.Remote, candidates: Sequence[str]) -> SourceError:
    refs = remotes.list_refs(remote)
    heads = (ref.removesuffix("^{}") for ref in refs if ref.startswith(("refs/heads/", "refs/tags/")))
    names = list(dict.fromkeys(ref.split("/", 2)[-1] for ref in heads))
    near = difflib.get_close_matches(candidates[-1], names, n=3) or names[:8]
    if whole := _command_for_the_rest(remote):
        hint = f"it is a shallow checkout with a part of the history; fetch the rest with {whole}"
    elif near:
        hint = f"it has {', '.join(near)}" + (" ..." if len(near) < len(names) else "")
    elif HEAD in refs:
        hint = f"it has no branches and no tags; -v HEAD is the commit {refs[HEAD][:12]}"
    else:
        hint = "it has no commits yet"
    return SourceError(f'{remote.url} has no branch, tag or commit "{candidates[0]}"', hint=hint)


def _command_for_the_rest(remote: remotes.Remote) -> str | None:
    """Return the command that completes a shallow local repository; None if it is complete."""
    if not remote.local:
        return None
    root = locations.path_of(remote.url)
    if repositories.ask_git(root, "rev-parse", "--is-shallow-repository").text.strip() != "true":
        return None
    remotes = ("config", "--name-only", "--get-regexp", r"^remote\..*\.url$")
    keys = repositories.ask_git(root, *remotes).text.splitlines()
    names = [key.removeprefix("remote.").removesuffix(".url") for key in keys]
    name = [] if "origin" in names else names[:1]
    return shlex.join(["git", "-C", str(root), "fetch", "--unshallow", "--tags", *name])


def enter_branch(folder: Path, branch: str, commit: str) -> None:
    run_quietly("update-ref", f"refs/heads/{branch}", commit, cwd=folder)
    run_quietly("symbolic-ref", HEAD, f"refs/heads/{branch}", cwd=folder)
