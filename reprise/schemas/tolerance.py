"""How far two runs may differ and still count as the same: a number, or a file that says it by name."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from pathlib import Path

from reprise.errors import UsageError
from reprise.named_tuple import NamedTuple
from reprise.schemas.field_names import KINDS_OF_FIELDS, kind_of_field

IGNORE = "ignore"
IGNORED = "ignored"


class Closeness(NamedTuple):
    """Two numbers are close when they differ by no more than ``abs``, or than ``rel`` times the larger."""

    rel: float = 0.0
    abs: float = 0.0


EXACT = Closeness()


class Tolerance(NamedTuple):
    """``metrics`` and ``artifacts`` map patterns to what holds for them, None for: it does not decide.

    ``ignore`` names kinds of parts, and fields by patterns, that do not decide; ``compare`` those that do.
    ``aside`` are the kinds of fields that their names set aside. ``strict``: nothing is set aside, and the
    output log decides.
    """

    default: Closeness = EXACT
    metrics: Mapping[str, Closeness | None] = {}
    artifacts: Mapping[str, Closeness | None] = {}
    ignore: tuple[str, ...] = ()
    compare: tuple[str, ...] = ()
    aside: frozenset[str] = KINDS_OF_FIELDS
    strict: bool = False

    def of_metric(self, name: str) -> Closeness:
        """How close the values of a metric must be; exact where it does not decide."""
        pattern = _pattern_for(name, self.metrics)
        return (self.metrics[pattern] if pattern is not None else self.default) or EXACT

    def of_artifact(self, path: str) -> Closeness | None:
        pattern = _pattern_for(path, self.artifacts)
        return self.artifacts[pattern] if pattern is not None else self.default

    def kind_set_aside(self, field_name: str) -> str | None:
        """Why values of a field (a metric, a key of JSON, a column) do not decide: one of the words of
        :mod:`reprise.schemas.field_names`, or ``ignored`` by the tolerance file. None: they decide.

        The name says so; a value may at most make data of a clock. A parameter of the entry point is not
        asked about.
        """
        if self.strict or _pattern_for(field_name, self.compare) is not None:
            return None
        if _pattern_for(field_name, self.ignore) is not None:
            return IGNORED
        kind = kind_of_field(field_name)
        return kind if kind in self.aside else None

    def kind_of_metric(self, name: str) -> str | None:
        """As :meth:`kind_set_aside`; a tolerance that the file gives to the metric makes it decide."""
        pattern = _pattern_for(name, self.metrics)
        if pattern is None:
            return self.kind_set_aside(name)
        return None if self.metrics[pattern] else IGNORED


def of_text(text: str) -> Tolerance:
    """The tolerance of ``--tolerance``: relative and absolute at once.

    Raises:
        UsageError: it is not a number >= 0.
    """
    try:
        amount = float(text)
    except ValueError:
        amount = math.nan
    if not (math.isfinite(amount) and amount >= 0):
        raise UsageError(f'--tolerance "{text}" is not a number from 0 on', hint="for example 1e-6")
    return Tolerance(Closeness(amount, amount))


def read_tolerance(path: Path) -> Tolerance:
    """The tolerance that a YAML or JSON file holds.

    Raises:
        ProjectError: with all its faults.
        UsageError: it cannot be read.
    """
    from reprise.schemas.faults import Findings, refuse_faults
    from reprise.schemas.validation import validate_document
    from reprise.schemas.yaml import document
    from reprise.schemas.yaml.nodes import to_data

    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"--tolerance-file {path} cannot be read: {error.strerror}") from error
    findings = Findings(path.name)
    root = document.read_document(content, findings)
    if root is not None:
        validate_document(root, "tolerance", findings)
    refuse_faults([findings])
    assert root is not None  # what cannot be read is a fault
    return _parse_tolerance(to_data(root))


def _parse_tolerance(content: object) -> Tolerance:
    assert isinstance(content, dict)  # the schema says so
    return Tolerance(
        _parse_closeness(content.get("default", 0.0)) or EXACT,
        {name: _parse_closeness(rule) for name, rule in content.get("metrics", {}).items()},
        {name: _parse_closeness(rule) for name, rule in content.get("artifacts", {}).items()},
        tuple(content.get("ignore", ())),
        tuple(content.get("compare", ())),
    )


def _parse_closeness(rule: object) -> Closeness | None:
    if isinstance(rule, dict):
        return Closeness(rule.get("rel", 0.0), rule.get("abs", 0.0))
    return Closeness(rule, rule) if isinstance(rule, float) else None


def _pattern_for(name: str, patterns: Collection[str]) -> str | None:
    """The name as it is written, for it may hold brackets; else the first pattern that fits."""
    from fnmatch import fnmatchcase

    if name in patterns:
        return name
    return next((pattern for pattern in patterns if fnmatchcase(name, pattern)), None)
