"""Which packages a project gets: those of the lock file beside it, or those that uv resolves now."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from reprise.envs.project_files.credentials import hide_credentials
from reprise.envs.project_files.requirements import NAME, Requirements, canonical_name
from reprise.envs.pythons import interpreters
from reprise.envs.pythons.candidates import Candidate
from reprise.envs.virtualenv import (
    interpreter_choice,
    lock_places,
    lockfiles,
    lockfiles_uv,
    pins,
)
from reprise.envs.virtualenv.compiling import compile_packages, pins_of
from reprise.envs.virtualenv.lockfiles import Facts, HeldLock
from reprise.envs.virtualenv.pins import Pin
from reprise.envs.virtualenv.question import ResolutionQuestion, Resolved
from reprise.errors import EnvError

if TYPE_CHECKING:
    from reprise.envs.pythons.interpreters import Interpreter

_SHOWN = 5


def resolve_packages(question: ResolutionQuestion) -> Resolved:
    """The packages that ``question`` asks for, for this machine.

    Raises:
        EnvError: there is no resolution, or ``policy.locked`` and no lock file that fits.
    """
    spec, policy = question.spec, question.policy
    file = lock_places.lock_file_of(spec)
    if not file.is_file():
        if policy.locked:
            raise EnvError(
                f"--locked: {question.title} has no lock, {file} does not exist",
                hint="create it with reprise lock",
            )
        fit = interpreter_choice.fit_packages(question)
        return Resolved(fit.pins, fit.python, notes=fit.notes, as_of=policy.as_of)
    python, said, note = _choose_python(question, file)
    markers = pins.marker_environment(python.implementation, python.version)
    if spec.pyproject is not None and file.name == lock_places.UV:
        held = lockfiles_uv.read_held(file, spec.pyproject, python.path, markers, policy, question.log)
    else:
        held = _read_held(question, file, python, said, markers)
    notes = tuple(filter(None, (note, *spec.notes, *question.asked.notes)))
    return _by_lock(question, python, held)._replace(notes=notes)


def _choose_python(question: ResolutionQuestion, file: Path) -> tuple[Interpreter, Facts, str]:
    """The interpreter: the lock's, or its successor, where the spec is what the lock was made from.

    With it what the lock says of itself, and a sentence where another patch release has to do.
    """
    spec, log = question.spec, question.log
    is_uv = file.name == lock_places.UV
    said = Facts() if is_uv else lockfiles.read_facts(lockfiles.read_text(file) or "")
    asked_for_another = question.policy.python is not None
    if (
        said.python
        and not asked_for_another
        and said.spec == lockfiles.digest_request(spec, question.asked)
    ):
        implementation, _, version = said.python.partition(" ")
        for near in (version, lockfiles.series_of(version)):
            if found := interpreters.find_present(interpreters.exact_request(implementation, near), log):
                return found, said, interpreters.describe_relaxed(version, found.version)
    held = () if is_uv else pins.read_pins((lockfiles.read_text(file) or "").splitlines(), None, spec.root)
    python = interpreter_choice.without_resolving(question, held)
    return python, said, interpreters.describe_relaxed(question.python, python.version)


def _read_held(
    question: ResolutionQuestion, file: Path, python: Interpreter, said: Facts, markers: dict[str, str]
) -> HeldLock:
    spec = question.spec
    lines = (lockfiles.read_text(file) or "").splitlines()
    fits = lockfiles.known_to_fit(said, lockfiles.digest_request(spec, question.asked), python.version)
    return HeldLock(
        file, pins.read_pins(lines, markers, spec.root), True if fits else None, as_of=said.as_of
    )


def _by_lock(question: ResolutionQuestion, python: Interpreter, held: HeldLock) -> Resolved:
    spec, policy = question.spec, question.policy
    dated = f"{held.file.name} takes precedence over --as-of" if policy.as_of else ""
    if held.fits:
        return Resolved(held.pins, python, dated, held.file.name, as_of=held.as_of)
    within = question._replace(policy=policy._replace(as_of=policy.as_of or held.as_of))
    try:
        answer = compile_packages(within, Candidate(python.version, python.path), preferred=held.pins)
    except EnvError as error:
        if not policy.locked:
            raise
        raise EnvError(
            f"{held.file} does not match {question.title}: {error.message}", hint=error.hint
        ) from error
    found = pins_of(within, answer, python.implementation, python.version)
    changes = pins.find_changes(held.pins, found)
    as_of = within.policy.as_of
    if held.fits is None and not changes:
        return Resolved(_with_hashes_of(held, found), python, dated, held.file.name, as_of=as_of)
    # By names: the sentence is cached, and the next checkout of the project is elsewhere.
    differs = f"{held.file.name} no longer matches {spec.file.name if spec.file else 'the project'}"
    if why := _describe_changes(changes, question.asked):
        differs += f": {why}"
    if policy.locked:
        raise EnvError(differs, hint="update it with reprise lock")
    note = f"{differs}; resolved again for this run (use reprise lock to update it)"
    return Resolved(found, python, note, as_of=as_of)


def _with_hashes_of(held: HeldLock, found: tuple[Pin, ...]) -> tuple[Pin, ...]:
    """``found``, where a package keeps the hashes only that its lock allows.

    Raises:
        EnvError: the index has none of the files that the lock was made with.
    """
    allowed = {pin.name: set(pin.hashes) for pin in held.pins if pin.name and pin.hashes}
    kept = []
    for pin in found:
        hashes = tuple(value for value in pin.hashes if value in allowed.get(pin.name, pin.hashes))
        if pin.hashes and not hashes:
            raise EnvError(
                f"{held.file}: no file of the index has a hash of {pin.head}",
                hint="regenerate the lock with reprise lock --upgrade, once you trust the new files",
            )
        kept.append(pin._replace(hashes=hashes))
    return tuple(kept)


def _describe_changes(changes: Mapping[str, str], asked: Requirements) -> str:
    """The changes, each with the requirement that asks for it where there is one."""
    texts = (*asked.lines, *asked.constraints)
    bare = (hide_credentials(text.partition(" --hash")[0].strip()) for text in texts)
    lines = {canonical_name(found[0]): text for text in bare if (found := NAME.match(text))}
    told = [f'{said} ("{lines[name]}")' if name in lines else said for name, said in changes.items()]
    more = [f"and {len(told) - _SHOWN} more"] if len(told) > _SHOWN else []
    return ", ".join([*told[:_SHOWN], *more])
