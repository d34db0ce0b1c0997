"""Why two runs of a project may differ that is not in its code: by what they were seen to touch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from reprise.named_tuple import NamedTuple
from reprise.runner.capture.command_words import read_command
from reprise.schemas.record.observed_record import ObservedRecord
from reprise.schemas.record.run_record import RunRecord

_NAMED = 3
_NO_SOURCES = re.compile(r"(ba|da|z)?sh|env|python[\d.]*|docker|ldconfig|lscpu|uname|fc-list|gcc|cc|ld")
"""Programs that say the same each time, or only start others."""


class Cause(NamedTuple):
    """Why two runs may differ: ``name`` is the kind, ``places`` are file:line in the project, if known."""

    name: str
    what: str
    fix: str
    places: tuple[str, ...] = ()


def causes_of_state(first: RunRecord | None, second: RunRecord | None) -> Iterator[Cause]:
    """Files that the first run changed and the second one read, and others that changed in between."""
    one, other = (record.observed if record else None for record in (first, second))
    if one is None or other is None:
        return
    before = {item.path: item for item in one.inputs}
    changed = [
        item.path
        for item in other.inputs
        if item.path not in before or before[item.path].digest != item.digest or item.digest is None
    ]
    state = [path for path in changed if path in one.written]
    if state:
        what = f"{_list_names(state)} is read after the run before has written it"
        yield Cause("state", what, "start from a file that no run changes, or let each run make its own")
    others = [path for path in changed if path in before and path not in one.written]
    known = [path for path in others if before[path].digest is not None]
    if known:
        what = f"{_list_names(known)} changed between the two runs"
        yield Cause("input", what, "leave it as it is between runs, or give it as a parameter")


def causes_from_outside(record: RunRecord | None) -> Iterator[Cause]:
    """Where values came from that no code of the project tells: programs and hosts."""
    seen = record.observed if record else None
    if record is None or seen is None:
        return
    programs = _started_programs(record, seen)
    if programs:
        what = f"{_list_names(programs)} is started, and what it prints may be another value each time"
        yield Cause("program", what, "log what it prints, or pass it as a parameter")
    if seen.hosts:
        what = f"{_list_names(seen.hosts)} is asked, and may answer otherwise each time"
        yield Cause("network", what, "fetch it once, and give the file as a parameter of type path or uri")


def _started_programs(record: RunRecord, seen: ObservedRecord) -> list[str]:
    """Those that the project's code starts, not its command."""
    ours = set(read_command(record.project.command, Path("/")).programs)
    return [name for name in seen.programs if name not in ours and not _NO_SOURCES.fullmatch(name)]


def _list_names(names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"
