"""MLflow's search language: the text of a filter or an order_by, as values.

    metrics.acc > 0.9 AND params."max depth" = '3' AND tags.`team` ILIKE 'vision%' AND status IN ('FAILED')

A name is ``metrics. params. tags. datasets. attributes.`` and a key, or the bare name of an attribute. A
key with other characters than letters, digits and ``_ . - /`` is written in backticks or quotes.
``tracking/sqlite/search`` turns the values into SQL; which names and comparisons an entity has is known
there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

from reprise.errors import TrackingError
from reprise.schemas.faults import did_you_mean

Literal = str | int | float
ENTITIES = {
    word: entity
    for entity, words in {
        "metric": "metric metrics",
        "param": "param params parameter parameters",
        "tag": "tag tags",
        "attribute": "attribute attributes attr run trace",
        "dataset": "dataset datasets",
        "metadata": "metadata request_metadata",
        "feedback": "feedback",
        "expectation": "expectation",
        "span": "span",
        "issue": "issue",
    }.items()
    for word in words.split()
}
_OF_TRACES = ("metadata", "feedback", "expectation", "span", "issue")
_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<text>'(?:[^']|'')*' | "(?:[^"]|"")*")
      | (?P<tick>`[^`]*`)
      | (?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))
      | (?P<word>[^\W\d][\w.\-/]*)
      | (?P<sign><=|>=|!=|=|<|>)
      | (?P<mark>[(),])""",
    re.VERBOSE,
)

MOST_COMPARISONS = 200
MOST_VALUES = 10_000
LONGEST_PATTERN = 10_000
MOST_ORDERS = 100
"""What one search may ask at most; the database would refuse not much more, in words of its own."""
_LONGEST_NUMBER = 400  # characters
_LARGEST_WHOLE = 2**63  # that the database compares exactly


@dataclass(frozen=True, slots=True)
class Name:
    """What is compared or sorted by: a key of an entity. ``at`` is its place in ``source``."""

    entity: str
    key: str
    source: str
    at: int

    def fault(self, message: str) -> NoReturn:
        fault(self.source, self.at, message)


@dataclass(frozen=True, slots=True)
class Comparison:
    """``operator`` in capitals; ``values`` are one or, of IN, several, or none of IS [NOT] NULL."""

    name: Name
    operator: str
    values: tuple[Literal, ...]
    at: int

    def fault(self, message: str) -> NoReturn:
        fault(self.name.source, self.at, message)


@dataclass(frozen=True, slots=True)
class Order:
    name: Name
    ascending: bool


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int

    @property
    def word(self) -> str:
        return self.text.upper() if self.kind == "word" else ""


def fault(source: str, at: int, message: str) -> NoReturn:
    """Refuse ``source`` with a message and an arrow at the character in question."""
    line = source.replace("\n", " ").replace("\t", " ")
    start = max(0, at - 60)
    arrow = " " * (at - start) + "^"
    raise TrackingError(
        f"search, character {at + 1}: {message}\n    {line[start : start + 100]}\n    {arrow}",
        code="INVALID_PARAMETER_VALUE",
        at=at,
    )


def parse_filter(source: str) -> list[Comparison]:
    """Return the comparisons of a filter, which must all hold; none if it is blank."""
    reader = _FilterReader(source)
    if reader.done():
        return []
    comparisons = [reader.comparison()]
    while not reader.done():
        token = reader.next()
        if token.word != "AND":
            only = "comparisons are joined by AND only" if token.word == "OR" else "expected AND"
            fault(source, token.at, f"{only}, found {token.text}")
        comparisons.append(reader.comparison())
    if len(comparisons) > MOST_COMPARISONS:
        fault(source, comparisons[MOST_COMPARISONS].name.at, f"more than {MOST_COMPARISONS} comparisons")
    if sum(len(comparison.values) for comparison in comparisons) > MOST_VALUES:
        fault(source, 0, f"more than {MOST_VALUES} values")
    return comparisons


def parse_order(source: str) -> Order:
    """One item of an order_by: a name, and ASC (the default) or DESC."""
    reader = _FilterReader(source)
    name = reader.name()
    ascending = True
    if not reader.done():
        token = reader.next()
        if token.word not in {"ASC", "DESC"}:
            fault(source, token.at, f"expected ASC or DESC, found {token.text}")
        ascending = token.word == "ASC"
    if not reader.done():
        token = reader.next()
        fault(source, token.at, f"expected nothing more, found {token.text}")
    return Order(name, ascending)


class _FilterReader:
    """Reads tokens from left to right; every refusal says where."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._tokens = list(_tokens(source))
        self._position = 0

    def done(self) -> bool:
        return self._position == len(self._tokens)

    def next(self, expected: str = "more") -> _Token:
        if self.done():
            fault(self._source, len(self._source.rstrip()), f"expected {expected}, found the end")
        self._position += 1
        return self._tokens[self._position - 1]

    def _accept(self, *words: str) -> bool:
        """Step over these words when they come next."""
        ahead = self._tokens[self._position : self._position + len(words)]
        if [token.word for token in ahead] != list(words):
            return False
        self._position += len(words)
        return True

    def name(self) -> Name:
        token = self.next("a name such as metrics.acc")
        if token.kind == "tick":
            return Name("attribute", token.text[1:-1], self._source, token.at)
        if token.kind != "word":
            fault(self._source, token.at, f"expected a name such as metrics.acc, found {token.text}")
        prefix, dot, key = token.text.partition(".")
        if not dot:
            return Name("attribute", token.text, self._source, token.at)
        entity = ENTITIES.get(prefix.lower())
        if entity is None:
            near = did_you_mean(prefix, ("metrics", "params", "tags", "attributes", "datasets"))
            known = "metrics, params, tags, attributes, datasets; of traces also " + ", ".join(_OF_TRACES)
            fault(self._source, token.at, f"Invalid entity type {prefix!r}{near}. Valid values are {known}")
        return Name(entity, key or self._quoted_key(token), self._source, token.at)

    def _quoted_key(self, prefix: _Token) -> str:
        end = prefix.at + len(prefix.text)
        if self.done() or self._tokens[self._position].at != end:
            fault(self._source, end, f"expected a key after {prefix.text}")
        token = self.next()
        if token.kind not in {"tick", "text"}:
            fault(self._source, token.at, "a key is quoted by backticks or quotes")
        return token.text[1:-1]

    def comparison(self) -> Comparison:
        name = self.name()
        at = self._tokens[self._position].at if not self.done() else len(self._source)
        for operator in ("IS NOT NULL", "IS NULL", "NOT IN", "IN"):
            if self._accept(*operator.split()):
                return Comparison(name, operator, self._list() if "IN" in operator.split() else (), at)
        token = self.next("a comparison such as = or LIKE")
        if token.kind != "sign" and token.word not in {"LIKE", "ILIKE"}:
            fault(self._source, token.at, f"expected a comparison such as = or LIKE, found {token.text}")
        value = self._literal()
        if "LIKE" in token.word and len(str(value)) > LONGEST_PATTERN:
            fault(self._source, at, f"a pattern has at most {LONGEST_PATTERN} characters")
        return Comparison(name, token.text.upper(), (value,), at)

    def _literal(self) -> Literal:
        token = self.next("a number or a quoted text")
        if token.kind == "text":
            quote = token.text[0]
            return token.text[1:-1].replace(quote * 2, quote)
        if token.kind != "number":
            wanted = f"put it in quotes: '{token.text}'" if token.kind == "word" else "expected a value"
            fault(self._source, token.at, f"a text must be quoted; {wanted}, found {token.text}")
        if len(token.text) > _LONGEST_NUMBER:
            fault(self._source, token.at, "the number is too long")
        value = float(token.text)
        exact = token.text.lstrip("+-").isdecimal() and abs(value) < _LARGEST_WHOLE
        return int(token.text) if exact else value

    def _list(self) -> tuple[Literal, ...]:
        self._mark("(")
        values = [self._literal()]
        while (token := self.next("a comma or a closing bracket")).text == ",":
            values.append(self._literal())
        if token.text != ")":
            fault(self._source, token.at, f"expected a comma or a closing bracket, found {token.text}")
        return tuple(values)

    def _mark(self, mark: str) -> None:
        token = self.next(mark)
        if token.text != mark:
            fault(self._source, token.at, f"expected {mark}, found {token.text}")


def _tokens(source: str) -> list[_Token]:
    tokens = []
    at = 0
    while at < len(source):
        match = _TOKEN.match(source, at)
        if match is None:
            quote = source[at] in "'\"`"
            fault(source, at, "this quote is not closed" if quote else f"unexpected {source[at]!r}")
        kind = str(match.lastgroup)
        if kind != "space":
            tokens.append(_Token(kind, match.group(), at))
        at = match.end()
    return tokens
