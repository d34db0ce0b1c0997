"""What a second copy changes: what changed in the source since, and nothing that was changed here.

Three states of a field are compared: the current source, the current value here, and the source at the last
copy, stored as a short digest.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b

from reprise.named_tuple import NamedTuple

CHANGED_HERE = "it was changed here since it was copied"
CHANGED_IN_BOTH = "it was changed in the source and here"
REMOVED_HERE = "it was removed here since it was copied"
HERE_BEFORE = "it was here before, with another value"

_HALF = 8  # hex digits


class Said(NamedTuple):
    """What a source said of a thing: digests of its fields' names and of their values."""

    digests: Mapping[str, str]

    def has_field(self, field: str) -> bool:
        return _digest_text(field) in self.digests

    def equals(self, field: str, value: str) -> bool:
        return self.digests.get(_digest_text(field)) == _digest_text(value)

    def encode(self) -> str:
        return "".join(f"{field}{value}" for field, value in sorted(self.digests.items()))


def said_of(fields: Mapping[str, str]) -> Said:
    return Said({_digest_text(field): _digest_text(value) for field, value in fields.items()})


def decode_said(text: str) -> Said:
    """What ``Said.encode`` wrote."""
    words = [text[start : start + 2 * _HALF] for start in range(0, len(text), 2 * _HALF)]
    return Said({word[:_HALF]: word[_HALF:] for word in words})


class Merge(NamedTuple):
    """``changes`` are to be made here, None removes a field; ``kept`` are left, for the reason given."""

    changes: Mapping[str, str | None]
    kept: Mapping[str, str]


def merge_fields(theirs: Mapping[str, str], ours: Mapping[str, str], said: Said | None) -> Merge:
    """Compare what the source says with what is here, in the light of what it said before.

    Without ``said`` nothing is known of the past: what is missing here is added, and what differs is kept.
    """
    changes: dict[str, str | None] = {}
    kept: dict[str, str] = {}
    for field, value in theirs.items():
        if field not in ours:
            if said is None or not said.equals(field, value):
                changes[field] = value
            else:
                kept[field] = REMOVED_HERE
        elif ours[field] != value:
            if said is None or not said.has_field(field):
                kept[field] = HERE_BEFORE
            elif said.equals(field, ours[field]):
                changes[field] = value
            else:
                kept[field] = CHANGED_HERE if said.equals(field, value) else CHANGED_IN_BOTH
    if said is not None:
        for field in ours.keys() - theirs.keys():
            if said.equals(field, ours[field]):
                changes[field] = None
    return Merge(changes, kept)


def _digest_text(text: str) -> str:
    return blake2b(text.encode(errors="surrogatepass"), digest_size=_HALF // 2).hexdigest()
