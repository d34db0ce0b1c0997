"""The mirror of a repository in the cache, and its updates."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from reprise import durable, file_lock, paths, progress
from reprise.errors import SourceError
from reprise.runner.vcs import git, git_faults, remotes
from reprise.runner.vcs.git import HEAD

log = logging.getLogger(__name__)


class Damaged(Exception):
    """The mirror is not what git can read; the message is git's."""


class NotGiven(SourceError):
    """The remote has no such object, or refuses to give it by its id."""


class Mirror:
    """The cache folder of one repository."""

    def __init__(self, remote: remotes.Remote, *, offline: bool) -> None:
        digest = hashlib.sha256(remote.url.encode()).hexdigest()[:32]
        self.remote = remote
        self.offline = offline
        self.home = paths.cache_dir() / "git-v1" / digest
        self.folder = self.home / "mirror.git"

    def find_commit(self, name: str) -> str | None:
        """Return the commit of ``name`` in the mirror."""
        if not self.folder.is_dir():
            return None
        try:
            return git.find_commit(self.folder, name)
        except git.Ambiguous:
            raise
        except SourceError as error:
            raise Damaged(error.message) from error

    def list_refs(self) -> dict[str, str]:
        """Like :func:`remotes.list_refs`, from the last fetch."""
        if not self.folder.is_dir():
            return {}
        listing = git.run_git("for-each-ref", "--format=%(objectname)\t%(refname)", cwd=self.folder)
        refs = {
            name: target for target, _, name in (row.partition("\t") for row in listing.stdout.splitlines())
        }
        head = git.run_git("symbolic-ref", "--quiet", HEAD, cwd=self.folder).stdout.strip()
        if head in refs:
            refs |= {f"{HEAD} ->": head, HEAD: refs[head]}
        return refs

    def fetch_refs(self, wanted: str | None) -> None:
        """Bring the branches and tags up to date, and the object ``wanted`` even when none leads there.

        Raises:
            NotGiven: the remote does not give ``wanted``.
            SourceError, Damaged: it cannot be fetched.
        """
        started = time.monotonic()
        with file_lock.exclusive(self.home / "mirror.lock", f"the mirror of {self.remote.url}"):
            if wanted is not None and self.find_commit(wanted):
                return
            self._make_mirror(wanted)
            kinds = ("heads", "tags", "remotes") if self.remote.local else ("heads", "tags")
            with progress.spinner(f"Fetching {self.remote.url}"):
                if why := self._fetch_names(*(f"+refs/{kind}/*:refs/{kind}/*" for kind in kinds)):
                    raise self.make_failure(f"git cannot fetch {self.remote.url}: {why}")
                if (
                    wanted is not None
                    and not self.find_commit(wanted)
                    and (why := self._fetch_names(wanted))
                ):
                    raise NotGiven(f"{self.remote.url} does not give {wanted}: {why}")
        log.info("Fetched %s in %.1f s", self.remote.url, time.monotonic() - started)

    def remember_head(self, branch: str) -> None:
        """So that the default branch is known without the network."""
        if (self.folder / HEAD).read_text() != f"ref: {branch}\n":
            durable.write_note(self.folder / HEAD, f"ref: {branch}\n")

    def make_failure(self, sentence: str) -> Exception:
        """Return the exception for a failure of git: Damaged if the mirror is broken, else an error."""
        found = git.run_git("fsck", "--no-dangling", "--no-progress", cwd=self.folder)
        return SourceError(sentence) if found.exit_code == 0 else Damaged(sentence)

    def remove_mirror(self) -> None:
        with file_lock.exclusive(self.home / "mirror.lock", f"the mirror of {self.remote.url}"):
            for name in ("mirror.git", "commits", "whole"):
                durable.remove_folder(self.home / name, self.home.parent)

    def _make_mirror(self, wanted: str | None) -> None:
        known = wanted or next(iter(_filter_ids(remotes.list_refs(self.remote))), "")
        if self.folder.is_dir():
            _sweep_mirror(self.folder)
            if known and git.object_format(known) != self._object_format():
                raise Damaged(f"its ids are of another kind than {known}")
            return
        paths.make_folders(self.home)
        durable.write_note(self.home / "url", f"{self.remote.url}\n")
        options = ("--bare", "--template=", f"--object-format={git.object_format(known)}")
        with file_lock.arriving_folder(self.home.parent) as partial:
            run_quietly("init", "--quiet", *options, str(partial), cwd=self.home)
            durable.put_in_place(partial, self.folder)

    def _object_format(self) -> str:
        return git.run_git("rev-parse", "--show-object-format", cwd=self.folder).stdout.strip()

    def _fetch_names(self, *wanted: str) -> str | None:
        """None when it is here, else git's reason why the remote, which answers, does not give it."""
        options = (
            "--quiet",
            "--force",
            "--prune",
            "--no-tags",
            "--update-shallow",
            "--no-write-fetch-head",
        )
        arguments = ("fetch", *options, "--no-recurse-submodules", "--", self.remote.url, *wanted)
        result = remotes.run_over_network(self.remote, *arguments, cwd=self.folder)
        return None if result.exit_code == 0 else git.find_reason(result.stderr)


def not_at_hand(mirror: Mirror, what: str) -> git_faults.RemoteUnreachable:
    return git_faults.RemoteUnreachable(
        f"{what} of {mirror.remote.url} is not in the cache, and --offline does not allow fetching it",
        hint="run once without --offline",
    )


def run_quietly(*arguments: str, cwd: Path) -> None:
    """A git command on folders of the cache alone.

    Raises:
        SourceError: it failed.
    """
    result = git.run_git(*arguments, cwd=cwd)
    if git.has_failed(result):
        raise SourceError(f"git {arguments[0]} failed in {cwd}: {git.find_reason(result.stderr)}")


def _filter_ids(refs: Mapping[str, str]) -> Iterator[str]:
    return (target for name, target in refs.items() if not name.endswith("->"))


def sweep_mirrors() -> None:
    """Remove what killed fetches left in mirrors that no process fetches into now."""
    for left in (paths.cache_dir() / "git-v1").glob("*/mirror.git/objects/pack/tmp_*"):
        home = left.parents[3]
        if (held := file_lock.hold(home / "mirror.lock", wait=False)) is not None:
            try:
                _sweep_mirror(home / "mirror.git")
            finally:
                os.close(held)


def _sweep_mirror(mirror: Path) -> None:
    """Remove leftovers of a killed fetch; the caller holds the lock, so there is no other user."""
    for folder, _, names in os.walk(mirror):
        for name in names:
            if name.endswith(".lock") or name.startswith(("tmp_pack_", "tmp_idx_", "tmp_obj_", "tmp_rev_")):
                (Path(folder) / name).unlink(missing_ok=True)
