"""Select the Python of a project that does not set it: the newest for which nothing has to be compiled.

A package that ships wheels at all has them for the Pythons of its time. First the project's own pins are
held against the index, which takes one short call of uv for a Python; then comes a whole resolution, whose
packages are held against the index once more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from reprise.envs.pythons import interpreters
from reprise.envs.pythons.candidates import (
    Candidate,
    Candidates,
    find_candidates,
    is_newer,
)
from reprise.envs.virtualenv import wheel_coverage
from reprise.envs.virtualenv.compiling import UnfitPython
from reprise.envs.virtualenv.pins import Pin
from reprise.envs.virtualenv.question import ResolutionQuestion
from reprise.envs.virtualenv.wheel_coverage import Wheels
from reprise.errors import EnvError
from reprise.named_tuple import NamedTuple

Resolve = Callable[[Candidate], tuple[Pin, ...]]
"""The resolution for a Python; EnvError where there is none."""

_TRIES = 5  # resolutions that may fail; each may have built packages


class Fit(NamedTuple):
    """A Python with the resolution for it.

    ``reason`` says why it is not another, empty for the first candidate; ``built`` are packages that have a
    wheel for another Python and must be built for this one, as ``name version``.
    """

    python: Candidate
    pins: tuple[Pin, ...]
    reason: str = ""
    built: tuple[str, ...] = ()


def candidates_of(question: ResolutionQuestion) -> Candidates:
    """The Pythons that come into question.

    Raises:
        EnvError: there is none.
    """
    policy = question.policy
    found = find_candidates(question.python, question.log, offline=policy.offline, as_of=policy.as_of)
    if found:
        return found
    if policy.as_of:  # none of that time is here: the oldest comes nearest
        younger = find_candidates(question.python, question.log, offline=policy.offline).keep_installed()
        if younger:
            return Candidates(reversed(list(younger)))
    python = interpreters.find_interpreter(question.python, question.log, offline=policy.offline)
    return Candidates(iter([Candidate(python.version, python.path)]))


def choose_python(
    question: ResolutionQuestion, candidates: Candidates, resolve: Resolve, *, installed: bool = False
) -> Fit:
    """The first of ``candidates`` whose resolution is all wheels, of what ships wheels.

    Where there is none: the one for which the fewest packages have to be built.

    Args:
        installed: only those that are on this machine are taken; the others still say what ships wheels.

    Raises:
        EnvError: there is no resolution for any; that of the first one that was tried.
    """
    own = wheel_coverage.requirements_of(question)
    wheels = Wheels(question, candidates, own) if wheel_coverage.is_bounded(own) else None
    search = _Search(question, candidates, resolve)
    fits = []
    eligible = candidates.keep_installed() if installed else candidates
    for python in eligible:
        if wheels is not None and (objection := wheels.objection(python)):
            search.pass_over(python, objection)
        elif fit := search.attempt_python(python):
            if not fit.built:
                return fit
            fits.append(fit)
    if wheels is not None and not fits and search.error is None:
        ranked = sorted(eligible, key=wheels.rank)
        fits = [fit for python in ranked[:1] if (fit := search.attempt_python(python))]
    if fits:
        return min(fits, key=lambda fit: len(fit.built))
    assert search.error is not None
    raise search.error


def newest_fitting(question: ResolutionQuestion, pins: Sequence[str]) -> Candidate:
    """The first candidate for which ``pins``, or else the project's own requirements, have wheels."""
    candidates = candidates_of(question)
    wheels = Wheels(question, candidates, pins or wheel_coverage.requirements_of(question))
    fitting = (python for python in candidates if not wheels.objection(python))
    return next(fitting, next(iter(candidates)))


class _Search:
    """Resolutions for one Python after the other; ``error`` is the first that failed."""

    def __init__(self, question: ResolutionQuestion, candidates: Candidates, resolve: Resolve) -> None:
        self.error: EnvError | None = None
        self._question = question
        self._candidates = candidates
        self._resolve = resolve
        self._failed = 0
        self._passed_over: tuple[Candidate, str] | None = None

    def pass_over(self, python: Candidate, objection: str) -> None:
        self._passed_over = (python, objection)

    def attempt_python(self, python: Candidate) -> Fit | None:
        """Return the resolution for ``python``; None if there is none, or if further tries are useless."""
        if self._failed == _TRIES:
            return None
        try:
            pins = self._resolve(python)
        except EnvError as error:
            self.error = self.error or error
            self._failed = self._failed + 1 if isinstance(error, UnfitPython) else _TRIES
            unbuilt = error.unbuilt if isinstance(error, UnfitPython) else ""
            self.pass_over(
                python, f"{unbuilt} cannot be built" if unbuilt else "the packages cannot be resolved"
            )
            return None
        named = [pin.head for pin in pins if pin.name and pin.path is None and "==" in pin.head]
        sources = [line for line in self._question.asked.lines if line.startswith(wheel_coverage.SOURCES)]
        lacking = Wheels(self._question, self._candidates, [*sources, *named]).lacking(python)
        fit = Fit(python, pins, self._find_reason(python), tuple(map(" ".join, lacking.items())))
        self.pass_over(python, wheel_coverage.without_wheels(lacking))
        return fit

    def _find_reason(self, python: Candidate) -> str:
        """Why ``python``: what speaks against the last one that was passed over."""
        if self._passed_over is None:
            return ""
        other, objection = self._passed_over
        return f"{objection} for {'a newer' if is_newer(other, python) else 'an older'} one"
