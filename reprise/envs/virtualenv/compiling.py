"""The packages that a project asks for, resolved by uv for one Python."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from functools import partial

from reprise.envs.project_files import hashes
from reprise.envs.pypi import uv, uv_failures
from reprise.envs.pythons.candidates import Candidate
from reprise.envs.virtualenv import pins, user_words
from reprise.envs.virtualenv.pins import Pin
from reprise.envs.virtualenv.question import ResolutionQuestion
from reprise.envs.virtualenv.uv_compile import compile_requirements
from reprise.errors import EnvError
from reprise.named_tuple import NamedTuple

logger = logging.getLogger(__name__)

_YANKED = re.compile(r"^warning: (`[^`]+` is yanked.*)$", re.MULTILINE)


class CompilerAnswer(NamedTuple):
    """uv's resolution as requirement lines with hashes, and what had to be put right for it."""

    lines: list[str]
    notes: tuple[str, ...]


class UnfitPython(EnvError):
    """There is no resolution for this Python, but there may be one for another.

    ``unbuilt`` is the package that could not be built, empty where that was not the reason.
    """

    def __init__(self, error: EnvError, unbuilt: str) -> None:
        super().__init__(error.message, hint=error.hint)
        self.unbuilt = unbuilt


def compile_packages(
    question: ResolutionQuestion,
    python: Candidate,
    *,
    preferred: Iterable[Pin] = (),
    options: Sequence[str] = (),
) -> CompilerAnswer:
    """uv's resolution for ``python``.

    Args:
        preferred: versions to keep where the requirements allow it.

    Raises:
        EnvError: there is none.
    """
    spec, asked, project, policy, log = question
    arguments = ["--generate-hashes", "--no-annotate", *asked.options, *options]
    with uv.requirements_file((*project.lines, *asked.lines), constraints=asked.constraints) as source:
        if heads := [pin.head for pin in preferred if "==" in pin.head]:
            kept = source.with_name("preferred.txt")
            kept.write_text("".join(f"{head}\n" for head in heads), encoding="utf-8")
            arguments += ["--output-file", str(kept)]
        done = compile_requirements(
            [*arguments, str(source), *project.sources],
            python,
            cwd=spec.root,
            log=log,
            offline=policy.offline,
            as_of=policy.as_of,
        )
    if done.result.exit_code != 0:
        error = uv_failures.explain_failure(
            f"cannot resolve the packages of {question.title}",
            done.result,
            log,
            offline=policy.offline,
            as_of=policy.as_of,
            written=partial(user_words.of_requirement, spec, asked),
        )
        if uv_failures.may_depend_on_python(done.result):
            raise UnfitPython(error, uv_failures.find_unbuilt(done.result))
        raise error
    for warning in _YANKED.findall(done.result.stderr):
        logger.warning("%s", warning)
    return CompilerAnswer(hashes.honour_hashes(done.result.stdout.splitlines(), asked.hashes), done.notes)


def pins_of(
    question: ResolutionQuestion, answer: CompilerAnswer, implementation: str, version: str
) -> tuple[Pin, ...]:
    """Return the pins of ``answer`` for this Python on this machine.

    Raises:
        EnvError: a requirement is not in it.
    """
    markers, root = pins.marker_environment(implementation, version), question.spec.root
    found = pins.read_pins(answer.lines, markers, root)
    if missing := pins.find_missing(found, pins.read_pins(question.asked.lines, markers, root)):
        raise EnvError(
            f"uv says that it resolved the packages of {question.title}, "
            f"but its answer has no {', '.join(missing)}",
            hint=f"what uv printed is in {question.log}",
        )
    return found
