"""Archives as sources: downloaded within a limit, unpacked inside their folder, whole or not at all."""

from __future__ import annotations

import gzip
import shutil
import stat
import tarfile
import time
import zipfile
import zlib
from dataclasses import dataclass
from logging import getLogger
from pathlib import Path, PurePosixPath
from typing import IO

from reprise import durable
from reprise.errors import SourceError
from reprise.paths import make_folders, room_hint
from reprise.redact import redact
from reprise.runner.sources.downloads import download_file

log = getLogger(__name__)

MAX_MEMBERS = 200_000
# What an archive may unpack to: enough for any honest project, far less than a bomb.
MIN_UNPACKED_LIMIT = 1 << 30
MAX_RATIO = 200
_MAX_READ = 16 << 20
_CHUNK = 1 << 20
_LONGEST_LINK = 4096
_ZIP, _GZIP = b"PK\x03\x04", b"\x1f\x8b"
"""How files of these kinds begin."""
_NOT_AN_ARCHIVE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    EOFError,
    zlib.error,
    ValueError,
    OSError,
    RuntimeError,
)


@dataclass(frozen=True, slots=True)
class _Link:
    path: Path
    target: str


def unpack_archive(source: Path | str, folder: Path) -> None:
    """Fill ``folder``, which appears complete or not at all, with the archive at a path or a URL.

    Raises:
        SourceError: it is not available, not an archive, or contains something unsafe.
    """
    partial = folder.with_name(f".{folder.name}.partial")
    shown = redact(str(source))
    try:
        make_folders(folder.parent)
        partial.mkdir()
        archive = _download_archive(source, partial / "archive") if isinstance(source, str) else source
        root = partial / "content"
        root.mkdir()
        try:
            _make_links(_unpack_members(archive, root), root)
        except (FileExistsError, IsADirectoryError, NotADirectoryError) as error:
            raise SourceError(f"{shown} is refused: {_find_clash(error, root)}") from error
        except _NOT_AN_ARCHIVE as error:
            full = room_hint(error) if isinstance(error, OSError) else None
            reason = error.strerror if isinstance(error, OSError) and error.strerror else error
            raise SourceError(
                f"cannot unpack {shown}: {reason}", hint=full or "is the archive complete?"
            ) from error
        except _Refused as error:
            raise SourceError(f"{shown} is refused: {error}") from error
        durable.put_in_place(root, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def content_root(folder: Path, subdirectory: str) -> Path:
    """Return ``folder``, or its only folder if that is the root of the archive."""
    entries = [entry for entry in folder.iterdir() if entry.name != "__MACOSX"]
    if len(entries) != 1 or not entries[0].is_dir() or entries[0].is_symlink():
        return folder
    inner = entries[0]
    if subdirectory:
        return folder if (folder / subdirectory).exists() else inner
    return inner if any(entry.name.lower() == "mlproject" for entry in inner.iterdir()) else folder


def _find_clash(error: OSError, root: Path) -> str:
    """Which name two members have that cannot both be there."""
    places = [Path(str(place)) for place in (error.filename2, error.filename) if place]
    names = [place.relative_to(root) for place in places if place.is_relative_to(root)]
    name = f'"{names[0]}"' if names else "a name"
    return f"{name} is in it twice, with different types (a file, a folder, a link)"


class _Refused(Exception):
    """A member that no honest archive holds."""


def _unpack_members(archive: Path, root: Path) -> list[_Link]:
    if zipfile.is_zipfile(archive):
        return _unpack_zip(archive, root)
    with archive.open("rb") as stream:
        start = stream.read(4)
    if start == _ZIP:
        raise ValueError("it is a zip file without its end")
    if start and not start.startswith(_GZIP):
        raise ValueError("it is neither a zip file nor a .tar.gz file")
    return _unpack_tar(archive, root)


def _unpack_zip(archive: Path, root: Path) -> list[_Link]:
    budget = _Budget(archive)
    links = []
    seen: set[Path] = set()
    with zipfile.ZipFile(archive) as opened:
        for member in opened.infolist():
            budget.spend_bytes(member.filename, member.file_size)
            path = _path_inside(root, member.filename)
            if path in seen and not member.is_dir():  # readers take the first or the last
                raise _Refused(f'"{member.filename}" is in it twice')
            seen.add(path)
            mode = member.external_attr >> 16
            if member.flag_bits & 1:
                raise _Refused(f'"{member.filename}" is encrypted')
            if member.is_dir():
                path.mkdir(parents=True, exist_ok=True)
            elif stat.S_ISLNK(mode):
                if member.file_size > _LONGEST_LINK:
                    raise _Refused(f'"{member.filename}" is a link to {member.file_size} bytes')
                links.append(_Link(path, opened.read(member).decode()))
            elif stat.S_IFMT(mode) in (0, stat.S_IFREG):
                with opened.open(member) as content:
                    _write_file(path, content, mode)
            else:
                raise _Refused(f'"{member.filename}" is neither a file, a folder nor a link')
    return links


def _unpack_tar(archive: Path, root: Path) -> list[_Link]:
    budget = _Budget(archive)
    links = []
    with (
        _Bounded(archive, budget.limit) as unzipped,
        tarfile.open(fileobj=unzipped, mode="r:") as opened,
    ):
        for member in opened:
            budget.spend_bytes(member.name, member.size)
            path = _path_inside(root, member.name)
            if member.isdir():
                path.mkdir(parents=True, exist_ok=True)
            elif member.issym():
                links.append(_Link(path, member.linkname))
            elif member.islnk():
                original = _path_inside(root, member.linkname)
                path.parent.mkdir(parents=True, exist_ok=True)
                budget.spend_bytes(member.name, original.stat().st_size)
                shutil.copy2(original, path)
            elif member.isreg():
                content = opened.extractfile(member)
                assert content is not None
                with content:
                    _write_file(path, content, member.mode)
            else:
                raise _Refused(f'"{member.name}" is neither a file, a folder nor a link')
    return links


class _Budget:
    """Counts what the members say they unpack to, before any of it is written."""

    def __init__(self, archive: Path) -> None:
        self.limit = max(MIN_UNPACKED_LIMIT, MAX_RATIO * archive.stat().st_size)
        self._left = self.limit
        self._members = 0

    def spend_bytes(self, name: str, size: int) -> None:
        self._left -= size
        self._members += 1
        if self._left < 0:
            raise _Refused(f'with "{name}" it unpacks to more than {self.limit >> 20} MiB')
        if self._members > MAX_MEMBERS:
            raise _Refused(f"it has more than {MAX_MEMBERS} members")


class _Bounded(gzip.GzipFile):
    """The decompressed stream of a tar file, with limits for each read and in total.

    A header can ask for gigabytes in one read (long names), before its member is seen at all.
    """

    def __init__(self, archive: Path, limit: int) -> None:
        super().__init__(archive, "rb")
        # Headers and padding come on top of what the members hold.
        self._end = limit + MAX_MEMBERS * 2 * tarfile.BLOCKSIZE

    def read(self, size: int | None = -1) -> bytes:
        if size is None or not 0 <= size <= _MAX_READ:
            raise _Refused("one of its headers is huge")
        self._check_position(self.tell() + size)
        return super().read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        self._check_position(offset)
        return super().seek(offset, whence)

    def _check_position(self, position: int) -> None:
        if position > self._end:
            raise _Refused(f"it unpacks to more than {self._end >> 20} MiB")


def _path_inside(root: Path, name: str) -> Path:
    pure = PurePosixPath(name.replace("\\", "/"))
    if pure.is_absolute() or ".." in pure.parts or pure.as_posix()[1:3] == ":/" or "\0" in name:
        raise _Refused(f'"{name}" is outside the folder')
    return root.joinpath(*pure.parts)


def _write_file(path: Path, content: IO[bytes], mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as out:
        shutil.copyfileobj(content, out, _CHUNK)
    path.chmod(0o755 if mode & 0o100 else 0o644)


def _make_links(links: list[_Link], root: Path) -> None:
    """Links come after all files, so that no file is ever written through one."""
    home = root.resolve()
    for link in links:
        if not link.path.parent.resolve().is_relative_to(home):  # through a link before it
            raise _Refused(f'"{link.path.relative_to(root)}" is outside the folder')
        link.path.parent.mkdir(parents=True, exist_ok=True)
        link.path.symlink_to(link.target)
    for link in links:
        # The folder moves when it is whole: a link by an absolute path would not move along.
        if link.target.startswith("/") or not link.path.resolve().is_relative_to(home):
            raise _Refused(
                f'the link "{link.path.relative_to(root)}" -> "{link.target}" points outside the folder'
            )


def _download_archive(url: str, path: Path) -> Path:
    started = time.monotonic()
    download_file(url, path)
    log.info("Downloaded %s in %.1f s", redact(url), time.monotonic() - started)
    return path
