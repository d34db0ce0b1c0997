"""Restore the files of a source that differ from its commit, exactly; no filter runs.

Paths come from a record, which is not trusted: none may lead out of the folder, or into git's own files.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from reprise.errors import SourceError, TrackingError, UsageError
from reprise.named_tuple import NamedTuple
from reprise.paths import confined, room_hint
from reprise.runner.record import contents, digests
from reprise.runner.vcs import git, repositories
from reprise.runner.worktree.large_files import read_pointer
from reprise.schemas.record.run_record import (
    EXECUTABLE,
    LINK,
    FileRecord,
    SourceRecord,
)
from reprise.schemas.work_tree import Standing
from reprise.tracking.base import Tracking

log = logging.getLogger(__name__)

_GIT = ".git"


class Restoration(NamedTuple):
    """The source of a run, restored to ``root``; ``place`` is its original path, which may not exist
    here.
    """

    tracking: Tracking
    run_id: str
    source: SourceRecord
    root: Path
    place: Path | None


def restore_files(this: Restoration) -> None:
    """Turn a plain checkout, or an empty folder, into the source of the run.

    Raises:
        SourceError: something cannot be written, or is no longer stored.
    """
    source = this.source
    for gone in source.absent:
        with _name_faults(this.root, gone.path):
            _remove_path(this.root, _path_inside(this.root, gone.path))
    for file in source.files:
        with _name_faults(this.root, file.path):
            _write_file(this, file)
    for path in source.pointers:
        with _name_faults(this.root, path):
            _write_pointer(this, path)
    for file in source.large:
        with _name_faults(this.root, file.path):
            _obtain_large(this, file)
    for folder in source.folders:
        with _name_faults(this.root, folder):
            _path_inside(this.root, folder).mkdir(parents=True, exist_ok=True)


def tell_git(source: SourceRecord, root: Path) -> None:
    """Restore the git status of the files, as far as it is known.

    Tools that derive a version from the state of git need it.
    """
    for folder, start in _list_repositories(source, root):
        own = [file for file in source.files if _is_of(file.path, start, source)]
        added = [file.path for file in own if file.standing == Standing.ADDED]
        hidden = [file.path for file in own if file.standing == Standing.HIDDEN]
        absent = [
            item.path
            for item in source.absent
            if item.standing == Standing.HIDDEN and _is_of(item.path, start, source)
        ]
        if added:
            _tell_git(folder, ("add", "--intent-to-add", "--force", *_PATHS), start, added)
        if hidden:
            _tell_git(folder, ("update-index", "--assume-unchanged", "-z", "--stdin"), start, hidden)
        if absent:
            names = _expand_names(folder, [path.removeprefix(start) for path in absent])
            _tell_git(folder, ("update-index", "--skip-worktree", "-z", "--stdin"), "", names)


_PATHS = ("--pathspec-from-file=-", "--pathspec-file-nul")


def _remove_path(root: Path, path: Path) -> None:
    """Remove a file, or a folder with all below, and the folders that are empty then."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    for folder in path.parents:
        if folder == root or any(folder.iterdir()):
            return
        folder.rmdir()


def _write_file(this: Restoration, file: FileRecord) -> None:
    path = _path_inside(this.root, file.path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with contents.open_content(this.tracking, this.run_id, file.content.digest) as stream:
        data = stream.read()
    if os.path.lexists(path):  # of the commit; a link there is not followed
        path.unlink()
    if file.mode == LINK:
        path.symlink_to(os.fsdecode(data))
        return
    path.write_bytes(data)
    path.chmod(0o755 if file.mode == EXECUTABLE else 0o644)


def _write_pointer(this: Restoration, path: str) -> None:
    """Restore pointers of Git LFS, where a checkout may have the content."""
    file = _path_inside(this.root, path)
    if read_pointer(file) is not None:
        return
    folder, start = next(
        (folder, start)
        for folder, start in _list_repositories(this.source, this.root)
        if path.startswith(start)
    )
    data = repositories.demand_git(folder, "cat-file", "blob", f"{git.HEAD}:{path.removeprefix(start)}")
    file.write_bytes(data)


def _obtain_large(this: Restoration, file: FileRecord) -> None:
    """A file of Git LFS that the run had, and that is too large to be kept with it."""
    path = _path_inside(this.root, file.path)
    sha256 = file.content.digest.removeprefix("sha256:")
    if _has_digest(path, sha256):
        return
    for known in _places_of_large(this, file.path, sha256):
        if _has_digest(known, sha256):
            path.unlink(missing_ok=True)
            shutil.copyfile(known, path)
            return
    raise SourceError(
        f"{file.path} is in Git LFS, and its content ({file.content.digest}) is not on this machine",
        hint="install git-lfs, or run `git lfs fetch --all` in the repository of the run",
    )


def _places_of_large(this: Restoration, path: str, sha256: str) -> Iterator[Path]:
    if this.place is not None:
        yield this.place / path
        yield from this.place.glob(f".git/**/lfs/objects/{sha256[:2]}/{sha256[2:4]}/{sha256}")


def _has_digest(file: Path, sha256: str) -> bool:
    try:
        return not file.is_symlink() and digests.of_bytes(file).sha256 == sha256
    except OSError:
        return False


def _path_inside(root: Path, name: str) -> Path:
    """The path of a name in a record, to which no link leads.

    Raises:
        UsageError: it leads out of ``root``, or into a folder of git's.
    """
    parts = name.rstrip("/").split("/")
    # Runs never store these files, and git would obey them.
    if any(part.lower() == _GIT for part in parts):
        raise UsageError(f"{name} is in git's own folder")
    if not {"", ".", ".."}.isdisjoint(parts):
        raise UsageError(f'the file "{name}" is outside {root}')
    return confined(root, "/".join(parts[:-1]) or ".", "the folder") / parts[-1]


@contextmanager
def _name_faults(root: Path, name: str) -> Iterator[None]:
    """Say of what goes wrong which file it is about."""
    try:
        yield
    except OSError as error:
        reason = f"{error.strerror or error} ({root})"
        raise SourceError(f"cannot restore {name}: {reason}", hint=room_hint(error)) from error
    except (UsageError, TrackingError) as error:
        raise SourceError(f"cannot restore {name}: {error.message}", hint=error.hint) from error


def _list_repositories(source: SourceRecord, root: Path) -> list[tuple[Path, str]]:
    """The repositories in ``root``, the innermost first, each with how paths in it start."""
    modules = sorted((module.path for module in source.submodules), key=len, reverse=True)
    return [*((root / path, f"{path}/") for path in modules), (root, "")]


def _is_of(path: str, start: str, source: SourceRecord) -> bool:
    """Return whether a path is in the repository at ``start``, and not in a nested repository."""
    starts = (f"{module.path}/" for module in source.submodules)
    return path.startswith(start) and not any(
        path.startswith(other) for other in starts if other != start and other.startswith(start)
    )


def _expand_names(folder: Path, names: Iterable[str]) -> list[str]:
    """The tracked files among ``names`` and below those that are folders."""
    listing = repositories.ask_git(folder, "ls-files", "-z", "--stage").stdout
    entries = (entry.partition("\t") for entry in os.fsdecode(listing).split("\0") if entry)
    tracked = [name for facts, _, name in entries if not facts.startswith("160000")]
    folders = tuple(name for name in names if name.endswith("/"))
    alone = set(names)
    return [name for name in tracked if name in alone or name.startswith(folders)]


def _tell_git(folder: Path, arguments: tuple[str, ...], start: str, paths: Iterable[str]) -> None:
    listed = "".join(f"{path.removeprefix(start)}\0" for path in paths)
    environ = git.make_environment() | {"GIT_LITERAL_PATHSPECS": "1"}
    done = git.run_git(*arguments, cwd=folder, environ=environ, stdin=os.fsencode(listed))
    if done.exit_code != 0:
        log.debug("git %s in %s: %s", arguments[0], folder, done.stderr)
