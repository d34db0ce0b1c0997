"""Check whether an environment is unchanged: its packages, and every file of them.

The files of a package are in its ``RECORD`` (wheels) or in ``conda-meta/*.json``. Compiled modules are not
damage, and a project installed as a link to its sources may change.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from reprise.named_tuple import NamedTuple
from reprise.schemas.json_text import read_json

_NAMED = 4
_SITE = "lib/python*/site-packages"
_CONDA = "conda-meta"
_DISTRIBUTION = r"(?P<name>[^-]+)-(?P<version>[^-]+)\.dist-info"
_CONDA_PACKAGE = r"(?P<name>.+)-(?P<version>[^-]+)-[^-]+\.json"


class Damage(NamedTuple):
    """A file, relative to the environment, that is not what ``package`` (name and version) says."""

    package: str
    file: str
    what: str

    def __str__(self) -> str:
        return f"{self.file} of {self.package} {self.what}"


class File(NamedTuple):
    """What a package says of a file, None where it says nothing.

    ``sha256`` is in hexadecimal digits (conda), or in base64 without padding (wheels). ``readable``: False
    for a package's own list of files that is none.
    """

    package: str
    path: str
    size: int | None
    sha256: str | None
    readable: bool = True


def list_packages(prefix: Path) -> dict[str, list[str]]:
    """The names at the top of each folder that holds packages, by the folder's place in ``prefix``."""
    folders = [*prefix.glob(_SITE), *prefix.glob(_CONDA)]
    places = [folder.relative_to(prefix).as_posix() for folder in folders]
    return {place: sorted(_names_in(f"{prefix}/{place}")) for place in places}


def find_change(prefix: Path, contents: Mapping[str, list[str]]) -> str | None:
    """A sentence when packages were added, removed or replaced since ``contents`` was taken."""
    gone: set[str] = set()
    new: set[str] = set()
    for place, names in contents.items():
        try:
            found = _names_in(f"{prefix}/{place}")
        except OSError:
            return f"its folder {place} was removed"
        gone |= set(names) - found
        new |= found - set(names)
    if not gone and not new:
        return None
    return f"its packages were changed: {_describe_difference(gone, new)}"


def find_damage(prefix: Path, *, hashes: bool = False) -> Iterator[Damage]:
    """Every file that is missing or has another size, or (``hashes``) another content."""
    for file in list_files(prefix):
        if wrong := _find_wrong(f"{prefix}/{file.path}", file, hashes=hashes):
            yield Damage(file.package, file.path, wrong)


def list_files(prefix: Path) -> Iterator[File]:
    """What the installed packages say of their files, but for compiled modules."""
    by_conda = [
        file for path in sorted(prefix.glob(f"{_CONDA}/*.json")) for file in _files_of(prefix, path)
    ]
    yield from by_conda
    records = {file.path for file in by_conda if file.path.endswith("/RECORD")}
    for record in sorted(prefix.glob(f"{_SITE}/*.dist-info/RECORD")):
        if record.relative_to(prefix).as_posix() not in records and not _is_linked(record.parent):
            yield from _files_of(prefix, record)


def _files_of(prefix: Path, path: Path) -> list[File]:
    """The files that a package lists at ``path``; that one alone when it cannot be read."""
    read = _wheel_files if path.name == "RECORD" else _conda_files
    try:
        return list(read(prefix, path))
    except Exception:  # the file may have any content
        place = path.relative_to(prefix).as_posix()
        return [File(_package_of(path), place, None, None, readable=False)]


def _package_of(path: Path) -> str:
    """Name and version of the package that lists its files at ``path``."""
    if path.name == "RECORD":
        return re.sub(_DISTRIBUTION, r"\g<name> \g<version>", path.parent.name)
    return re.sub(_CONDA_PACKAGE, r"\g<name> \g<version>", path.name)


def _names_in(folder: str) -> set[str]:
    with os.scandir(folder) as entries:
        names = {entry.name for entry in entries}
    return {name for name in names if name != "__pycache__" and not name.endswith(".pyc")}


def _describe_difference(gone: set[str], new: set[str]) -> str:
    before, now = dict(_split_names(gone)), dict(_split_names(new))
    if not before and not now:  # no whole package: then the files themselves
        before, now = dict.fromkeys(gone, ""), dict.fromkeys(new, "")
    told = []
    for name in sorted({*before, *now}):
        if name in before and name in now:
            told.append(f"{name} {before[name]} is now {now[name]}")
        else:
            version = before.get(name) or now.get(name, "")
            told.append(f"{name} {version}".rstrip() + (" was removed" if name in before else " is new"))
    return enumerate_few(told)


def enumerate_few(sentences: Iterable[object]) -> str:
    """The first few, and how many more there are."""
    told = [str(sentence) for sentence in sentences]
    rest = f" and {len(told) - _NAMED} more" if len(told) > _NAMED else ""
    return ", ".join(told[:_NAMED]) + rest


def _split_names(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    for name in names:
        if found := re.fullmatch(_DISTRIBUTION, name) or re.fullmatch(_CONDA_PACKAGE, name):
            yield found["name"], found["version"]


def _find_wrong(path: str, file: File, *, hashes: bool) -> str | None:
    if not file.readable:
        return "cannot be read"
    try:
        found = os.stat(path)  # noqa: PTH116 - for thousands of files
    except ValueError:
        return "is not a file"
    except OSError:
        # a link may lead to a file of another package, or to nothing
        return None if Path(path).is_symlink() else "was removed"
    if file.size is not None and found.st_size != file.size:
        return f"has {found.st_size} bytes, not {file.size}"
    if hashes and file.sha256 is not None and file.sha256 not in _hash_file(path):
        return "has another content"
    return None


def _hash_file(path: str) -> tuple[str, str]:
    """The hash of a file in both of its spellings."""
    import base64
    import hashlib

    with open(path, "rb") as stream:  # noqa: PTH123 - for thousands of files
        found = hashlib.file_digest(stream, "sha256").digest()
    return found.hex(), base64.urlsafe_b64encode(found).decode().rstrip("=")


def _is_linked(info: Path) -> bool:
    """Whether a distribution was installed from a folder of this machine."""
    try:
        return "dir_info" in read_json((info / "direct_url.json").read_bytes())
    except (OSError, ValueError):
        return False


def _wheel_files(prefix: Path, record: Path) -> Iterator[File]:
    import csv

    site = record.parent.parent.relative_to(prefix).as_posix()
    package = _package_of(record)
    with record.open(encoding="utf-8", errors="surrogateescape", newline="") as lines:
        for row in csv.reader(lines):
            if not row or row[0].endswith(".pyc") or os.path.isabs(row[0]):  # noqa: PTH117
                continue
            path, hash_, size = (*row, "", "")[:3]
            inside = f"{site}/{path}"
            if ".." in path:
                inside = os.path.normpath(inside)
            algorithm, _, value = hash_.partition("=")
            sha256 = value if algorithm == "sha256" else None
            yield File(package, inside, int(size) if size.isdigit() else None, sha256)


def _conda_files(prefix: Path, path: Path) -> Iterator[File]:
    facts = read_json(path.read_bytes())
    package = f"{facts['name']} {facts['version']}"
    for entry in facts.get("paths_data", {}).get("paths", ()):
        if entry["_path"].endswith(".pyc") or entry.get("path_type") == "directory":
            continue
        # a file in which the prefix was put has another size and content than in the package
        sha256, size = entry.get("sha256_in_prefix"), None
        if not entry.get("prefix_placeholder") and entry.get("path_type") != "softlink":
            sha256, size = sha256 or entry.get("sha256"), entry.get("size_in_bytes")
        yield File(package, entry["_path"], size, sha256)
