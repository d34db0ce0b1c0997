"""The fields of a thing that may change after it was copied, as texts by name, for ``merge_fields``."""

from __future__ import annotations

from collections.abc import Mapping

from reprise.named_tuple import NamedTuple
from reprise.tracking.merging.merge import Merge
from reprise.tracking.protocols.copying import KeptAsItWas

TAG = "tag/"
"""The name of a field that is a tag begins so; other fields have no slash."""


class FieldChanges(NamedTuple):
    """A merge, with the tags apart; None removes."""

    facts: Mapping[str, str | None]
    tags: Mapping[str, str | None]


def with_tags(facts: Mapping[str, str], tags: Mapping[str, str]) -> dict[str, str]:
    return {**facts, **{f"{TAG}{key}": value for key, value in tags.items()}}


def changes_of(merge: Merge) -> FieldChanges:
    tags = {key.removeprefix(TAG): value for key, value in merge.changes.items() if key.startswith(TAG)}
    return FieldChanges(
        {key: value for key, value in merge.changes.items() if not key.startswith(TAG)}, tags
    )


def kept_of(kind: str, merge: Merge) -> list[KeptAsItWas]:
    """What was left otherwise; the facts of a thing belong to the line of its ``kind``."""
    return [
        KeptAsItWas("tags", field.removeprefix(TAG), reason)
        if field.startswith(TAG)
        else KeptAsItWas(kind, "", reason)
        for field, reason in merge.kept.items()
    ]
