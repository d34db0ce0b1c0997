"""What a commit names and this machine does not have, said when a run starts, with what helps."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from reprise.runner.planning.guards import list_names
from reprise.runner.vcs import repositories
from reprise.schemas.job import Repository


def find_lacking(repository: Repository) -> Iterator[str]:
    """Sentences on submodules, large files and contents that are not here."""
    tree = repository.tree.flatten
    if tree.bare_modules:
        names = [path.rstrip("/") for path in tree.bare_modules]
        subject = (
            f"the submodule {names[0]} is" if len(names) == 1 else f"the submodules {list_names(names)} are"
        )
        yield f"{subject} not checked out (git submodule update --init --recursive)"
    if tree.pointers:
        install = "" if shutil.which("git-lfs") else "install git-lfs, then "
        what = "is a pointer" if len(tree.pointers) == 1 else "are pointers"
        yield f"{list_names(tree.pointers)} {what} of Git LFS and not the content ({install}git lfs pull)"
    if repository.is_partial and repository.commit and (number := _count_missing(repository)):
        subject = "1 object is" if number == 1 else f"{number} objects are"
        commit = repository.commit[:12]
        yield (
            f"this is a partial clone: {subject} not on this machine, and the run keeps no copy of commit "
            f"{commit} (git fetch --refetch --no-filter)"
        )


def _count_missing(repository: Repository) -> int:
    arguments = ("rev-list", "--objects", "--missing=print", "--no-walk", str(repository.commit))
    return sum(
        line.startswith("?") for line in repositories.ask_git(repository.root, *arguments).text.splitlines()
    )
