"""The mirror of one repository in the cache: what it knows, and how it is brought up to date."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shutil
import time
from pathlib import Path

from reprise import lock, paths, process, progress
from reprise.errors import SourceError
from reprise.runner import git
from reprise.runner.git import HEAD

log = logging.getLogger(__name__)

DAMAGE = re.compile(
    r"corrupt|bad object|missing (blob|tree|commit|object)|unable to read|not a git repository"
    r"|packfile|unable to parse|not point to a valid object|bad (tree|signature|config)|invalid index"
    r"|could not parse|inflate|unexpected line in|pack has bad|broken ref|reference broken",
    re.IGNORECASE,
)


class Damaged(Exception):
    """The mirror is not what git can read; the message is git's."""


class Mirror:
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
            raise Damaged(error.message) from error

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
        quietly("init", "--quiet", "--bare", "--template=", str(partial), cwd=self.home)
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
        if DAMAGE.search(result.stderr):
            raise Damaged(git.reason(result.stderr))
        raise SourceError(f"git cannot fetch {self.remote.url}: {git.reason(result.stderr)}")


def not_at_hand(mirror: Mirror, what: str) -> git.Unreachable:
    return git.Unreachable(
        f"{what} of {mirror.remote.url} is not in the cache, and --offline forbids to fetch it",
        hint="run once without --offline",
    )


def quietly(*arguments: str, cwd: Path) -> None:
    """A git command on folders of the cache alone.

    Raises:
        Damaged, SourceError: it failed.
    """
    demand(git.run(*arguments, cwd=cwd), f"git {arguments[0]} failed in {cwd}")


def demand(result: process.Completed, sentence: str) -> None:
    if result.exit_code == 0:
        return
    if DAMAGE.search(result.stderr):
        raise Damaged(git.reason(result.stderr))
    raise SourceError(f"{sentence}: {git.reason(result.stderr)}")


def _sweep(mirror: Path) -> None:
    """Remove what a killed fetch left behind; the caller holds the lock, so nobody is at work there."""
    for folder, _, names in os.walk(mirror):
        for name in names:
            if name.endswith(".lock") or name.startswith(("tmp_pack_", "tmp_idx_", "tmp_obj_", "tmp_rev_")):
                (Path(folder) / name).unlink(missing_ok=True)
