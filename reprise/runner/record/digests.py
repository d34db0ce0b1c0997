"""Digests of files and folders; digests of unchanged files are cached."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from reprise import durable, paths
from reprise.named_tuple import NamedTuple

FOLDER = "digests-v1"

_SETTLED = 2 * 10**9  # ns: a file that changed later may change again without new times


class FileDigest(NamedTuple):
    """``sha256`` in hex, ``size`` in bytes."""

    sha256: str
    size: int


class Memory:
    """Cached digests of files below ``root``.

    ``purpose`` keeps digests of another kind apart, such as git's own.
    """

    def __init__(self, root: Path, purpose: str = "") -> None:
        name = hashlib.sha256(os.fsencode(f"{root}\0{purpose}" if purpose else root)).hexdigest()[:32]
        self._file = paths.cache_dir() / FOLDER / f"{name}.json"
        self._known = _read_notes(self._file)
        self._asked: dict[str, list[int | str]] = {}

    def recall_digest(self, file: str, state: os.stat_result) -> str | None:
        """Return the hex digest of a file with the same ``state``, or None."""
        known = self._known.get(file)
        if known is None or known[:-1] != _key_of(state):
            return None
        self._asked[file] = known
        return str(known[-1])

    def note_digest(self, file: str, state: os.stat_result, digest: str) -> None:
        """Remember the digest of a file that was in that ``state`` before and after it was read."""
        if is_settled(state):
            self._asked[file] = [*_key_of(state), digest]

    def save_notes(self) -> None:
        """Store the used digests; a failure only costs time."""
        if self._asked != self._known:
            try:
                durable.write_note(self._file, json.dumps(self._asked))
            except OSError:
                return


def is_settled(state: os.stat_result) -> bool:
    """Whether a file has been as it is for so long that another change will show in its times."""
    return time.time_ns() - max(state.st_mtime_ns, state.st_ctime_ns) > _SETTLED


def of_path(path: Path, of_file: Callable[[Path], FileDigest] | None = None) -> FileDigest:
    """The digest of a file, or of the names and contents of all files below a folder."""
    return (of_file or of_bytes)(path) if path.is_file() else of_all(of_each(path, of_file))


def of_each(folder: Path, of_file: Callable[[Path], FileDigest] | None = None) -> dict[str, FileDigest]:
    """The digest of each file below a folder by its path from there."""
    read = of_file or of_bytes
    return {file.relative_to(folder).as_posix(): read(file) for file in sorted(files_below(folder))}


def of_all(files: Mapping[str, FileDigest]) -> FileDigest:
    """The digest of a folder from those of its files, as :func:`of_each` has them."""
    whole = hashlib.sha256()
    for name, digest in files.items():
        whole.update(f"{name}\0{digest.sha256}\n".encode(errors="surrogateescape"))
    return FileDigest(whole.hexdigest(), sum(digest.size for digest in files.values()))


def of_bytes(file: Path) -> FileDigest:
    """The digest of a file, read now."""
    with file.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        return FileDigest(sha256, stream.tell())


def files_below(folder: Path) -> Iterator[Path]:
    """All files below a folder, through links too, but not round in circles.

    Raises:
        OSError: a folder cannot be read; without it the rest would say too little.
    """
    yield from (file for place in folders_below(folder) for file in _files_in(place))


def folders_below(folder: Path, above: frozenset[tuple[int, int]] = frozenset()) -> Iterator[Path]:
    """Yield ``folder`` and all folders below it, also through links, but without cycles.

    Raises:
        OSError: one of them cannot be read.
    """
    state = folder.stat()
    here = (state.st_dev, state.st_ino)
    if here in above:
        return
    yield folder
    for name in [entry.name for entry in _list_entries(folder) if _leads_to_folder(entry)]:
        yield from folders_below(folder / name, above | {here})


def _files_in(folder: Path) -> Iterator[Path]:
    yield from [found for entry in _list_entries(folder) if (found := folder / entry.name).is_file()]


def _list_entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return list(entries)


def _leads_to_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _read_notes(file: Path) -> dict[str, list[int | str]]:
    """Return the cached digests; empty if the file is invalid."""
    try:
        known = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _key_of(state: os.stat_result) -> list[int | str]:
    return [state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino]
