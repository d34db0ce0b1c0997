"""Completion of filters: names, comparisons, and values of runs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal

from reprise.named_tuple import NamedTuple
from reprise.schemas.entities import RUN_STATUSES
from reprise.tracking.protocols.store import TrackingStore
from reprise.tracking.search.language import ENTITIES
from reprise.tracking.search.vocabulary import (
    DATASET_FIELDS,
    NUMBER_OPERATORS,
    RUN_ATTRIBUTES,
    TEXT_OPERATORS,
)
from reprise.ui.runs.columns import quoted

_MOST = 30
_TEXT = r"'(?:[^']|'')*+'"  # possessive: no backtracking on text with many quotes
_AND = re.compile(rf"(?:{_TEXT}|\"[^\"]*\"|`[^`]*`|[^'\"`])*?\bAND\s+", re.IGNORECASE | re.DOTALL)
_NAME = r"(?P<name>[^\s=<>!'\"(),`]*(?:`[^`]*`|\"[^\"]*\")?)"
_OPERATOR = r"(?P<operator>=|!=|<=|>=|<|>|(?:NOT\s+)?IN\s*\((?:\s*'(?:[^']|'')*+'\s*,)*+|I?LIKE)"
_UNFINISHED_NAME = re.compile(r"(?P<word>[^\s=<>!'\"(),`]*(?:`[^`]*|\"[^\"]*)?)", re.DOTALL)
_UNFINISHED_OPERATOR = re.compile(rf"{_NAME}\s+(?P<word>[A-Za-z ]*|!)", re.DOTALL)
_UNFINISHED_VALUE = re.compile(
    rf"{_NAME}\s*{_OPERATOR}\s*(?P<word>'(?:[^']|'')*|)", re.IGNORECASE | re.DOTALL
)
_FINISHED = re.compile(
    rf"{_NAME}\s*(?:{_OPERATOR}\s*(?:{_TEXT}\s*\)?|[\d.eE+-]+)|IS\s+(?:NOT\s+)?NULL)\s+(?P<word>\w*)",
    re.IGNORECASE | re.DOTALL,
)
_TAIL = re.compile(r"'[^']*'|[^\s=<>!'\"(),`]*[`\"]?")
_TAIL_OF_TEXT = re.compile(r"[^\s']*'?")


class Completion(NamedTuple):
    """Completions: ``options`` replace ``word`` before the cursor and ``tail`` after it.

    Both are text, since Python and browsers count characters differently.
    """

    word: str = ""
    tail: str = ""
    options: Sequence[str] = ()


def completion(store: TrackingStore, experiment_id: str, typed: str, rest: str = "") -> Completion:
    """Return the completions of ``typed``, the filter before the cursor; ``rest`` is the text after it."""
    word, options = _following(store, experiment_id, typed)
    tail = (_TAIL_OF_TEXT if word.startswith("'") else _TAIL).match(rest)
    return Completion(word, tail.group() if tail else "", [one for one in options if one != word][:_MOST])


def _following(store: TrackingStore, experiment_id: str, typed: str) -> tuple[str, Sequence[str]]:
    """Return the last word of ``typed``, and its completions."""
    begin = _begin(typed)
    clause = typed[begin:]
    if found := _FINISHED.fullmatch(clause):
        return found["word"], _fitting(found["word"], ["AND "])
    if found := _UNFINISHED_VALUE.fullmatch(clause):
        values = _values(store, experiment_id, found["name"], found["word"])
        return found["word"], _fitting(found["word"], values)
    if found := _UNFINISHED_NAME.fullmatch(clause):
        return found["word"], _fitting(found["word"], _names(store, experiment_id), within=True)
    if found := _UNFINISHED_OPERATOR.fullmatch(clause):
        operators = [f"{word} " for word in _operators(found["name"])]
        return found["word"], _fitting(found["word"], operators)
    return "", ()


def _begin(typed: str) -> int:
    """Return the start of the last comparison."""
    begin = 0
    while found := _AND.match(typed, begin):
        begin = found.end()
    return begin + len(typed[begin:]) - len(typed[begin:].lstrip())


def _fitting(word: str, options: Iterable[str], *, within: bool = False) -> Sequence[str]:
    """Return the ``options`` that begin with ``word``, then those that contain it if ``within``."""
    small = word.lower()
    known = list(options)
    starting = [one for one in known if one.lower().startswith(small)]
    holding = [one for one in known if within and small in one.lower() and one not in starting]
    return [*starting, *holding]


def _names(store: TrackingStore, experiment_id: str) -> Iterable[str]:
    keys = store.data_keys([experiment_id])
    for kind, found in (("metrics", keys.metrics), ("params", keys.params), ("tags", keys.tags)):
        yield from (name for key in found if (name := quoted(kind, key)))
    yield from (name for name in RUN_ATTRIBUTES if name.isidentifier() and name.islower())
    yield from (f"datasets.{field}" for field in DATASET_FIELDS)


def _operators(name: str) -> Sequence[str]:
    kind, key = _entity(name)
    is_number = kind == "metric" or (
        kind == "attribute" and key in RUN_ATTRIBUTES and RUN_ATTRIBUTES[key].is_number
    )
    return NUMBER_OPERATORS if is_number else TEXT_OPERATORS


def _values(store: TrackingStore, experiment_id: str, name: str, word: str) -> Iterable[str]:
    kind, key = _entity(name)
    beginning = word[1:].replace("''", "'")
    found: Sequence[str] = ()
    if (kind, key) == ("attribute", "status"):
        found = RUN_STATUSES
    elif kind in ("param", "tag"):
        sort: Literal["param", "tag"] = "param" if kind == "param" else "tag"
        found = store.known_values([experiment_id], sort, key, beginning, _MOST)
    return ["'" + value.replace("'", "''") + "' " for value in found]


def _entity(name: str) -> tuple[str, str]:
    prefix, dot, key = name.partition(".")
    if not dot:
        return "attribute", name
    return ENTITIES.get(prefix.lower(), ""), key.strip("`\"'")
