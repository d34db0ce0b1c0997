"""The state of a source's files on this machine, as frozen values.

Paths are relative to the root, with ``/``; that of a folder ends with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from reprise.named_tuple import NamedTuple


class Standing(StrEnum):
    """What git knows of a file that is not as a plain checkout of the commit would have it."""

    CHANGED = "changed"
    """Git says so too."""
    HIDDEN = "hidden"
    """Git reports it as unchanged: it ignores the file, converts it, or ignores its mode."""
    ADDED = "added"
    """It is staged, and in no commit."""
    UNTRACKED = "untracked"
    IGNORED = "ignored"
    """A ``.gitignore`` names it; the run names it or has read it."""
    LEFT = "left behind"
    """It is untracked, and an earlier run has written it."""


APART = (Standing.IGNORED, Standing.LEFT)
"""Files that make no other source of a commit."""


class ModuleTree(NamedTuple):
    """A submodule that is checked out at ``commit``; the project's commit names ``named``."""

    path: str
    commit: str
    named: str
    url: str | None
    tree: WorkTree

    @property
    def is_moved(self) -> bool:
        """Whether another commit is checked out than the project's commit names."""
        return self.commit != self.named


class WorkTree(NamedTuple):
    """The files of a source, compared byte for byte with a plain checkout of its commit.

    A plain checkout is made by git with the attributes of the commit and without any configuration. Without
    a commit all files differ.

    ``files`` exist, but differ or are missing in the checkout. ``absent`` are missing files of the commit;
    a folder includes everything below. ``bare_modules`` are the folders of submodules that are not checked
    out. ``folders`` contain no file of the source. ``ignored`` are files and folders in a ``.gitignore``.
    ``pointers`` are files whose Git LFS content was not downloaded, ``large`` those with downloaded
    content, with the SHA-256 and the size in the commit. ``faults`` say what could not be read.
    """

    files: Mapping[str, Standing] = {}
    absent: Mapping[str, Standing] = {}
    folders: tuple[str, ...] = ()
    modules: tuple[ModuleTree, ...] = ()
    bare_modules: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    pointers: tuple[str, ...] = ()
    large: Mapping[str, tuple[str, int]] = {}
    faults: tuple[str, ...] = ()

    @property
    def flatten(self) -> WorkTree:
        """Return the state including submodules, also nested ones, with paths from the root."""
        found = self
        for module in self.modules:
            start, inside = f"{module.path}/", module.tree.flatten
            found = found._replace(
                files={**found.files, **{start + path: word for path, word in inside.files.items()}},
                absent={**found.absent, **{start + path: word for path, word in inside.absent.items()}},
                folders=(*found.folders, *(start + path for path in inside.folders)),
                modules=(
                    *found.modules,
                    *(below._replace(path=start + below.path) for below in inside.modules),
                ),
                bare_modules=(*found.bare_modules, *(start + path for path in inside.bare_modules)),
                ignored=(*found.ignored, *(start + path for path in inside.ignored)),
                pointers=(*found.pointers, *(start + path for path in inside.pointers)),
                large={**found.large, **{start + path: item for path, item in inside.large.items()}},
                faults=(*found.faults, *(f"{fault} (in {module.path})" for fault in inside.faults)),
            )
        return found

    @property
    def is_dirty(self) -> bool:
        """Return whether the files differ from the commit."""
        return bool(
            self.absent
            or any(standing not in APART for standing in self.files.values())
            or any(module.is_moved or module.tree.is_dirty for module in self.modules)
        )
