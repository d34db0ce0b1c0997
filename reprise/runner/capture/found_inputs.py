"""The files that a run was seen to read before it wrote them, where they are as they were then."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from reprise import paths
from reprise.named_tuple import NamedTuple
from reprise.runner.capture.command_words import files_of
from reprise.runner.capture.observed import Observation
from reprise.runner.capture.observing import OBSERVER, Beginning
from reprise.schemas.record.observed_record import ObservedInput

_CODE = (".py", ".so", ".pyd", ".dylib", ".pyc", ".egg", ".whl")
_NOT_IN_A_SOURCE = {".git", "mlruns", "mlartifacts", "__pycache__"}
_OBSERVER = "/".join(("", *OBSERVER.parts[-4:], ""))  # also of a checkout of reprise that is the source
_CHANGED = "it changed during the run"
_REWRITTEN = "the run changed it after reading it"
_REMOVED = "the run removed it"


class FoundInput(NamedTuple):
    """An input with its ``row`` of the record; without a ``state`` nothing more can be found out."""

    row: ObservedInput
    path: str
    state: os.stat_result | None = None


def name_input(path: str, beginning: Beginning) -> str | None:
    """Return the name of a file in the record; None if it is not an input.

    A link to a file of the source keeps its name; a link to the outside has the name of its target.
    """
    if Path(path).is_symlink():
        target = os.path.realpath(path)
        if not (_is_below(path, beginning.root) and _is_below(target, beginning.root)):
            path = target
    if _OBSERVER in path:
        return None
    inside = _is_below(path, beginning.root)
    for folder in beginning.apart:
        # A restored project is in the cache, but not a part of it.
        if _is_below(path, folder) and (not inside or _is_below(folder, beginning.root)):
            return None
    if not inside:
        return path
    name = path[len(beginning.root) + 1 :]
    return None if _NOT_IN_A_SOURCE.intersection(name.split("/")) else name


def _is_below(path: str, folder: str) -> bool:
    return path.startswith(f"{folder}/")


def find_inputs(observation: Observation, beginning: Beginning) -> Iterator[FoundInput]:
    """Return the files that are inputs, each once; files that never existed are not inputs."""
    commands = (files_of(item.words, Path(item.folder)) for item in observation.started if item.folder)
    named = [*beginning.named, *(file for files in commands for file in files)]
    read, written, removed = map(set, (observation.read, observation.written, observation.removed))
    scratch = os.path.realpath(paths.temporary_dir())
    for path in dict.fromkeys([*observation.read, *map(os.path.normpath, named)]):
        name = name_input(path, beginning)
        if name is None:
            continue
        row = ObservedInput(name, _kind_of(name, path in read))
        state = _state_of(observation.kept.get(path, path))
        if path in observation.kept:
            note = _REWRITTEN if path in written else _REMOVED
            yield FoundInput(row._replace(note=note), str(observation.kept[path]), state)
        elif state is not None and state.st_ctime_ns <= observation.began:
            yield FoundInput(row, path, state)
        elif path in read and not (name == path and _is_below(path, scratch)):
            if state is not None:
                row = row._replace(size=state.st_size, note=_REWRITTEN if path in written else _CHANGED)
                yield FoundInput(row, path)
            elif path in removed:
                yield FoundInput(row._replace(note=_REMOVED), path)


def find_missing(observation: Observation, beginning: Beginning) -> Iterator[str]:
    """Return files that the run looked for but did not find; files that it removed, or that exist now,
    do not count.
    """
    gone = {*observation.removed, *observation.kept}
    absent = [path for path in observation.read if path not in gone and not os.path.lexists(path)]
    for path in dict.fromkeys([*observation.missing, *absent]):
        if (name := name_input(path, beginning)) is not None:
            yield name


def _state_of(path: str | Path) -> os.stat_result | None:
    """Of a file that is there."""
    try:
        state = Path(path).stat()
    except (OSError, ValueError):
        return None
    return state if stat.S_ISREG(state.st_mode) else None


def _kind_of(name: str, is_read: bool) -> str:
    if not is_read:
        return "named"
    return "module" if name.startswith("/") and name.endswith(_CODE) else "file"
