"""A power cut: of a folder, only what was synced stays.

``calls.c`` keeps the content of each file and the names in each folder as of the last ``fsync``. A cut
puts that into the place of what the programs saw. Nothing less is promised by POSIX, and nothing more
is assumed; but names may stay whose contents are gone, as on a file system with a journal.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import stat
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_AT_FDCWD, _NOFOLLOW, _BIRTH, _INODE = -100, 0x100, 0x800, 0x100
_libc = ctypes.CDLL(None, use_errno=True)


class _Entry(NamedTuple):
    name: str
    key: str
    mode: int
    link: str


class SyncedDisk:
    """What of ``root`` is on the disk, beginning with all that is there now; kept in ``folder``.

    Args:
        apart: names in ``root`` that are of other programs, and stay as they are.
    """

    def __init__(self, root: Path, folder: Path, apart: frozenset[str]) -> None:
        self._root, self._apart = root, apart
        self._files, self._folders = folder / "files", folder / "folders"
        shutil.rmtree(folder, ignore_errors=True)
        for room in (self._files, self._folders, folder / "arriving"):
            room.mkdir(parents=True)
        self._keep(root)
        self._before = self._list_syncs()

    def find_synced(self) -> set[str]:
        """The keys of the files that were synced since."""
        return {key for key, when in self._list_syncs().items() if self._before.get(key) != when}

    def cut(self, *, keep_names: bool) -> None:
        """Leave what was synced; with ``keep_names``, also the names of files whose contents are gone."""
        self._put_back(self._root, identify(self._root), keep_names)

    def _list_syncs(self) -> dict[str, int]:
        return {file.name: file.stat().st_mtime_ns for file in self._files.iterdir()}

    def _keep(self, place: Path) -> None:
        lines = []
        for path in self._children(place):
            state = path.lstat()
            link = os.readlink(path) if stat.S_ISLNK(state.st_mode) else ""  # noqa: PTH115 -- bytes as they are
            key = identify(path)
            lines.append(f"{key} {state.st_mode} {path.name}\0{link}\0")
            if stat.S_ISDIR(state.st_mode):
                self._keep(path)
            elif stat.S_ISREG(state.st_mode):
                shutil.copyfile(path, self._files / key)
        (self._folders / identify(place)).write_text("".join(lines))

    def _children(self, place: Path) -> list[Path]:
        return [path for path in place.iterdir() if place != self._root or path.name not in self._apart]

    def _put_back(self, place: Path, key: str, keep_names: bool) -> None:
        """Make ``place`` what the folder ``key`` was."""
        apart = self._apart if place == self._root else ()
        entries = {entry.name: entry for entry in self._entries(key) if entry.name not in apart}
        for path in self._children(place):
            key = identify(path)
            known = entries.get(path.name)
            if keep_names and (known is None or known.key != key):
                entries[path.name] = _Entry(path.name, key, path.lstat().st_mode, "")
            elif known is None or known.key != key:
                _remove(path)
        for entry in entries.values():
            path = place / entry.name
            if os.path.lexists(path) or not keep_names:
                self._put_entry(path, entry, keep_names)

    def _put_entry(self, path: Path, entry: _Entry, keep_names: bool) -> None:
        if stat.S_ISDIR(entry.mode):
            path.mkdir(exist_ok=True)
            self._put_back(path, entry.key, keep_names)
        elif stat.S_ISLNK(entry.mode):
            if not os.path.lexists(path):
                path.symlink_to(entry.link)
        elif stat.S_ISREG(entry.mode):
            self._put_content(path, entry)

    def _put_content(self, path: Path, entry: _Entry) -> None:
        synced = self._files / entry.key
        content = synced.read_bytes() if synced.exists() else b""
        state = path.stat() if path.exists() else None
        if state is not None and path.read_bytes() == content:
            return
        if state is None or state.st_nlink > 1:  # not the file of another program by a second name
            path.unlink(missing_ok=True)
        path.write_bytes(content)
        path.chmod(stat.S_IMODE(entry.mode))
        if state is not None:
            os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))

    def _entries(self, key: str) -> Iterator[_Entry]:
        """What is known to be in a folder; nothing where it was never synced."""
        listing = self._folders / key
        words = (
            listing.read_bytes().decode(errors="surrogateescape").split("\0") if listing.exists() else [""]
        )
        for line, link in zip(words[:-1:2], words[1::2], strict=True):
            key, mode, name = line.split(" ", 2)
            yield _Entry(name, key, int(mode), link)


def identify(path: Path) -> str:
    """A key of the file or folder; no other has it, and no other will."""
    state = ctypes.create_string_buffer(256)
    if _libc.statx(_AT_FDCWD, os.fsencode(path), _NOFOLLOW, _BIRTH | _INODE, state):
        raise OSError(ctypes.get_errno(), "statx", str(path))
    inode, seconds, nanoseconds = struct.unpack_from("=32xQ40xqI", state)
    return f"{inode}-{seconds}.{nanoseconds}"


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
