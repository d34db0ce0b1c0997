"""Pythons that ran beside the one of the environment, such as one that a command names by its path.

The record has packages of these alone: those of the environment are known from it.
"""

from __future__ import annotations

from collections.abc import Iterator

from reprise.runner.verdict.recorded import Recorded
from reprise.schemas.environment import Package
from reprise.schemas.record.observed_record import InterpreterRecord

_OWN = "reprise-ml"  # ours, which no script of a run needs


def packages_beside(run: Recorded) -> Iterator[Package]:
    """What other interpreters had installed; of several, each name with the folder that it is of."""
    others = [item for item in _interpreters_of(run) if item.packages is not None]
    for item in others:
        suffix = f" of {item.prefix}" if len(others) > 1 else ""
        for name, version in {"python": item.python, **(item.packages or {})}.items():
            if name.lower() != _OWN:
                yield Package(f"{name}{suffix}", version, "pypi")


def ran_in_environment(run: Recorded) -> bool:
    """Whether the Python of the environment ran, or that is not known."""
    found = _interpreters_of(run)
    return not found or any(item.packages is None for item in found)


def _interpreters_of(run: Recorded) -> tuple[InterpreterRecord, ...]:
    observed = run.record.observed if run.record else None
    return observed.interpreters if observed else ()
