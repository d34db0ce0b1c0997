"""Values of all kinds of files (JSON, arrays, tables, what a pickle makes): compared by one function.

Structure exactly, numbers by tolerance, fields set aside by their names, texts but for what is of one run.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from reprise.runner.verdict.comparison_rules import Looking
from reprise.runner.verdict.files.arrays import (
    TypedArray,
    compare_arrays,
    place_of,
    read_fields,
    read_texts,
)
from reprise.runner.verdict.files.objects import Entries, InertObject, Meaning, Unordered, exact_text
from reprise.runner.verdict.files.pickled import known_meaning
from reprise.runner.verdict.files.spread import Spread
from reprise.runner.verdict.numbers import compare_numbers
from reprise.runner.verdict.values import (
    IDENTICAL,
    Agreement,
    Finding,
    SetAside,
    find_worst,
    make_diverged,
    set_aside,
)
from reprise.runner.verdict.words.clocks import is_of_another_time
from reprise.runner.verdict.words.texts import compare_words
from reprise.schemas.field_names import CLOCK


def compare_contents(a: Any, b: Any, looking: Looking, *, meaning: Meaning = known_meaning) -> Finding:
    """Whether two values are the same, and where they first are not; all numbers are looked at.

    Raises:
        RecursionError: they are nested too deeply.
    """
    spread = looking.spread or Spread()
    walk = _Walk(looking._replace(spread=spread), meaning)
    findings = walk.compare_values(a, b, "")
    found = find_worst(findings)
    deque(findings, maxlen=0)  # the rest, for the spread
    return found if looking.spread else spread.noted(found)


class _Walk:
    """One comparison: ``begun`` are the pairs of values that it has been at; pickles may hold circles."""

    def __init__(self, looking: Looking, meaning: Meaning) -> None:
        self.looking = looking
        self.meaning = meaning
        self.begun: dict[tuple[int, int, bool], tuple[Any, Any]] = {}

    def compare_values(self, a: Any, b: Any, path: str, aside: SetAside | None = None) -> Iterator[Finding]:
        """A finding for every value; ``aside`` is the field that they are below and that is set aside."""
        if self._is_begun(a, b, aside):
            return
        one, other = self._to_plain(a), self._to_plain(b)
        match one, other:
            case dict(), dict():
                yield from self._compare_fields(one, other, path, aside)
            case (list(), list()) | (tuple(), tuple()):
                yield from self._compare_items(one, other, path, aside)
            case Unordered(), Unordered():
                yield from self._compare_sets(one, other, path)
            case InertObject(), InertObject():
                yield from self._compare_objects(one, other, path, aside)
            case TypedArray(), TypedArray():
                yield from self._compare_arrays(one, other, path, aside)
            case _ if aside and self._is_set_aside(one, other, aside):
                yield _make_finding(aside)
            case _:
                found = compare_leaves(one, other, self.looking)
                yield found._replace(where=path if not found.where else f"{path} {found.where}".strip())

    def _to_plain(self, value: Any) -> Any:
        """A dict of names as one, and what an object of a pickle is."""
        if isinstance(value, InertObject):
            value = self.meaning(value)
        if isinstance(value, Entries):
            named = {self._name_key(key): inner for key, inner in value.pairs}
            return named if len(named) == len(value.pairs) else list(value.pairs)
        return value

    def _name_key(self, key: Any) -> str:
        """The name of a key of a dict: a text is its own, and no other key has that of a text."""
        if isinstance(key, str) and not key.startswith("["):
            return key
        return f"[{exact_text(key, self.meaning)}]"

    def _is_begun(self, a: Any, b: Any, aside: SetAside | None) -> bool:
        """Whether the two were compared, or are being compared, with each other.

        They are held, so that no other value gets the identity of one.
        """
        if not isinstance(a, _BRANCHES):
            return False
        pair = (id(a), id(b), aside is None)
        is_known = pair in self.begun
        self.begun[pair] = (a, b)
        return is_known

    def _compare_fields(
        self, a: Mapping[str, Any], b: Mapping[str, Any], path: str, aside: SetAside | None
    ) -> Iterator[Finding]:
        names = self._match_names(a, b)
        for name, twin in names.items():
            inside = f"{path} -> {name}" if path else name
            if twin is None:
                yield make_diverged(inside, "is missing")
            else:
                yield from self.compare_values(
                    a[name], b[twin], inside, aside or self._find_aside(name, a[name])
                )
        for name in b:
            if name not in set(names.values()):
                yield make_diverged(f"{path} -> {name}" if path else name, "is new")

    def _match_names(self, a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, str | None]:
        """Each name of ``a``, and the same one of ``b``: but for what is of each run alone."""
        if a.keys() == b.keys():
            return {name: name for name in a}
        left = {name for name in b if name not in a}
        found: dict[str, str | None] = {}
        for name in a:
            alike = [
                other for other in left if self._compare_texts(name, other).agreement is Agreement.IDENTICAL
            ]
            found[name] = name if name in b else alike[0] if len(alike) == 1 else None
        return found

    def _find_aside(self, name: str, value: Any) -> SetAside | None:
        """What is set aside by its name; an object with fields only where its last word says so."""
        kind_set_aside = self.looking.tolerance.kind_set_aside
        kind = kind_set_aside(name)
        if kind and isinstance(value, dict | Entries | InertObject):
            kind = kind_set_aside(name.replace("-", "_").rstrip("_").rpartition("_")[2]) and kind
        return SetAside(kind, name) if kind else None

    def _is_set_aside(self, a: Any, b: Any, aside: SetAside) -> bool:
        """Whether two leaves do not decide; a clock that neither run can have read is data."""
        if isinstance(a, _BRANCHES) or isinstance(b, _BRANCHES):
            return False
        looking = self.looking
        is_data = is_of_another_time(a, looking.of_a) and is_of_another_time(b, looking.of_b)
        return aside.kind != CLOCK or not is_data

    def _compare_items(
        self, a: Sequence[Any], b: Sequence[Any], path: str, aside: SetAside | None
    ) -> Iterator[Finding]:
        for number, (one, other) in enumerate(zip(a, b, strict=False)):
            yield from self.compare_values(one, other, f"{path}[{number}]", aside)
        if len(a) != len(b):
            yield make_diverged(f"{path}[{min(len(a), len(b))}]", f"{len(b)} items, was {len(a)}")

    def _compare_objects(
        self, a: InertObject, b: InertObject, path: str, aside: SetAside | None
    ) -> Iterator[Finding]:
        if a.describe != b.describe:
            yield make_diverged(path, f"{b.describe}, was {a.describe}")
            return
        for one, other in ((a.maker, b.maker), (a.arguments, b.arguments), (a.items, b.items)):
            yield from self.compare_values(one, other, path, aside)
        yield from self.compare_values(Entries(a.entries), Entries(b.entries), path, aside)
        if a.has_state or b.has_state:
            yield from self.compare_values(_state_of(a), _state_of(b), path, aside)

    def _compare_arrays(
        self, a: TypedArray, b: TypedArray, path: str, aside: SetAside | None
    ) -> Iterator[Finding]:
        if a.shape != b.shape or a.item._replace(order="", fields=()) != b.item._replace(
            order="", fields=()
        ):
            yield make_diverged(path, f"{b.describe}, was {a.describe}")
        elif a.item.fields or b.item.fields:
            yield from self._compare_fields(read_fields(a), read_fields(b), path, aside)
        elif aside:
            yield _make_finding(aside)
        elif a == b:
            yield IDENTICAL
        elif a.item.kind in "US":
            for number, (one, other) in enumerate(zip(read_texts(a), read_texts(b), strict=True)):
                yield self._compare_texts(one, other)._replace(where=f"{path}{place_of(number, a.shape)}")
        else:
            assert self.looking.spread is not None
            found = compare_arrays(a, b, self.looking.closeness, self.looking.spread)
            yield found._replace(where=f"{path}{found.where}")

    def _compare_sets(self, a: Unordered, b: Unordered, path: str) -> Iterator[Finding]:
        left = {exact_text(item, self.meaning): item for item in a.items}
        right = {exact_text(item, self.meaning): item for item in b.items}
        missing, new = (
            [one[text] for text in one if text not in other]
            for one, other in ((left, right), (right, left))
        )
        said = [f"{_show_value(new[0])} is new"] if new else []
        said += [f"{_show_value(missing[0])} is missing"] if missing else []
        yield make_diverged(path, "; ".join(said)) if said else IDENTICAL

    def _compare_texts(self, a: str, b: str) -> Finding:
        return compare_words(a, b, self.looking)


def compare_leaves(a: Any, b: Any, looking: Looking) -> Finding:
    """Two values that hold no others."""
    if isinstance(a, str) and isinstance(b, str):
        return compare_words(a, b, looking)
    if isinstance(a, bytes) and isinstance(b, bytes):
        return IDENTICAL if a == b else looking.compare_inside("", a, b)
    if _is_number(a) and _is_number(b):
        word = compare_numbers(a, b, looking.closeness)
        if a != b and looking.spread and word is not Agreement.IDENTICAL:
            looking.spread.add(a, b)
        return IDENTICAL if word is Agreement.IDENTICAL else Finding(word, note=f"{b}, was {a}")
    if type(a) is type(b) and a == b:
        return IDENTICAL
    return make_diverged(note=f"{_show_value(b)}, was {_show_value(a)}")


_BRANCHES = (dict, list, tuple, Entries, InertObject, Unordered)


def _make_finding(aside: SetAside) -> Finding:
    return set_aside(*aside)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _state_of(made: InertObject) -> Any:
    """The attributes of an object; a pair of them and the slots is both."""
    return made.state if made.has_state else {}


def _show_value(value: Any) -> str:
    """A value for people, in a few words."""
    match value:
        case str():
            return f'"{value}"'
        case dict() | Entries():
            return "an object"
        case list():
            return "a list"
        case tuple():
            return f"({', '.join(map(_show_value, value))})"
        case bytes():
            return f"{len(value):,} bytes"
        case TypedArray() | InertObject():
            return value.describe
        case Unordered():
            return "a set"
        case bool() | None:
            return str(value).lower() if value is not None else "null"
    return str(value)
