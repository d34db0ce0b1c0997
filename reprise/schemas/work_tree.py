"""How the files of a source lie on this machine, as frozen values.

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
    """Git calls it unchanged: it was told not to look, or converts the file, or does not mind its mode."""
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

    A plain checkout is the one that git makes with the attributes of the commit and without anybody's
    configuration. Without a commit all files differ from it, for there is none.

    ``files`` lie there, and otherwise or not at all in the checkout. ``absent`` are those of the commit
    that do not lie there; a folder stands for all below. ``bare_modules`` are the folders of submodules
    that are not checked out. ``folders`` hold no file that the source brings along. ``ignored`` are files
    and folders that a ``.gitignore`` names. ``pointers`` are files whose content Git LFS was to fetch,
    ``large`` those that it has fetched, with the SHA-256 and the size that the commit names. ``faults`` say
    what could not be read.
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
        """With what lies in submodules, and in those in them, by paths from the root."""
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
        """Whether the commit alone does not say what lies there."""
        return bool(
            self.absent
            or any(standing not in APART for standing in self.files.values())
            or any(module.is_moved or module.tree.is_dirty for module in self.modules)
        )
