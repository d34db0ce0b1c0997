"""Replace thousands of files that a run read with their folders."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from reprise.schemas.record.observed_record import ObservedInput

_ALIKE = 100  # files of one folder that are listed separately
_LISTED = 1000


def fold_inputs(files: Sequence[ObservedInput]) -> tuple[ObservedInput, ...]:
    """Return ``files`` sorted by path; if there are many, a folder replaces its files."""
    folders = _find_folders([file.path for file in files])
    inside: dict[str, list[ObservedInput]] = defaultdict(list)
    single = []
    for file in files:
        if folder := folders[file.path]:
            inside[folder].append(file)
        else:
            single.append(file)
    return tuple(sorted([*single, *(_fold_files(folder, held) for folder, held in inside.items())]))


def _find_folders(paths: Iterable[str]) -> Mapping[str, str]:
    """Return the folder that replaces each path, empty for a path that is kept."""
    parents = {path: _parent_of(path) for path in paths}
    counts = Counter(parents.values())
    found = {path: parent if counts[parent] > _ALIKE else "" for path, parent in parents.items()}
    while len({folder or path for path, folder in found.items()}) > _LISTED:
        shown = {folder or path for path, folder in found.items()}
        deepest = max(name.count("/") for name in shown)
        if deepest == 0:
            break
        found = {
            path: _parent_of(folder or path) if (folder or path).count("/") == deepest else folder
            for path, folder in found.items()
        }
    return found


def _parent_of(path: str) -> str:
    return str(PurePosixPath(path).parent)


def _fold_files(folder: str, files: Sequence[ObservedInput]) -> ObservedInput:
    """Return one row for ``files`` below ``folder``; it has a digest if all of them do."""
    known = [file for file in files if file.digest is not None]
    size = sum(file.size or 0 for file in files)
    if len(known) < len(files):
        reasons = Counter(file.note for file in files if file.digest is None)
        note = "; ".join(f"{count} of {len(files)}: {reason}" for reason, count in reasons.most_common(3))
        return ObservedInput(folder, "folder", size, None, len(files), note)
    whole = hashlib.sha256()
    for file in sorted(files):
        name = PurePosixPath(file.path).relative_to(folder).as_posix()
        sha256 = (file.digest or "").removeprefix("sha256:")
        whole.update(f"{name}\0{sha256}\n".encode(errors="surrogateescape"))
    return ObservedInput(folder, "folder", size, f"sha256:{whole.hexdigest()}", len(files))
