"""Which files belong to a source: those that git does not track, or all of a folder without git."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from reprise import paths, process
from reprise.errors import SourceError
from reprise.runner import git

_MOST = 10_000  # files
_SECONDS = 5.0
_NEVER = """
.git .hg .svn mlruns mlartifacts .venv venv __pycache__ .pytest_cache .mypy_cache .ruff_cache .tox .nox
.ipynb_checkpoints node_modules .cache .DS_Store *.pyc
""".strip()
"""What is made by running, in a folder without a .gitignore that says so."""

_DOCKERIGNORE = ".dockerignore"


class Listing(NamedTuple):
    """``names`` are relative to the root, with ``/``; ``fault`` says why they are not all."""

    names: tuple[str, ...]
    fault: str | None = None


def untracked(root: Path, subdirectory: str, *, docker: bool) -> Listing:
    """The files of the work tree ``root`` that git neither tracks nor ignores."""
    return _listed(["ls-files", "-z", "--others", "--exclude-standard"], root, subdirectory, docker)


def all_of(root: Path, *, docker: bool) -> Listing:
    """The files below a folder without git, as its ``.gitignore`` files would have it."""
    nothing = _empty_repository()
    arguments = [f"--git-dir={nothing}", f"--work-tree={root}", "ls-files", "-z", "--others"]
    arguments += ["--exclude-per-directory=.gitignore", *(f"--exclude={name}" for name in _NEVER.split())]
    found = _listed(arguments, root, "", docker)
    made = tuple(f"{name[: -len('pyvenv.cfg')]}" for name in found.names if name.endswith("/pyvenv.cfg"))
    return found._replace(names=tuple(name for name in found.names if not name.startswith(made)))


def _listed(arguments: Sequence[str], root: Path, subdirectory: str, docker: bool) -> Listing:
    ignoring = root / subdirectory / _DOCKERIGNORE
    if not (docker and ignoring.is_file()):
        return _stream(arguments, root)
    patterns = "".join(f"{line}\n" for line in _as_gitignore(ignoring, subdirectory))
    file = paths.cache_dir() / "ignoring-v1" / os.urandom(8).hex()
    try:
        paths.write_atomically(file, patterns)
        return _stream([*arguments, f"--exclude-from={file}"], root)
    finally:
        file.unlink(missing_ok=True)


def _as_gitignore(file: Path, subdirectory: str) -> Iterator[str]:
    """docker's patterns start at the folder of the file, while git's without a slash hold anywhere."""
    start = f"/{subdirectory}/" if subdirectory else "/"
    for line in file.read_text("utf-8", "replace").splitlines():
        pattern = line.strip()
        if pattern and not pattern.startswith("#"):
            kept = "!" if pattern.startswith("!") else ""
            yield f"{kept}{start}{pattern.removeprefix('!').strip().removeprefix('./').strip('/')}"


def _stream(arguments: Sequence[str], root: Path) -> Listing:
    """What git lists, up to a number and a time that nobody minds.

    Raises:
        SourceError: git cannot list the folder.
    """
    data = bytearray()
    with process.start(["git", *arguments], cwd=root, environ=git.environment()) as child:
        assert child.stdout is not None and child.stderr is not None
        late = threading.Timer(_SECONDS, child.kill)
        late.start()
        while (piece := os.read(child.stdout.fileno(), 1 << 16)) and data.count(0) <= _MOST:
            data += piece
        too_many = data.count(0) > _MOST
        if too_many:
            child.kill()
        late.cancel()
        said = b"" if too_many else child.stderr.read()
        code = 0 if too_many else process.exit_code(child, "git")
    names = tuple(os.fsdecode(name) for name in bytes(data).split(b"\0")[:-1][:_MOST])
    if too_many:
        return Listing(names, f"there are more than {_MOST} files")
    if code < 0:
        return Listing(names, f"to list them took longer than {_SECONDS:g} s")
    if code != 0:
        raise SourceError(f"git cannot list the files of {root}: {git.reason(os.fsdecode(said))}")
    return Listing(names)


def _empty_repository() -> Path:
    """A repository with nothing in it, for git to read ``.gitignore`` files where there is none."""
    folder = paths.cache_dir() / "empty-v1.git"
    if not (folder / "HEAD").exists():
        for name in ("objects", "refs"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        paths.write_atomically(folder / "HEAD", "ref: refs/heads/none\n")
    return folder
