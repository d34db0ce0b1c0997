"""Random ids: if those of two documents map one to one, they are the same document.

Only random-looking text counts, and only at places of ids; a word or a number never matches another.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

_UUID = r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_ANYWHERE = re.compile(rf"(?<![0-9A-Za-z-]){_UUID}(?![0-9A-Za-z-])")
_IN_MARKUP = re.compile(
    rf"(?<![0-9A-Za-z-]){_UUID}(?![0-9A-Za-z-])|\b[A-Za-z]\w*?[_-][0-9a-f]{{32}}\b"
    rf"|(?:\bid|\bxml:id|:(?:rsid\w*|paraId|textId))\s*=\s*[\"']([^\"'<>\s]{{5,200}})[\"']"
    r"|getElementById\(\\?[\"']([^\"'\\<>\s]{5,200})\\?[\"']\)"
)
_COUNTED = re.compile(r"([A-Za-z]*)\d{12,}")
_RUN = re.compile(r"[0-9A-Za-z]+")


def rename_ids(a: str, b: str, *, markup: bool) -> str:
    """``a`` with its ids named as in ``b``, where the ids of both, in their order, map one to one.

    Args:
        markup: the texts are HTML, SVG or XML, which declare ids; of other texts only UUIDs are ids.
    """
    names = _match_ids([*_find_ids(a, markup)], [*_find_ids(b, markup)])
    if not names:
        return a
    longest_first = sorted(names, key=len, reverse=True)
    pattern = re.compile(rf"(?<![0-9A-Za-z])(?:{'|'.join(map(re.escape, longest_first))})(?![0-9A-Za-z])")
    return pattern.sub(lambda match: names[match[0]], a)


def _find_ids(text: str, markup: bool) -> Iterator[str]:
    """Return the ids in the order of their first occurrence."""
    if not markup:
        return iter(dict.fromkeys(_ANYWHERE.findall(text)))
    matches = _IN_MARKUP.finditer(text)
    return iter(dict.fromkeys(match[1] or match[2] or match[0] for match in matches))


def _match_ids(a: Sequence[str], b: Sequence[str]) -> dict[str, str]:
    """What each id of ``a`` is called in ``b``, to the end of what was drawn; empty where they disagree."""
    if len(a) != len(b):
        return {}
    there: dict[str, str] = {}
    back: dict[str, str] = {}
    for one, other in zip(a, b, strict=True):
        if one == other:
            continue
        drawn = find_drawn_parts(one, other)
        if drawn is None or there.setdefault(drawn[0], drawn[1]) != drawn[1]:
            return {}
        if back.setdefault(drawn[1], drawn[0]) != drawn[0]:
            return {}
    return there


def find_drawn_parts(a: str, b: str) -> tuple[str, str] | None:
    """The two ids to the end of what was drawn: ``T_ba1df`` of ``T_ba1df_row0``. None: nothing was."""
    if re.fullmatch(_UUID, a) and re.fullmatch(_UUID, b):
        return a, b
    runs_a, runs_b = [*_RUN.finditer(a)], [*_RUN.finditer(b)]
    if _RUN.sub("", a) != _RUN.sub("", b) or len(runs_a) != len(runs_b):
        return None
    apart = [pair for pair in zip(runs_a, runs_b, strict=True) if pair[0][0] != pair[1][0]]
    if len(apart) != 1:
        return None
    one, other = apart[0]
    if not _are_drawn(one[0], other[0], a[: one.start()]):
        return None
    return a[: one.end()], b[: other.end()]


def _are_drawn(a: str, b: str, before: str) -> bool:
    """Whether both look as if they were drawn: as hexadecimal digits, or as letters and digits."""
    if a[:1] == b[:1] and a[0] in "mpc" and len(a) == len(b) == 11:  # Matplotlib's marks, paths and clips
        a, b = a[1:], b[1:]
    if before == "T_" and len(a) == len(b) == 5 and _is_hex(a + b):  # the styles of pandas
        return True
    if (one := _COUNTED.fullmatch(a)) and (other := _COUNTED.fullmatch(b)):
        return one[1] == other[1]
    if len(a) == len(b) >= 8 and _is_hex((a + b).lower()):
        return not (a.isdigit() and b.isdigit()) and any(item.isdigit() for item in a + b)
    return _count_changes(a) >= 3 and _count_changes(b) >= 3 and min(len(a), len(b)) >= 8


def _is_hex(text: str) -> bool:
    return re.fullmatch(r"[0-9a-f]+", text) is not None


def _count_changes(text: str) -> int:
    """How often a letter follows a digit, a capital one a small one, or the other way round."""
    kinds = ["0" if item.isdigit() else "A" if item.isupper() else "a" for item in text]
    return sum(one != other for one, other in pairwise(kinds))
