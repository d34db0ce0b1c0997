"""Artifact paths as they come from outside: relative, with ``/``, and never out of their folder."""

from __future__ import annotations

from typing import NoReturn

from reprise.errors import TrackingError
from reprise.file_lock import ARRIVING
from reprise.tracking import validation

UPLOADS = f"{ARRIVING}uploads"
"""The folder in which files are stored until they are whole; no path leads to a name that begins so."""
MARK = ".reprise-artifacts"
"""The folder that distinguishes a root from an empty mount point; artifact paths cannot refer to it."""

_LONGEST = 3000  # bytes of a path; with the folder that it is in, systems take 4096 bytes


def parts_of(path: str) -> tuple[str, ...]:
    """The parts of ``path``, none for the root (``""``, ``.``, ``a/..``); ``a//b/`` is ``a/b``.

    ``INVALID_PARAMETER_VALUE`` for a path that leaves the root on its way, absolute paths, backslashes,
    NUL, and what no file system takes.
    """
    if len(path.encode(errors="surrogatepass")) > _LONGEST:
        raise validation.invalid(f"artifact path {path[:60]!r}... is longer than {_LONGEST} bytes")
    if "\0" in path or "\\" in path or path.startswith("/"):
        refuse(path)
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            if not parts:
                refuse(path)
            parts.pop()
        elif part not in {"", "."}:
            if not _is_plain(part):
                refuse(path)
            parts.append(part)
    return tuple(parts)


def normalize_path(path: str) -> str:
    """``path`` in its shortest form, ``""`` for the root. Refused as ``parts_of`` refuses."""
    return "/".join(parts_of(path))


class InvalidPath(TrackingError):
    """An artifact path that leads out of its folder, or to a name that no artifact has."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"Invalid path {path!r}: an artifact path must stay inside its folder",
            code="INVALID_PARAMETER_VALUE",
        )


def refuse(path: str) -> NoReturn:
    raise InvalidPath(path)


def _is_plain(part: str) -> bool:
    """Whether the part of a path is the name of a file, and one that file systems take."""
    try:
        length = len(part.encode())
    except UnicodeEncodeError:
        return False
    return length <= 255 and not is_hidden(part)


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is the store's own, and no artifact."""
    return name == MARK or name.startswith(ARRIVING)
