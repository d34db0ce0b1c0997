"""Single files of a source, kept by their content within the limit, or left out with a reason."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from reprise.named_tuple import NamedTuple
from reprise.runner.planning import guards
from reprise.runner.record import contents
from reprise.runner.record.digests import Memory
from reprise.schemas.record.run_record import (
    EXECUTABLE,
    LINK,
    PLAIN,
    Content,
    FileRecord,
    LeftOut,
)
from reprise.schemas.work_tree import Standing

_START = 4096  # bytes in which a private key shows


class KeptFiles(NamedTuple):
    files: tuple[FileRecord, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


def keep_files(
    root: Path,
    standings: Mapping[str, Standing],
    objects: Path,
    limit: guards.Limit,
    places: Mapping[str, str] = {},
) -> KeptFiles:
    """Keep files of ``root``, smallest first, so that code comes before data.

    Args:
        places: the locations of files that were changed or moved since.
    """
    kept: list[FileRecord] = []
    left_out: list[LeftOut] = []
    memory = Memory(root, "reads" if places else "")
    room = limit.all
    # Paths are texts here: of ten thousand files, objects for them would take most of the time.
    paths = {name: places.get(name) or f"{root}/{name}" for name in standings}
    for size, name, state in sorted(_stat_files(paths), key=lambda entry: entry[:2]):
        found = _keep_file(paths[name], name, state, objects, limit._replace(all=room), memory)
        if isinstance(found, FileRecord):
            room -= size
            kept.append(found._replace(standing=standings[name]))
        elif found is not None:
            left_out.append(found)
    memory.save_notes()
    return KeptFiles(tuple(sorted(kept)), tuple(sorted(left_out)))


def find_refusal(name: str, size: int, limit: guards.Limit) -> str | None:
    """Why a file of that name and size is not kept, or None."""
    if reason := guards.find_secret(name):
        return reason
    if size > limit.file:
        return f"it is {guards.show_size(size)}, more than {guards.show_size(limit.file)}"
    if size > limit.all:
        return "the size limit of the run is reached"
    return None


def _stat_files(paths: Mapping[str, str]) -> Iterator[tuple[int, str, os.stat_result]]:
    """Each file that is there, with its size and state."""
    for name, path in paths.items():
        try:
            state = os.lstat(path)
        except OSError:
            continue  # removed since it was listed
        yield state.st_size, name, state


def _keep_file(
    path: str, name: str, state: os.stat_result, objects: Path, limit: guards.Limit, memory: Memory
) -> FileRecord | LeftOut | None:
    """Return the kept file, or the reason why not; None for a removed file."""
    size = state.st_size
    if name.endswith("/"):
        return LeftOut(name, 0, "it is a separate git repository")
    if reason := find_refusal(name, size, limit):
        return LeftOut(name, size, reason)
    try:
        if stat.S_ISLNK(state.st_mode):
            return FileRecord(
                name, contents.keep_content(objects, os.fsencode(Path(path).readlink())), LINK
            )
        if not stat.S_ISREG(state.st_mode):
            return LeftOut(name, 0, "it is neither a file nor a link")
        mode = EXECUTABLE if state.st_mode & stat.S_IXUSR else PLAIN
        known = memory.recall_digest(path, state)
        if known and contents.is_kept(objects, content := Content(f"sha256:{known}", size)):
            return FileRecord(name, content, mode)
        data = Path(path).read_bytes()
        if reason := guards.find_secret(name, data[:_START]):
            return LeftOut(name, size, reason)
    except FileNotFoundError:
        return None
    except OSError as error:
        return LeftOut(name, size, f"it cannot be read: {error.strerror}")
    try:
        content = contents.keep_content(objects, data)
    except OSError as error:
        return LeftOut(name, size, f"it cannot be stored: {error.strerror}")
    if len(data) == size:
        memory.note_digest(path, state, content.digest.removeprefix("sha256:"))
    return FileRecord(name, content, mode)
