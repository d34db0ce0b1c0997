"""The verdict as JSON, printed and kept with the run; docs/reference/verdict.md says what it means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from reprise.runner.verdict.values import CHILD_RUN, Agreement, ChildVerdict, Part, SetAside, Verdict
from reprise.schemas.tolerance import IGNORE, Closeness, Tolerance

VERSION = 2

_NAMES = 50  # of what was set aside, of one kind
_CHILDREN = 200  # of one run that are listed by name


def as_data(found: Verdict) -> dict[str, Any]:
    """All of the verdict, of its child runs those in which something is not identical."""
    return {
        "version": VERSION,
        "verdict": found.word,
        "where": found.where,
        "reproduced": found.reproduced,
        "decided_by": list(found.decided_by),
        "reservations": list(found.reservations),
        "causes": list(found.causes),
        "set_aside": {
            kind: {"count": len(names), "names": names[:_NAMES]}
            for kind, names in names_set_aside(found.set_aside).items()
        },
        "original": found.original,
        "again": found.again,
        "tolerance": _rules_of(found.tolerance),
        "parts": [*map(_part_as_data, _list_parts(found.parts))],
        "children": [*map(_child_as_data, found.children[:_CHILDREN])],
    }


def _part_as_data(item: Part) -> dict[str, Any]:
    return {
        "part": item.kind,
        "name": item.name,
        "verdict": str(item.agreement),
        "where": item.where,
        "note": item.note,
        "decides": item.decides,
        "set_aside": [aside._asdict() for aside in item.set_aside[:_NAMES]],
    }


def names_set_aside(aside: Iterable[SetAside]) -> dict[str, list[str]]:
    """The names that were set aside by what they are, the kind with the most names first."""
    kinds: dict[str, list[str]] = {}
    for item in aside:
        kinds.setdefault(item.kind, []).append(item.name)
    return dict(sorted(kinds.items(), key=lambda pair: -len(pair[1])))


def _list_parts(parts: Sequence[Part]) -> Sequence[Part]:
    """All parts, but thousands of child runs that are identical are one."""
    same = [item for item in parts if item.kind == CHILD_RUN and item.agreement is Agreement.IDENTICAL]
    if len(same) <= _CHILDREN:
        return parts
    rest = {id(item) for item in same[_CHILDREN:]}
    more = Part(CHILD_RUN, f"and {len(rest):,} more", Agreement.IDENTICAL)
    return [*(item for item in parts if id(item) not in rest), more]


def _child_as_data(child: ChildVerdict) -> dict[str, Any]:
    return {
        "name": child.name,
        "original": child.original,
        "again": child.again,
        "verdict": str(child.agreement),
        "where": child.where,
        "parts": [*map(_part_as_data, child.parts)],
        "children": [*map(_child_as_data, child.children[:_CHILDREN])],
    }


def _rules_of(tolerance: Tolerance) -> dict[str, Any]:
    """As a tolerance file says it."""

    def list_rules(named: Mapping[str, Closeness | None]) -> dict[str, Any]:
        return {name: rule._asdict() if rule else IGNORE for name, rule in named.items()}

    return {
        "default": tolerance.default._asdict(),
        "metrics": list_rules(tolerance.metrics),
        "artifacts": list_rules(tolerance.artifacts),
        "ignore": list(tolerance.ignore),
        "compare": list(tolerance.compare),
        "strict": tolerance.strict,
    }
