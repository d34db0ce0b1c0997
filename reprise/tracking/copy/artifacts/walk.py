"""The files below a folder. Symbolic links are followed within the store, and reported if they lead out."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from reprise.tracking.protocols.copying import Fault, SourceFile


def walk_files(folder: Path, inside: Sequence[Path], owner: str) -> Iterator[SourceFile | Fault]:
    """Every file, in the order of their names; ``inside`` are real folders that links may lead into."""
    yield from _walk_folder(folder, "", (*inside, folder.resolve()), owner, (folder.resolve(),))


def _walk_folder(
    folder: Path, prefix: str, inside: Sequence[Path], owner: str, above: tuple[Path, ...]
) -> Iterator[SourceFile | Fault]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        yield Fault("files", owner, f"{prefix}*", f"the folder cannot be read: {error.strerror}")
        return
    for entry in entries:
        path = f"{prefix}{entry.name}"
        try:
            if entry.is_symlink() and (reason := link_fault(Path(entry.path), inside)):
                yield Fault("files", owner, path, reason)
            elif entry.is_dir():
                real = Path(entry.path).resolve()
                if real in above:
                    yield Fault("files", owner, path, "it is a link to a folder that it is in")
                else:
                    yield from _walk_folder(Path(entry.path), f"{path}/", inside, owner, (*above, real))
            elif stat.S_ISREG((about := entry.stat()).st_mode):
                yield SourceFile(path, about.st_size, about.st_mtime)
            else:
                yield Fault("files", owner, path, "it is not a regular file")
        except OSError as error:
            yield Fault("files", owner, path, error.strerror or str(error))


def link_fault(link: Path, inside: Sequence[Path]) -> str | None:
    """Why a symbolic link is not followed, or None."""
    try:
        target = link.resolve(strict=True)
    except (OSError, RuntimeError):
        return f"it is a link to {link.readlink()}, which does not exist"
    if any(target.is_relative_to(folder) for folder in inside):
        return None
    return f"it is a link to {target}, outside of the store"
