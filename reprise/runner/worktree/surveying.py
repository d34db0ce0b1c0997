"""Survey a work tree: everything in it that a plain checkout of its commit would not restore."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from reprise.named_tuple import NamedTuple
from reprise.runner.worktree.ambiguous import Seen
from reprise.runner.worktree.walking import (
    Walk,
    find_ignored_links,
    folders_below,
    is_made_by_running,
    list_parents,
    walk_folder,
)
from reprise.runner.worktree.written import key_of, read_written
from reprise.schemas.work_tree import ModuleTree, Standing, WorkTree

# What compares files is imported where it is needed: most runs start in a tree that was seen to be clean.
if TYPE_CHECKING:
    from reprise.runner.worktree.commits import TrackedFile

_MOST = 10_000  # files that are in no commit
_ENTRIES = 1_000  # that are looked at in folders that are ignored

LookIntoModule = Callable[[str, str], ModuleTree | None]
"""Returns the state of a submodule for its path and commit in the project. None: not checked out."""


class Setting(NamedTuple):
    """What is known of a folder before it is looked into.

    ``ignored`` are the files and folders that a ``.gitignore`` names; ``fault`` says why that is not known,
    and then nothing that is in no commit counts as source. ``minds_modes``: git looks at the permission to
    execute.
    """

    root: Path
    commit: str | None = None
    ignored: tuple[str, ...] = ()
    fault: str | None = None
    minds_modes: bool = True


def survey_folder(setting: Setting, look: LookIntoModule = lambda path, commit: None) -> WorkTree:
    """The files of a folder, compared with its commit where it has one.

    Raises:
        SourceError: git cannot show the commit.
    """
    root, commit = setting.root, setting.commit
    walk = walk_folder(str(root), frozenset(setting.ignored))
    found = WorkTree(
        ignored=tuple(path for path in setting.ignored if not is_made_by_running(path)),
        faults=tuple(filter(None, (setting.fault, *walk.faults))),
    )
    if commit is None:
        return _with_untracked(found, setting, walk, {})
    seen = Seen(root, commit, walk)
    if seen.is_clean:
        return found._replace(folders=_empty_folders(root, found, walk, walk.files))
    from reprise.runner.worktree.commits import list_files

    tracked = list_files(root, commit)
    found = _with_tracked(found, setting, walk, tracked)
    found = _with_modules(found, setting, walk, tracked, look)
    found = _with_untracked(found, setting, walk, tracked)
    if (
        found == WorkTree(ignored=found.ignored, folders=found.folders)
        and walk.files.keys() == tracked.keys()
    ):
        seen.note_clean()
    return found


def _with_tracked(
    found: WorkTree, setting: Setting, walk: Walk, tracked: Mapping[str, TrackedFile]
) -> WorkTree:
    """Add the files of the commit that differ or are missing."""
    from reprise.runner.worktree.commits import is_attributes
    from reprise.runner.worktree.comparing import compare_files
    from reprise.runner.worktree.large_files import find_pointers
    from reprise.runner.worktree.standings import find_standings

    root = setting.root
    compared = compare_files(root, tracked, walk.files, modes=_keeps_modes(root))
    differing = [*compared.changed, *compared.absent]
    said = find_standings(root, differing, tracked, walk.files, minds_modes=setting.minds_modes)
    pointers = find_pointers(root, walk.files, filter(is_attributes, tracked))
    return found._replace(
        files={path: said[path] for path in compared.changed},
        absent=_by_folder({path: said[path] for path in compared.absent}, tracked),
        large=compared.large,
        pointers=tuple(pointers),
    )


def _with_modules(
    found: WorkTree, setting: Setting, walk: Walk, tracked: Mapping[str, TrackedFile], look: LookIntoModule
) -> WorkTree:
    """With the submodules, also those that are not checked out, or are added and not committed."""
    from reprise.runner.worktree.commits import GITLINK
    from reprise.runner.worktree.standings import list_added_modules

    links = {path: item.id for path, item in tracked.items() if item.mode == GITLINK}
    others = [path for path in (name.rstrip("/") for name in walk.repositories) if path not in tracked]
    links |= list_added_modules(setting.root, others)
    looked = {path: look(path, commit) for path, commit in links.items()}
    return found._replace(
        modules=tuple(module for module in looked.values() if module),
        bare_modules=tuple(f"{path}/" for path, module in looked.items() if module is None),
    )


def _with_untracked(
    found: WorkTree, setting: Setting, walk: Walk, tracked: Mapping[str, TrackedFile]
) -> WorkTree:
    """Add files that are not in a commit, and folders that contain nothing else."""
    names: list[str] = []
    if setting.fault is None:
        names = [path for path, state in walk.files.items() if path not in tracked and _is_kept(state)]
        modules = {module.path for module in found.modules}
        names += [path for path in walk.repositories if path.rstrip("/") not in {*tracked, *modules}]
    faults = [f"there are more than {_MOST} files"] if len(names) > _MOST else []
    names = sorted(names)[:_MOST]
    standing = dict.fromkeys(names, Standing.UNTRACKED)
    if setting.commit is not None:
        from reprise.runner.worktree.standings import find_standings

        standing = find_standings(setting.root, names, {}, walk.files, minds_modes=False)
    left = read_written(setting.root) if names else {}
    standing |= {
        path: Standing.LEFT
        for path in names
        if path in left and path in walk.files and left[path] == key_of(walk.files[path])
    }
    links = find_ignored_links(str(setting.root), found.ignored, _ENTRIES)
    standing |= dict.fromkeys(links, Standing.IGNORED)
    return found._replace(
        files={**found.files, **standing},
        folders=_empty_folders(setting.root, found, walk, [*(walk.files.keys() & tracked.keys()), *names]),
        faults=(*found.faults, *faults),
    )


def _is_kept(state: os.stat_result) -> bool:
    """Whether it is a file or a link: git passes over pipes and sockets too."""
    return stat.S_ISREG(state.st_mode) or stat.S_ISLNK(state.st_mode)


def _empty_folders(root: Path, found: WorkTree, walk: Walk, files: Iterable[str]) -> tuple[str, ...]:
    """Return the folders without files of the source."""
    direct = {path.rpartition("/")[0] for path in files}
    filled = {folder for path in direct for folder in list_parents(f"{path}/.")}
    ignored = [path for path in found.ignored if path.endswith("/")]
    there = {*walk.folders, *folders_below(str(root), ignored, _ENTRIES)}
    empty = sorted(there - filled - set(walk.repositories))
    return tuple(_keep_innermost(empty))


def _keep_innermost(folders: Iterable[str]) -> Iterator[str]:
    """Remove folders that contain others of ``folders``, which are sorted."""
    last = ""
    for folder in folders:
        if last and not folder.startswith(last):
            yield last
        last = folder
    if last:
        yield last


def _by_folder(absent: Mapping[str, Standing], tracked: Iterable[str]) -> dict[str, Standing]:
    """A folder in place of its files, where all of them are absent and of one standing."""
    if not absent:
        return {}
    whole = Counter(folder for path in tracked for folder in list_parents(path))
    gone = Counter((folder, standing) for path, standing in absent.items() for folder in list_parents(path))

    def find_outermost(path: str, standing: Standing) -> str:
        gaps = (folder for folder in list_parents(path) if gone[folder, standing] == whole[folder])
        return next(gaps, path)

    return {find_outermost(path, standing): standing for path, standing in absent.items()}


def _keeps_modes(root: Path) -> bool:
    """Whether the file system keeps the permission to execute: git never gives it to files of its own."""
    git_folder = root / ".git"
    file = git_folder if git_folder.is_file() else git_folder / "HEAD"
    try:
        return not file.stat().st_mode & stat.S_IXUSR
    except OSError:
        return True
