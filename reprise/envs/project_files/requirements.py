"""The requirement lines of a project, read as pip reads them and written as uv reads them.

uv does the resolving. What is found here decides when it has to: the contents of the files that the
lines refer to, the local projects they install, and the index options they bring along.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from reprise.envs.project_files.requirement_text import expand_variables, join_lines
from reprise.named_tuple import NamedTuple
from reprise.schemas.environment import Package

NAME = re.compile(r"[A-Za-z0-9][\w.\-]*")
HASH = re.compile(r"--hash[=\s]+(\w+:[0-9a-f]+)")
URL = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://|git\+|hg\+|svn\+|bzr\+")
_ARCHIVES = (".whl", ".tar.gz", ".zip", ".tar.bz2", ".tgz")


class LocalProject(NamedTuple):
    """A project folder, or an archive, that is installed from this machine."""

    path: Path
    editable: bool


class RequirementOrigin(NamedTuple):
    """Where a line is written: ``number`` from 1, None where the file does not say it in so many words."""

    file: Path | None
    number: int | None
    text: str


class Requirements(NamedTuple):
    """What a project asks for.

    ``lines`` are for uv, which runs in the project's root: includes are replaced by what they hold, and
    variables by their values. ``origins`` say where each is written. ``files`` are all that is included,
    in order, with their texts; ``sources`` the index options; ``hashes`` the pairs of a package's name and
    a hash written for it. ``options`` are for ``uv pip compile``, ``variables`` the names and values that
    were put in, ``notes`` what is done in another way than written, a sentence each.
    """

    lines: tuple[str, ...]
    files: tuple[tuple[Path, str], ...] = ()
    sources: tuple[str, ...] = ()
    local: tuple[LocalProject, ...] = ()
    hashes: tuple[tuple[str, str], ...] = ()
    constraints: tuple[str, ...] = ()
    origins: tuple[RequirementOrigin, ...] = ()
    options: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """All that was read."""
        return (*self.lines, *(text for _, text in self.files))


def list_pinned(lines: Iterable[str], local: Iterable[Mapping[str, Any]] = ()) -> tuple[Package, ...]:
    """The packages that resolved ``lines`` pin, by name: ``name==1.0`` or ``name @ URL``, with hashes.

    Projects that are installed by their path alone are called by it; ``local`` are their digests. One that
    was linked to its folder, and is a copy now, has that of its build files, as the linked one has.
    """
    digests = {project["path"]: f"sha256:{project.get('linked') or project['digest']}" for project in local}
    found = []
    for line in join_lines(lines):
        bare = line.removeprefix("-e ").strip()
        if bare.startswith((".", "/")):
            path = bare.partition(" --hash")[0].strip()
            hashes = (digests[path],) if path in digests else tuple(HASH.findall(line))
            found.append(Package(path, "", "pypi", origin=path, hashes=hashes))
            continue
        head = re.split(r"\s+(?:;|--hash)", bare, maxsplit=1)[0].strip()
        name, _, rest = head.partition("==" if "==" in head and "://" not in head else "@")
        if line.startswith("--") or not NAME.match(head):
            continue
        version, origin = (rest.strip(), "") if "==" in head and "://" not in head else ("", rest.strip())
        hashes = tuple(HASH.findall(line))
        found.append(Package(name.strip(), version, "pypi", origin=origin, hashes=hashes))
    return tuple(sorted(found, key=lambda package: canonical_name(package.name)))


def canonical_name(name: str) -> str:
    """The one spelling of a package's name."""
    return re.sub(r"[-_.]+", "-", name).lower()


def local_path(text: str, root: Path, *, editable: bool) -> Path | None:
    """The folder or archive that a requirement names on this machine, or None."""
    bare = re.split(r"\s+--hash", expand_variables(text, root), maxsplit=1)[0].strip()
    # A URL may contain a semicolon; a marker is separated from it.
    bare = re.split(r"\s+;" if URL.search(bare) else r"\s*;", bare, maxsplit=1)[0].strip()
    if "@" in bare and (url := bare.partition("@")[2].strip()).startswith("file:"):
        bare = url
    if bare.startswith("file:"):
        return Path(unquote(urlsplit(bare.partition("#")[0]).path))
    bare = re.sub(r"\[[^\]]*\]$", "", bare)
    if URL.match(bare) or "@" in bare:
        return None
    if editable or bare.startswith((".", "/")) or "/" in bare or bare.endswith(_ARCHIVES):
        return root / bare
    return None
