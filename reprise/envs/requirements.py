"""The requirement lines of a project, read as far as we must: which files and projects they name.

uv does the resolving. What is found here decides when it has to: the contents of the files that the
lines refer to, the local projects they install, and the index options they bring along.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from reprise.errors import ProjectError
from reprise.schemas.environment import Package

_INCLUDES = {"-r": "-r", "--requirement": "-r", "-c": "-c", "--constraint": "-c"}
_EDITABLES = {"-e", "--editable"}
# Options that decide where and in which form packages are fetched: needed to install as well.
_SOURCES = {
    "-i": "--index-url",
    "--index-url": "--index-url",
    "--extra-index-url": "--extra-index-url",
    "-f": "--find-links",
    "--find-links": "--find-links",
    "--no-index": "--no-index",
    "--no-binary": "--no-binary",
    "--only-binary": "--only-binary",
}
_OPTION = re.compile(r"(?P<name>--[a-z-]+(?=[\s=]|$)|-[a-z])[\s=]*(?P<value>.*)")
NAME = re.compile(r"[A-Za-z0-9][\w.\-]*")
HASH = re.compile(r"--hash[=\s]+(\w+:[0-9a-f]+)")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://|git\+|hg\+|svn\+|bzr\+")
_VCS = re.compile(r"(?:git|hg|svn|bzr)\+")
_EDITABLE_VCS = re.compile(r"(?:-e|--editable)[\s=]*(?:git|hg|svn|bzr)\+")
_EGG = re.compile(r"#.*?\begg=(?P<name>[A-Za-z0-9][\w.\-]*)(?P<extras>\[[^\]]*\])?")
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
_ARCHIVES = (".whl", ".tar.gz", ".zip", ".tar.bz2", ".tgz")


class LocalProject(NamedTuple):
    """A project folder, or an archive, that is installed from this machine."""

    path: Path
    editable: bool


class Requirements(NamedTuple):
    """``lines`` mean the same from any folder as long as uv runs in the project's root.

    ``files`` are all that is included, in order, with their texts; ``sources`` the index options;
    ``hashes`` the pairs of a package's name and a hash written for it.
    """

    lines: tuple[str, ...]
    files: tuple[tuple[Path, str], ...]
    sources: tuple[str, ...]
    local: tuple[LocalProject, ...]
    hashes: tuple[tuple[str, str], ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """All that was read."""
        return (*self.lines, *(text for _, text in self.files))


def read(lines: Iterable[str], root: Path, named_in: Path | None) -> Requirements:
    """Read ``lines`` of ``named_in``, whose includes are relative to ``root``.

    Raises:
        ProjectError: a file or local project that is named does not exist.
    """
    found = _Found(root)
    own = [found.line(line, root, named_in or root) for line in logical(lines)]
    return Requirements(
        lines=tuple(line for lines in own for line in lines),
        files=tuple(found.files.items()),
        sources=tuple(dict.fromkeys(found.sources)),
        local=tuple(dict.fromkeys(found.local)),
        hashes=tuple(dict.fromkeys(found.hashes)),
    )


def pinned(lines: Iterable[str], local: Iterable[Mapping[str, Any]] = ()) -> tuple[Package, ...]:
    """The packages that resolved ``lines`` pin, by name: ``name==1.0`` or ``name @ URL``, with hashes.

    Projects that are installed by their path alone are called by it; ``local`` are their digests. One that
    was linked to its folder, and is a copy now, has that of its build files, as the linked one has.
    """
    digests = {project["path"]: f"sha256:{project.get('linked') or project['digest']}" for project in local}
    found = []
    for line in logical(lines):
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
    return tuple(sorted(found, key=lambda package: canonical(package.name)))


def canonical(name: str) -> str:
    """The one spelling of a package's name."""
    return re.sub(r"[-_.]+", "-", name).lower()


class _Found:
    """What was met so far; includes may include each other, and each is read once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: dict[Path, str] = {}
        self.sources: list[str] = []
        self.local: list[LocalProject] = []
        self.hashes: list[tuple[str, str]] = []
        self.rewritten: dict[Path, list[str]] = {}

    def line(self, line: str, folder: Path, named_in: Path) -> list[str]:
        """Take in one logical line; returns it as uv takes it, with absolute paths of files."""
        option = _OPTION.fullmatch(line)
        if option is None:
            self._requirement(line, named_in)
            return [line]
        name, value = option["name"], option["value"].strip()
        if name in _INCLUDES:
            return self._include(_INCLUDES[name], value, folder, named_in)
        if name in _EDITABLES:
            if _VCS.match(value):
                return [_named(value)]
            self._requirement(value, named_in, editable=True)
        elif name in _SOURCES:
            source = _source(_SOURCES[name], value, folder, named_in)
            self.sources.append(source)
            return [source]
        return [line]

    def _include(self, option: str, value: str, folder: Path, named_in: Path) -> list[str]:
        """The include itself; where uv would refuse a line of the file, what the file says instead."""
        if _URL.match(value):
            return [f"{option} {value}"]
        path = folder / value
        if path not in self.files:
            try:
                text = path.read_text(encoding="utf-8-sig")
            except FileNotFoundError:
                raise _missing(f"{option} {value}", path, named_in) from None
            except (OSError, UnicodeError) as error:
                raise ProjectError(f'{named_in}: "{option} {value}" cannot be read: {error}') from error
            self.files[path] = text
            known = len(self.rewritten)
            own = [self.line(line, path.parent, path) for line in logical(text.splitlines())]
            if len(self.rewritten) > known or any(map(_EDITABLE_VCS.match, logical(text.splitlines()))):
                self.rewritten[path] = [line for lines in own for line in lines]
        if option == "-r" and path in self.rewritten:
            return self.rewritten[path]
        return [f"{option} {path}"]

    def _requirement(self, text: str, named_in: Path, *, editable: bool = False) -> None:
        if name := NAME.match(text):
            self.hashes += [(canonical(name[0]), value) for value in HASH.findall(text)]
        path = local_path(text, self.root, editable=editable)
        if path is None:
            return
        if not path.exists():
            raise _missing(text, path, named_in)
        self.local.append(LocalProject(path, editable))


def _source(option: str, value: str, folder: Path, named_in: Path) -> str:
    if option == "--find-links" and not _URL.match(value):
        path = folder / expanded(value, folder)
        if not path.exists():
            raise _missing(f"{option} {value}", path, named_in)
        value = str(path)
    return f"{option} {value}".strip()


def _named(url: str) -> str:
    """A repository that pip would keep as an editable checkout, as the plain requirement that uv takes."""
    egg = _EGG.search(url)
    if egg is None:
        return url
    bare, _, fragment = url.partition("#")
    kept = "&".join(part for part in fragment.split("&") if not part.startswith("egg="))
    return f"{egg['name']}{egg['extras'] or ''} @ {bare}{'#' + kept if kept else ''}"


def local_path(text: str, root: Path, *, editable: bool) -> Path | None:
    """The folder or archive that a requirement names on this machine, or None."""
    bare = re.split(r"\s+;|\s+--hash", expanded(text, root), maxsplit=1)[0].strip()
    if "@" in bare and (url := bare.partition("@")[2].strip()).startswith("file:"):
        bare = url
    if bare.startswith("file:"):
        return Path(unquote(urlsplit(bare.partition("#")[0]).path))
    bare = re.sub(r"\[[^\]]*\]$", "", bare)
    if _URL.match(bare) or "@" in bare:
        return None
    if editable or bare.startswith((".", "/")) or "/" in bare or bare.endswith(_ARCHIVES):
        return root / bare
    return None


def expanded(text: str, root: Path) -> str:
    """``text`` with its variables, as pip and uv read them; those that are not set stay."""
    values = {**os.environ, "PROJECT_ROOT": str(root)}
    return _VARIABLE.sub(lambda found: values.get(found[1], found[0]), text)


def _missing(line: str, path: Path, named_in: Path) -> ProjectError:
    return ProjectError(f'{named_in}: "{line}" names {path}, which does not exist')


def logical(lines: Iterable[str]) -> Iterator[str]:
    r"""Lines without comments and blanks; ``\`` at the end joins the next one."""
    joined = ""
    for line in lines:
        joined += re.sub(r"(^|\s+)#.*$", "", line.rstrip())
        if joined.endswith("\\"):
            joined = joined[:-1] + " "
            continue
        if joined.strip():
            yield joined.strip()
        joined = ""
    if joined.strip():
        yield joined.strip()
