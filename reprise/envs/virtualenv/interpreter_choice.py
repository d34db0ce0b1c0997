"""The Python of a project without a lock, and its packages: the requested Python, or one that they
support.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence

from reprise.envs.pythons import interpreters
from reprise.envs.pythons.candidates import Candidate, was_released
from reprise.envs.pythons.interpreters import Interpreter
from reprise.envs.virtualenv import fitting, user_words
from reprise.envs.virtualenv.compiling import (
    CompilerAnswer,
    UnfitPython,
    compile_packages,
    pins_of,
)
from reprise.envs.virtualenv.fitting import Fit
from reprise.envs.virtualenv.pins import Pin
from reprise.envs.virtualenv.question import ResolutionQuestion
from reprise.envs.virtualenv.wheel_hints import with_other_pythons
from reprise.errors import EnvError
from reprise.named_tuple import NamedTuple

logger = logging.getLogger(__name__)


class Fitted(NamedTuple):
    """The resolution for the Python that a project gets, and sentences on what was decided for it.

    ``lines`` are as uv gives them, ``pins`` those for this machine.
    """

    python: Interpreter
    lines: list[str]
    pins: tuple[Pin, ...]
    notes: tuple[str, ...] = ()


def fit_packages(
    question: ResolutionQuestion,
    *,
    preferred: Iterable[Pin] = (),
    options: Callable[[Candidate], Sequence[str]] = lambda _: (),
) -> Fitted:
    """The packages for the Python that is named, or for the one that they fit.

    Args:
        preferred: versions to keep where the requirements allow it.
        options: those of ``uv pip compile`` for a Python.

    Raises:
        EnvError: there is no resolution, or no such Python.
    """
    answers: dict[Candidate, CompilerAnswer] = {}
    preferred = tuple(preferred)

    def pins_for(python: Candidate, implementation: str = "CPython") -> tuple[Pin, ...]:
        answers[python] = compile_packages(question, python, preferred=preferred, options=options(python))
        return pins_of(question, answers[python], implementation, python.version)

    if is_open(question):
        python, fit = _find_fit(question, pins_for)
        candidate, found, why = fit.python, fit.pins, said_of(fit, question.policy.as_of)
    else:
        python = interpreter_for(question)
        candidate = Candidate(python.version, python.path)
        try:
            found = pins_for(candidate, python.implementation)
        except UnfitPython as error:
            raise with_other_pythons(error, question, candidate) from error
        why = interpreters.describe_relaxed(question.python, python.version)
    answer = answers[candidate]
    notes = tuple(filter(None, (why, *question.spec.notes, *question.asked.notes, *answer.notes)))
    for note in notes:
        logger.info("%s", note)
    return Fitted(python, answer.lines, found, notes)


def said_of(fit: Fit, as_of: str | None = None) -> str:
    """Which Python was taken, and why."""
    by_then = f" that was released by {as_of[:10]}" if as_of else ""
    reason = fit.reason or f"the newest{by_then}; the project does not set one"
    if as_of and not was_released(fit.python.series, as_of):
        reason = f"none that was released by {as_of[:10]} is here"
    built = f"; {', '.join(fit.built)} must still be built from source" if fit.built else ""
    return f"Python {fit.python.version}: {reason}{built}"


def interpreter_for(question: ResolutionQuestion) -> Interpreter:
    """The Python that ``question`` names; another patch release than asked for only where that may be.

    Raises:
        EnvError: it is not on this machine and cannot be downloaded.
    """
    policy = question.policy
    try:
        return interpreters.find_interpreter(
            question.python, question.log, offline=policy.offline, exact=policy.locked
        )
    except EnvError as error:
        raise _in_words(error, question) from error


def _in_words(error: EnvError, question: ResolutionQuestion) -> EnvError:
    """``error`` about a Python, with what the project says."""
    words = None if question.policy.python else user_words.of_python(question.spec)
    return error if words is None else EnvError(f"{words}: {error.message}", hint=error.hint)


def plan_version(question: ResolutionQuestion) -> str:
    """The version that :func:`interpreter_for` would give; nothing is downloaded.

    Raises:
        EnvError: it is not on this machine, and uv may not or cannot download it.
    """
    request, policy = question.python, question.policy
    found = interpreters.find_here(request, question.log, exact=policy.locked)
    if found is not None:
        return found.version
    if not policy.offline and interpreters.is_downloadable(request or "", question.log):
        return f"{request}, which is not on this machine and would be downloaded"
    raise _in_words(
        interpreters.explain_missing(request or "", question.log, offline=policy.offline), question
    )


def without_resolving(question: ResolutionQuestion, pinned: Iterable[Pin] = ()) -> Interpreter:
    """The Python that is named, or the newest for which ``pinned`` or the project's own pins have wheels.

    Raises:
        EnvError: it is not on this machine and cannot be downloaded.
    """
    if not is_open(question):
        return interpreter_for(question)
    python = fitting.newest_fitting(question, [pin.head for pin in pinned if "==" in pin.head])
    if python.path is not None:
        return interpreters.read_interpreter(python.path, question.log)
    return interpreters.find_interpreter(
        python.version, question.log, offline=question.policy.offline, exact=False
    )


def is_open(question: ResolutionQuestion) -> bool:
    """Whether the packages have a say in the Python; without any it is ours."""
    asked = question.asked.lines or question.project.lines or question.project.sources
    return bool(asked) and interpreters.is_choice(question.python)


def _find_fit(question: ResolutionQuestion, pins_for: fitting.Resolve) -> tuple[Interpreter, Fit]:
    """The best Python that is here or could be downloaded now."""
    candidates = fitting.candidates_of(question)
    gone: EnvError | None = None
    while True:
        fit = fitting.choose_python(question, candidates, pins_for, installed=gone is not None)
        if gone is not None and fit.built:
            raise gone
        if fit.python.path is not None:
            return interpreters.read_interpreter(fit.python.path, question.log), fit
        try:
            return interpreters.find_interpreter(fit.python.version, question.log, exact=False), fit
        except EnvError as error:
            gone = gone or EnvError(f"{said_of(fit)}; but {error.message}", hint=error.hint)
            if not candidates.keep_installed():
                raise gone from error
