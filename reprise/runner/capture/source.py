"""The source of a run: its origin, and everything that a plain checkout would not restore."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from reprise import paths
from reprise.errors import SourceError
from reprise.named_tuple import NamedTuple
from reprise.runner.capture.files import keep_files
from reprise.runner.planning import guards
from reprise.runner.vcs import repositories
from reprise.runner.worktree.ignoring import is_ignored, list_dockerignored, list_ignored
from reprise.runner.worktree.surveying import Setting, survey_folder
from reprise.runner.worktree.walking import list_parents
from reprise.schemas.job import Checkout
from reprise.schemas.record.run_record import (
    Absent,
    Content,
    FileRecord,
    LeftOut,
    SourceRecord,
    Submodule,
)
from reprise.schemas.work_tree import Standing, WorkTree


class Captured(NamedTuple):
    record: SourceRecord
    notes: tuple[str, ...] = ()


def outline_source(checkout: Checkout) -> SourceRecord:
    """What the checkout itself says; nothing is looked at."""
    repository = checkout.repository
    if repository is None:
        kind = "folder" if checkout.temporary is None else "archive"
        return SourceRecord(checkout.name, kind)
    return SourceRecord(
        checkout.name,
        "git",
        url=repository.url,
        commit=repository.commit,
        branch=repository.branch,
        version=checkout.version,
        subdirectory=path_inside(checkout.path, repository.root),
        dirty=repository.dirty,
    )


def path_inside(path: Path, root: Path) -> str:
    """The way from ``root`` to ``path``, empty where they are the same."""
    way = path.resolve().relative_to(root.resolve()).as_posix()
    return "" if way == "." else way


def root_of(checkout: Checkout) -> Path:
    """Return the root of the source; the project may be a folder in it.

    For an archive it is the project's folder; other files of the archive are not stored.
    """
    return checkout.repository.root if checkout.repository else checkout.path


def capture_source(
    record: SourceRecord,
    checkout: Checkout,
    objects: Path,
    limit: guards.Limit,
    *,
    docker: bool,
    named: Sequence[str] | None = None,
) -> Captured:
    """Return ``record`` with all files that differ from the commit; all files if there is no commit.

    Args:
        named: files in the command of the run; None: the files it reads are observed instead.

    Raises:
        SourceError, OSError: git or the file system failed.
    """
    root = root_of(checkout)
    tree = (checkout.repository.tree if checkout.repository else _survey_folder(root)).flatten
    files = {**tree.files, **{path: Standing(word) for path, word in checkout.brought.items()}}
    if named is not None:
        from reprise.runner.capture.ignored import list_named, warn_of_ignored

        files |= dict.fromkeys(list_named(root, tree.ignored, named), Standing.IGNORED)
    if docker:
        files = _without_dockerignored(files, root, record.subdirectory)
    kept = keep_files(root, {**files, **dict.fromkeys(tree.large, Standing.HIDDEN)}, objects, limit)
    # Files left by earlier runs are not part of this run, unless it reads them.
    apart = {*tree.large, *(path for path, standing in files.items() if standing is Standing.LEFT)}
    left_out = [item for item in kept.left_out if item.path not in apart]
    large = {item.path: tree.large[item.path] for item in kept.left_out if item.path in tree.large}
    absent = {**tree.absent, **dict.fromkeys(tree.bare_modules, Standing.HIDDEN)}
    record = record._replace(
        dirty=bool(checkout.repository and checkout.repository.dirty),
        submodules=tuple(Submodule(item.path, item.commit, item.url) for item in tree.modules),
        files=kept.files,
        absent=tuple(Absent(path, standing) for path, standing in sorted(absent.items())),
        folders=tuple(sorted(_find_folders(checkout, root, tree, left_out))),
        pointers=tree.pointers,
        large=tuple(
            FileRecord(path, Content(f"sha256:{sha256}", size), standing=Standing.HIDDEN)
            for path, (sha256, size) in large.items()
        ),
        left_out=guards.sum_up(left_out),
    )
    if named is not None:
        warn_of_ignored(root, tree.ignored, {file.path for file in kept.files})
    return Captured(record, tuple(_make_notes(tree, checkout)))


def _survey_folder(root: Path) -> WorkTree:
    """Every file of a folder without git; without git on this machine also those that it would ignore."""
    if repositories.is_git_missing():
        return survey_folder(Setting(root))
    ignored, fault = list_ignored(root)
    return survey_folder(Setting(root, ignored=ignored, fault=fault))


def _without_dockerignored(
    files: Mapping[str, Standing], root: Path, subdirectory: str
) -> dict[str, Standing]:
    """Those of the commit, and those that come into the image."""
    try:
        ignored = frozenset(list_dockerignored(root, subdirectory))
    except SourceError:  # without git more is kept
        ignored = frozenset()
    of_commit = (Standing.CHANGED, Standing.HIDDEN)
    return {
        path: standing
        for path, standing in files.items()
        if standing in of_commit or not is_ignored(path, ignored)
    }


def _find_folders(checkout: Checkout, root: Path, tree: WorkTree, left_out: Iterable[LeftOut]) -> set[str]:
    """The folders that no kept file brings along; that of the runs is there too, and is not looked into."""
    stores = {base / paths.STORE_NAME for base in (root, checkout.path)}
    found = {
        f"{path_inside(store, root)}/" for store in stores if store.is_dir() and not store.is_symlink()
    }
    return {
        *tree.folders,
        *found,
        *(folder for item in left_out for folder in [*list_parents(item.path)][-1:]),
    }


def _make_notes(tree: WorkTree, checkout: Checkout) -> Iterator[str]:
    where = "files that are in no commit" if checkout.repository else "files of the folder"
    return (f"{where} are not stored completely: {fault}" for fault in tree.faults)
