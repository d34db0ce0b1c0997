"""The marks that a push leaves on things of a server, by which they are found, and come back as they were.

A server gives ids and times of its own. Tags keep the old ones, and what the source said at the push.
"""

from __future__ import annotations

from collections.abc import Mapping

from reprise.named_tuple import NamedTuple
from reprise.schemas.tags import COPIED_FROM, COPIED_STATE, COPIED_TIMES, COPY_INCOMPLETE
from reprise.tracking.merging.merge import Said, decode_said, said_of

MARKS = frozenset({COPIED_FROM, COPIED_STATE, COPIED_TIMES, COPY_INCOMPLETE})
_LONGEST = 4800
"""Characters of a tag that every MLflow server takes; fields that do not fit are not remembered."""


class Times(NamedTuple):
    """When a thing was made and changed, in ms since the epoch."""

    creation: int
    last_update: int


def state_mark(fields: Mapping[str, str]) -> dict[str, str]:
    """The tag that remembers what the source says now."""
    return {COPIED_STATE: said_of(fields).encode()[:_LONGEST]}


def marks_of(identity: str, fields: Mapping[str, str], times: Times | None = None) -> dict[str, str]:
    """The tags of a thing that is pushed."""
    timed = {} if times is None else {COPIED_TIMES: f"{times.creation} {times.last_update}"}
    return {COPIED_FROM: identity, **state_mark(fields), **timed}


def said_before(tags: Mapping[str, str]) -> Said | None:
    """What the source said when the thing was pushed last; None where that is not known."""
    return decode_said(tags[COPIED_STATE]) if COPIED_STATE in tags else None


def times_of(tags: Mapping[str, str]) -> Times | None:
    """The times that a thing had where it was pushed from."""
    words = tags.get(COPIED_TIMES, "").split(" ")
    return (
        Times(int(words[0]), int(words[1])) if len(words) == 2 and all(map(str.isdecimal, words)) else None
    )


def without_marks(tags: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in tags.items() if key not in MARKS}
