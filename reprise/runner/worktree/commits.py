"""The files of a commit, and how a plain checkout of some of them looks."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from reprise import process
from reprise.errors import SourceError
from reprise.named_tuple import NamedTuple
from reprise.runner.vcs import git, repositories

GITLINK = "160000"
ATTRIBUTES = ".gitattributes"

_SHA256 = 64  # digits of an id in a repository of that kind


class TrackedFile(NamedTuple):
    """A file of a commit: its mode in git's words, and the id of its content."""

    mode: str
    id: str


def list_files(root: Path, commit: str) -> dict[str, TrackedFile]:
    """The files, links and submodules of a commit, by path.

    Raises:
        SourceError: the commit is not complete.
    """
    listing = repositories.demand_git(root, "ls-tree", "-r", "-z", "--full-tree", commit)
    found = {}
    for entry in os.fsdecode(listing).split("\0"):
        if entry:
            facts, _, path = entry.partition("\t")
            mode, _, id = facts.split(" ")
            found[path] = TrackedFile(mode, id)
    return found


def is_attributes(path: str) -> bool:
    """Whether a file says how git converts others."""
    return path == ATTRIBUTES or path.endswith(f"/{ATTRIBUTES}")


def id_of(data: bytes, like: str) -> str:
    """The id of a file's content, in a repository that has ids such as ``like``."""
    made = hashlib.sha256() if len(like) == _SHA256 else hashlib.sha1(usedforsecurity=False)
    made.update(b"blob %d\0" % len(data))
    made.update(data)
    return made.hexdigest()


def write_plainly(root: Path, files: Mapping[str, TrackedFile], folder: Path) -> Path:
    """Write some files of the repository ``root`` as a plain checkout has them, into a new ``folder``.

    Git does it in our own repository, with the attributes in ``files`` and no other configuration. Return
    their paths, without files whose content is missing.

    Raises:
        SourceError: git cannot do it.
    """
    where = repositories.demand_git(root, "rev-parse", "--path-format=absolute", "--git-path", "objects")
    own, tree = folder / "git", folder / "tree"
    kind = "sha256" if any(len(item.id) == _SHA256 for item in files.values()) else "sha1"
    for path in (own / "refs", own / "info", tree):
        path.mkdir(parents=True)
    (own / "HEAD").write_text("ref: refs/heads/none\n")
    (own / "config").write_text(
        "[core]\n\trepositoryFormatVersion = 1\n\tattributesFile = /dev/null\n"
        f"[extensions]\n\tobjectFormat = {kind}\n"
    )
    (own / "info" / "attributes").write_text("* -filter\n")
    environ = git.make_environment(protocols="none") | {
        "GIT_DIR": str(own),
        "GIT_WORK_TREE": str(tree),
        "GIT_OBJECT_DIRECTORY": os.fsdecode(where.rstrip(b"\n")),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_ATTR_NOSYSTEM": "1",
    }
    index = "".join(f"{item.mode} {item.id}\t{path}\0" for path, item in files.items())
    for arguments, given in (
        (("update-index", "-z", "--index-info"), os.fsencode(index)),
        (("checkout-index", "--all", "--force", "--quiet"), b""),
    ):
        done = process.run(["git", *arguments], cwd=tree, environ=environ, check=False, stdin=given)
        if arguments[0] == "update-index" and done.exit_code != 0:
            raise SourceError(f"git cannot read {root}: {git.find_reason(done.stderr)}")
    return tree
