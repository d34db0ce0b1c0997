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
    """Return causes from files that the first run changed and the second read, or that changed in
    between.
    """
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
        what = f"{_list_names(state)} is read after the previous run has written it"
        yield Cause("state", what, "start from a file that no run changes, or use a file per run")
    others = [path for path in changed if path in before and path not in one.written]
    known = [path for path in others if before[path].digest is not None]
    if known:
        what = f"{_list_names(known)} changed between the two runs"
        yield Cause("input", what, "keep it unchanged between runs, or pass it as a parameter")


def causes_from_outside(record: RunRecord | None) -> Iterator[Cause]:
    """Return causes outside the project's code: programs and hosts."""
    seen = record.observed if record else None
    if record is None or seen is None:
        return
    programs = _started_programs(record, seen)
    if programs:
        what = f"the run starts {_list_names(programs)}, whose output may vary"
        yield Cause("program", what, "log its output, or pass it as a parameter")
    if seen.hosts:
        what = f"the run contacts {_list_names(seen.hosts)}, whose answers may vary"
        yield Cause(
            "network", what, "download the data once, and pass the file as a parameter of type path or uri"
        )


def _started_programs(record: RunRecord, seen: ObservedRecord) -> list[str]:
    """Those that the project's code starts, not its command."""
    ours = set(read_command(record.project.command, Path("/")).programs)
    return [name for name in seen.programs if name not in ours and not _NO_SOURCES.fullmatch(name)]


def _list_names(names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"
