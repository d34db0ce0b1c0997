"""Restore the source of a recorded run to a new folder; files of the user are not changed.

The commit comes from the repository in which the run was started, if it still exists, else from the cache
or the remote, else from the run's snapshot. The patch and untracked files are added. A source without git
consists of its files.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from reprise.errors import SourceError
from reprise.named_tuple import NamedTuple
from reprise.paths import confined
from reprise.process import Completed
from reprise.redact import redact
from reprise.runner.planning import guards
from reprise.runner.record import contents
from reprise.runner.restore.files import Restoration, restore_files, tell_git
from reprise.runner.sources import (
    locations,
    mirrors,
    provenance,
    working_copy,
)
from reprise.runner.vcs import git, remotes
from reprise.schemas.job import Checkout, Repository
from reprise.schemas.record.run_record import Content, SourceRecord, Submodule
from reprise.schemas.work_tree import APART
from reprise.tracking.base import Tracking

log = logging.getLogger(__name__)

_SHA256 = 64  # digits of a commit in a repository of that kind


class SourceOrigin(NamedTuple):
    """The origin of a run's source: ``name`` is its name in the run (``file:///...#folder``)."""

    tracking: Tracking
    run_id: str
    name: str
    source: SourceRecord

    @property
    def place(self) -> Path | None:
        """The folder of this machine that the run took its files from, there or not."""
        if self.name.startswith("file:"):
            return locations.path_of(self.name.partition("#")[0])
        return Path(self.name) if self.name.startswith("/") else None

    @property
    def shown(self) -> str:
        where = redact(str(self.place or self.source.url or self.source.uri))
        return f"{self.source.commit[:12]} of {where}" if self.source.commit else where


def find_faults(origin: SourceOrigin) -> list[SourceError]:
    """Raise SourceError for what is known to be missing, before any search."""
    source = origin.source
    if source.commit is None and not source.files:
        why = f": {guards.describe_left_out(source.left_out)}" if source.left_out else ""
        return [SourceError(f"the run has neither a commit nor files of {origin.shown}{why}")]
    needed = [("the patch of uncommitted changes", source.patch)] if source.patch else []
    needed += [(file.path, file.content) for file in source.files]
    gone = {*contents.find_missing(origin.tracking, origin.run_id, [content for _, content in needed])}
    return [
        SourceError(f"{name} ({content.digest}) is no longer stored with the run", hint=contents.ELSEWHERE)
        for name, content in needed
        if content in gone
    ]


@contextmanager
def restore_source(origin: SourceOrigin, *, offline: bool = False) -> Iterator[Checkout]:
    """The source as the run had it, in a folder of its own, which goes when the block fails.

    Raises:
        SourceError: it is not available; the message lists everything that was tried.
    """
    started = time.monotonic()
    source = origin.source
    with working_copy.work_folder() as temporary:
        root = temporary / working_copy.short_name(str(origin.place or source.url or source.uri))
        root.parent.mkdir(parents=True, exist_ok=True)
        if source.commit is not None:
            _restore_commit(origin, source.commit, root, offline)
        elif source.kind == "git":  # a repository without a commit
            _initialise_repository(root)
        else:
            root.mkdir()
        if source.patch is not None:
            _apply_patch(origin, source.patch, root)
        restore_files(Restoration(origin.tracking, origin.run_id, source, root, origin.place))
        if source.kind == "git":
            tell_git(source, root)
        folder = working_copy.project_folder(root, source.subdirectory, origin.shown)
        log.info("Restored %s in %.1f s", _describe_origin(origin), time.monotonic() - started)
        if source.left_out:
            log.warning("%s", guards.describe_left_out(source.left_out))
        yield Checkout(
            folder,
            origin.name,
            source.version,
            _read_repository(source, root),
            temporary,
            _find_brought(source),
        )


def _read_repository(source: SourceRecord, root: Path) -> Repository | None:
    """The restored repository, looked into as that of the run was."""
    if source.kind != "git":
        return None
    found = provenance.read_repository(root)
    if found is None:
        raise SourceError(f"git cannot read the state of the restored source, {root}")
    return found._replace(commit=source.commit, branch=source.branch, url=source.url)


def _find_brought(source: SourceRecord) -> dict[str, str]:
    """The files that git alone would not count as the source's own."""
    return {file.path: file.standing for file in source.files if file.standing in APART}


def _describe_origin(origin: SourceOrigin) -> str:
    source = origin.source
    parts = ["its uncommitted changes"] if source.patch else []
    if source.commit and source.files:
        parts.append(f"{len(source.files)} file{'s' * (len(source.files) > 1)} stored with the run")
    return " with ".join([origin.shown, " and ".join(parts)]) if parts else origin.shown


def _restore_commit(origin: SourceOrigin, commit: str, root: Path, offline: bool) -> None:
    """The commit as a repository of its own, with its submodules and on its branch."""
    refusals: list[str] = []
    for text in _candidate_places(origin):
        try:
            remote = _parse_remote(text)
            mirrors.obtain_files(remote, (commit,), root, origin.source.url, offline=offline)
            for module in origin.source.submodules:
                _check_out_submodule(origin, remote, module, root)
            break
        except SourceError as error:
            refusals.append(f"{redact(text)}: {error.message}")
            shutil.rmtree(root, ignore_errors=True)
    else:
        _restore_snapshot(origin, commit, root, refusals)
    _add_modules(origin.source.submodules, root)
    if origin.source.branch is not None:
        mirrors.enter_branch(root, origin.source.branch, commit)


def _add_modules(modules: Iterable[Submodule], root: Path) -> None:
    """Register the submodules of the run that are not in the commit."""
    for module in modules:
        if not git.run_git("ls-files", "--stage", "--", f":(literal){module.path}", cwd=root).stdout:
            entry = f"160000,{module.commit},{module.path}"
            _run_git(root, "update-index", "--add", "--cacheinfo", entry)


def _candidate_places(origin: SourceOrigin) -> Iterable[str]:
    """Yield repositories that may have the commit, nearest first."""
    place, source = origin.place, origin.source
    return dict.fromkeys(filter(None, (place.as_uri() if place else source.uri, source.url)))


def _parse_remote(text: str) -> remotes.Remote:
    """Raise SourceError if there is no repository."""
    found = locations.locate_project(text, Path("/"))
    if isinstance(found, locations.GitRepository):
        return found.remote
    if isinstance(found, locations.FolderLocation):
        return remotes.Remote(found.path.as_uri(), local=True)
    raise SourceError("it is not a repository")


def _check_out_submodule(
    origin: SourceOrigin, remote: remotes.Remote, module: Submodule, root: Path
) -> None:
    """Check out the run's commit of the submodule, which may differ from that in the project's commit."""
    folder = confined(root, module.path, "the submodule")
    if (folder / ".git").exists():
        if git.find_commit(folder, git.HEAD) == module.commit:
            return
        if git.find_commit(folder, module.commit) is None:
            remotes.run_with_credentials(remote, "fetch", "--quiet", "origin", module.commit, cwd=folder)
        if git.find_commit(folder, module.commit) is not None:
            _check_out(folder, module.commit)
            return
    if not module.snapshot or contents.find_missing(origin.tracking, origin.run_id, module.snapshot):
        raise SourceError(
            f"the repository of the submodule {module.path} does not have commit {module.commit}"
        )
    shutil.rmtree(folder, ignore_errors=True)
    _unpack_commit(origin, module.snapshot, module.commit, module.url, folder)


def _restore_snapshot(origin: SourceOrigin, commit: str, root: Path, refusals: Iterable[str]) -> None:
    source = origin.source
    packs = [*source.snapshot, *(pack for module in source.submodules for pack in module.snapshot)]
    tried = "".join(f"\n  {line}" for line in refusals) or " no repository is known"
    if not source.snapshot or contents.find_missing(origin.tracking, origin.run_id, packs):
        kept = "no longer exists" if source.snapshot else "was not stored with the run"
        raise SourceError(f"commit {commit} is not available, and a snapshot of it {kept}:{tried}")
    lacking = [module.path for module in source.submodules if not module.snapshot]
    if lacking:
        raise SourceError(
            f"commit {commit} is not available, and the snapshot with the run lacks the submodules "
            f"{', '.join(lacking)}:{tried}"
        )
    log.warning("%s is restored from the files stored with the run:%s", origin.shown, tried)
    _unpack_commit(origin, source.snapshot, commit, source.url, root)
    for module in source.submodules:
        folder = confined(root, module.path, "the submodule")
        _unpack_commit(origin, module.snapshot, module.commit, module.url, folder)


def _unpack_commit(
    origin: SourceOrigin, packs: Iterable[Content], commit: str, url: str | None, folder: Path
) -> None:
    """Create a repository with one commit without its parents, and check it out; git verifies its
    content.
    """
    _initialise_repository(folder, commit)
    for pack in packs:
        with contents.open_content(origin.tracking, origin.run_id, pack.digest) as stream:
            _demand_success(
                _feed_git(folder, stream, "index-pack", "--stdin"), "a stored pack cannot be read"
            )
    (folder / ".git" / "shallow").write_text(f"{commit}\n", encoding="ascii")
    if url:
        _run_git(folder, "remote", "add", "origin", url)
    _check_out(folder, commit)


def _check_out(folder: Path, commit: str) -> None:
    """Check a commit out without any filter: what these made of its files is kept with the run."""
    environ = git.make_environment(git.plain_checkout())
    checked_out = git.run_git("checkout", "--quiet", "--detach", commit, cwd=folder, environ=environ)
    _demand_success(checked_out, f"git cannot check out {commit}")


def _initialise_repository(folder: Path, commit: str = "") -> None:
    """Create a repository for this kind of commit id, given by its length."""
    folder.mkdir(parents=True, exist_ok=True)
    kind = ["--object-format=sha256"] if len(commit) == _SHA256 else []
    _run_git(folder, "init", "--quiet", "--template=", *kind, ".")


def _apply_patch(origin: SourceOrigin, patch: Content, root: Path) -> None:
    """Apply the uncommitted changes; files that they add are known to git as they were."""
    with contents.open_content(origin.tracking, origin.run_id, patch.digest) as stream:
        applied = _feed_git(root, stream, "apply", "--binary", "--whitespace=nowarn", "-")
    _demand_success(applied, "cannot apply the uncommitted changes of the run")
    for folder in (root, *(root / module.path for module in origin.source.submodules)):
        _run_git(folder, "add", "--intent-to-add", "--force", "--", ".")


def _feed_git(folder: Path, stream: IO[bytes], *arguments: str) -> Completed:
    return git.run_git(*arguments, cwd=folder, stdin=stream)


def _run_git(folder: Path, *arguments: str) -> None:
    _demand_success(git.run_git(*arguments, cwd=folder), f"git {arguments[0]} failed in {folder}")


def _demand_success(result: Completed, sentence: str) -> None:
    if git.has_failed(result):
        raise SourceError(f"{sentence}: {git.find_reason(result.stderr)}")
