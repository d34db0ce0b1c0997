"""Which Pythons have wheels of packages that could not be built for the requested Python.

This is looked up when a build has failed: it takes one short call of uv for each Python there is.
"""

from __future__ import annotations

from collections.abc import Sequence

from reprise.envs.pythons.candidates import Candidate, Candidates, list_released_series
from reprise.envs.virtualenv import wheel_coverage
from reprise.envs.virtualenv.question import ResolutionQuestion
from reprise.envs.virtualenv.wheel_coverage import SOURCES, Wheels, name_of
from reprise.errors import EnvError

_LAST = 99  # packages may ask for a late patch release of a series


def with_other_pythons(
    error: EnvError, question: ResolutionQuestion, python: Candidate, pinned: Sequence[str] = ()
) -> EnvError:
    """``error`` of a resolution or an installation for ``python``, with the Pythons that have wheels.

    Args:
        pinned: what was to be installed; without it the project's own requirements count.
    """
    if question.policy.offline or question.policy.packages is not None:
        return error
    lines = pinned or wheel_coverage.requirements_of(question)
    everywhere = Candidates(Candidate(f"{series}.{_LAST}") for series in list_released_series())
    wheels = Wheels(question, everywhere, lines)
    lacking = wheels.lacking(python)
    subject = " and ".join(f"{name} {version}" for name, version in lacking.items())
    if pinned or lacking:  # other pins were resolved for this Python
        lines = [line for line in lines if line.startswith(SOURCES) or name_of(line) in lacking]
        wheels = Wheels(question, everywhere, lines)
    if not lacking and (pinned or not wheels.objection(python)):
        return error
    fitting = [other.series for other in everywhere if not wheels.objection(other)]
    if not fitting or python.series in fitting:
        return error
    said = f"{subject or 'what the project asks for'} {'have' if len(lacking) > 1 else 'has'} wheels"
    hint = f"{said} for Python {_listed(fitting)}: select one (--python, or in the environment file)"
    return EnvError(error.message, hint=hint)


def _listed(series: Sequence[str]) -> str:
    """``3.6, 3.7 and 3.8``, the oldest first."""
    oldest_first = list(reversed(series))
    *others, last = oldest_first
    return f"{', '.join(others)} and {last}" if others else last
