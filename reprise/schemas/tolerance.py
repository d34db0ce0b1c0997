"""How far two runs may differ and still count as the same: a number, or a file that says it by name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from reprise.errors import UsageError
from reprise.schemas.field_names import kind_of_field

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
    ``strict``: nothing is set aside, and the output log decides.
    """

    default: Closeness = EXACT
    metrics: Mapping[str, Closeness | None] = {}
    artifacts: Mapping[str, Closeness | None] = {}
    ignore: tuple[str, ...] = ()
    compare: tuple[str, ...] = ()
    strict: bool = False

    def of_metric(self, name: str) -> Closeness | None:
        """What holds for a metric; those of the system decide only where the file names them."""
        return _first(self.metrics, name, None if name.startswith("system/") else self.default)

    def of_artifact(self, path: str) -> Closeness | None:
        return _first(self.artifacts, path, self.default)

    def kind_set_aside(self, field_name: str) -> str | None:
        """Why values of a field (a metric, a key of JSON, a column) do not decide: ``duration``, ``clock``,
        ``rate``, ``latency``, ``memory``, or ``ignored`` by the tolerance file. None: they decide.

        The name alone says so, never the value. A parameter of the entry point is not asked about.
        """
        if self.strict or _matches(field_name, self.compare):
            return None
        return IGNORED if _matches(field_name, self.ignore) else kind_of_field(field_name)


def of_text(text: str) -> Tolerance:
    """The tolerance of ``--tolerance``: relative and absolute at once.

    Raises:
        UsageError: it is no number from 0 on.
    """
    try:
        amount = float(text)
    except ValueError:
        amount = math.nan
    if not (math.isfinite(amount) and amount >= 0):
        raise UsageError(f'--tolerance "{text}" is not a number from 0 on', hint="for example 1e-6")
    return Tolerance(Closeness(amount, amount))


def read(path: Path) -> Tolerance:
    """The tolerance that a YAML or JSON file holds.

    Raises:
        ProjectError: with all its faults.
        UsageError: it cannot be read.
    """
    from reprise.schemas import document
    from reprise.schemas.faults import Findings, refuse_faults
    from reprise.schemas.nodes import data
    from reprise.schemas.validation import validate

    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"--tolerance-file {path} cannot be read: {error.strerror}") from error
    findings = Findings(path.name)
    root = document.read(content, findings)
    if root is not None:
        validate(root, "tolerance", findings)
    refuse_faults([findings])
    assert root is not None  # what cannot be read is a fault
    return _tolerance(data(root))


def _tolerance(content: object) -> Tolerance:
    assert isinstance(content, dict)  # the schema says so
    return Tolerance(
        _closeness(content.get("default", 0.0)) or EXACT,
        {name: _closeness(rule) for name, rule in content.get("metrics", {}).items()},
        {name: _closeness(rule) for name, rule in content.get("artifacts", {}).items()},
        tuple(content.get("ignore", ())),
        tuple(content.get("compare", ())),
    )


def _closeness(rule: object) -> Closeness | None:
    if isinstance(rule, dict):
        return Closeness(rule.get("rel", 0.0), rule.get("abs", 0.0))
    return Closeness(rule, rule) if isinstance(rule, float) else None


def _first(
    rules: Mapping[str, Closeness | None], name: str, otherwise: Closeness | None
) -> Closeness | None:
    """A name as it is written comes before the patterns: it may hold brackets."""
    from fnmatch import fnmatchcase

    if name in rules:
        return rules[name]
    return next((rule for pattern, rule in rules.items() if fnmatchcase(name, pattern)), otherwise)


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    from fnmatch import fnmatchcase

    return any(name == pattern or fnmatchcase(name, pattern) for pattern in patterns)
