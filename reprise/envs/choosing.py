"""Which packages a project gets: those of the lock file beside it, or those that uv resolves now."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from reprise.envs import (
    hashes,
    interpreters,
    lock_places,
    lockfiles,
    lockfiles_uv,
    pins,
    pyproject,
    resolving,
    uv,
)
from reprise.envs.credentials import hide_credentials
from reprise.envs.lockfiles import Facts, Held
from reprise.envs.pins import Pin
from reprise.envs.requirements import NAME, Requirements, canonical, logical
from reprise.envs.resolving import Resolved
from reprise.errors import EnvError
from reprise.schemas.environment import Policy, PythonEnv

if TYPE_CHECKING:
    from reprise.envs.interpreters import Interpreter
    from reprise.envs.pyproject import Pyproject

logger = logging.getLogger(__name__)

_SHOWN = 5
_YANKED = re.compile(r"^warning: (`[^`]+` is yanked.*)$", re.MULTILINE)


def resolve(spec: PythonEnv, asked: Requirements, policy: Policy, log: Path) -> Resolved:
    """The packages of ``spec`` for this machine.

    Raises:
        EnvError: there is no resolution, or ``policy.locked`` and no lock file that fits.
    """
    project = pyproject.read(spec)
    file = lock_places.of(spec)
    if not file.is_file():
        if policy.locked:
            raise EnvError(
                f"--locked: {resolving.shown(spec)} has no lock, {file} is not there",
                hint="reprise lock makes it",
            )
        python = interpreters.find(spec.python or project.python, log, offline=policy.offline)
        return Resolved(_resolved(spec, asked, project, python, policy, log), python)
    python, said = _python(spec, asked, project, file, policy, log)
    markers = pins.environment(python.implementation, python.version)
    if spec.pyproject is not None and file.name == lock_places.UV:
        held = lockfiles_uv.held(file, spec.pyproject, python.path, markers, policy, log)
    else:
        held = _held(spec, asked, file, python, said, markers)
    return _by_lock(spec, asked, project, python, held, policy, log)


def compiled(
    spec: PythonEnv,
    asked: Requirements,
    project: Pyproject,
    python: Interpreter,
    log: Path,
    *,
    preferred: Iterable[Pin] = (),
    as_of: str | None = None,
    offline: bool = False,
    options: Sequence[str] = (),
) -> list[str]:
    """uv's resolution as requirement lines with hashes.

    Args:
        preferred: versions to keep where the requirements allow it.
        as_of: an RFC 3339 time; what was uploaded later does not exist.

    Raises:
        EnvError: there is none.
    """
    arguments = ["pip", "compile", "--generate-hashes", "--no-header", "--no-annotate", *uv.no_index()]
    arguments += ["--python", str(python.path), *options]
    arguments += ["--exclude-newer", as_of] if as_of else []
    with resolving.written((*project.lines, *asked.lines)) as source:
        if heads := [pin.head for pin in preferred if "==" in pin.head]:
            kept = source.with_name("preferred.txt")
            kept.write_text("".join(f"{head}\n" for head in heads), encoding="utf-8")
            arguments += ["--output-file", str(kept)]
        arguments += [str(source), *project.sources]
        result = uv.call(arguments, log=log, cwd=spec.root, offline=offline)
    if result.exit_code != 0:
        raise uv.failure(
            f"the packages of {resolving.shown(spec)} cannot be resolved",
            result,
            log,
            offline=offline,
            as_of=as_of,
        )
    for warning in _YANKED.findall(result.stderr):
        logger.warning("%s", warning)
    return hashes.honoured(result.stdout.splitlines(), asked.hashes)


def _python(
    spec: PythonEnv, asked: Requirements, project: Pyproject, file: Path, policy: Policy, log: Path
) -> tuple[Interpreter, Facts]:
    """The interpreter: the lock's, or its successor, where the spec is what the lock was made from."""
    said = Facts() if file.name == lock_places.UV else lockfiles.facts(lockfiles.text(file) or "")
    if said.python and said.spec == lockfiles.digest(spec, asked):
        implementation, _, version = said.python.partition(" ")
        for near in (version, lockfiles.series(version)):
            if found := interpreters.present(interpreters.exactly(implementation, near), log):
                return found, said
    wanted = spec.python or project.python
    return interpreters.find(wanted, log, offline=policy.offline), said


def _held(
    spec: PythonEnv,
    asked: Requirements,
    file: Path,
    python: Interpreter,
    said: Facts,
    markers: dict[str, str],
) -> Held:
    lines = (lockfiles.text(file) or "").splitlines()
    fits = lockfiles.known_to_fit(said, lockfiles.digest(spec, asked), python.version)
    return Held(file, pins.read(lines, markers, spec.root), True if fits else None, said.as_of)


def _by_lock(
    spec: PythonEnv,
    asked: Requirements,
    project: Pyproject,
    python: Interpreter,
    held: Held,
    policy: Policy,
    log: Path,
) -> Resolved:
    dated = f"{held.file.name} decides the packages of this run, not --as-of" if policy.as_of else ""
    if held.fits:
        return Resolved(held.pins, python, dated, held.file.name)
    within = policy._replace(as_of=policy.as_of or held.as_of)
    try:
        found = _resolved(spec, asked, project, python, within, log, preferred=held.pins)
    except EnvError as error:
        if not policy.locked:
            raise
        raise EnvError(
            f"{held.file} does not fit {resolving.shown(spec)}: {error.message}", hint=error.hint
        ) from error
    changes = pins.changes(held.pins, found)
    if held.fits is None and not changes:
        return Resolved(_with_hashes_of(held, found), python, dated, held.file.name)
    # By names: the sentence is remembered, and the next checkout of the project lies elsewhere.
    differs = f"{held.file.name} no longer fits {spec.file.name if spec.file else 'the project'}"
    if why := _told(changes, asked):
        differs += f": {why}"
    if policy.locked:
        raise EnvError(differs, hint="reprise lock brings it up to date")
    return Resolved(found, python, f"{differs}; resolved again for this run (reprise lock keeps it)")


def _resolved(
    spec: PythonEnv,
    asked: Requirements,
    project: Pyproject,
    python: Interpreter,
    policy: Policy,
    log: Path,
    preferred: Iterable[Pin] = (),
) -> tuple[Pin, ...]:
    lines = compiled(
        spec,
        asked,
        project,
        python,
        log,
        preferred=preferred,
        as_of=policy.as_of,
        offline=policy.offline,
    )
    markers = pins.environment(python.implementation, python.version)
    found = pins.read(lines, markers, spec.root)
    if missing := pins.missing(found, pins.read(asked.lines, markers, spec.root)):
        raise EnvError(
            f"uv says that it resolved the packages of {resolving.shown(spec)}, "
            f"but its answer has no {', '.join(missing)}",
            hint=f"what uv printed is in {log}",
        )
    return found


def _with_hashes_of(held: Held, found: tuple[Pin, ...]) -> tuple[Pin, ...]:
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
                f"{held.file}: none of the hashes of {pin.head} belongs to a file of the index",
                hint="reprise lock --upgrade makes the lock anew, once you trust the new files",
            )
        kept.append(pin._replace(hashes=hashes))
    return tuple(kept)


def _told(changes: Mapping[str, str], asked: Requirements) -> str:
    """The changes, each with the requirement that asks for it where there is one."""
    texts = [*asked.lines, *(line for _, text in asked.files for line in logical(text.splitlines()))]
    bare = (hide_credentials(text.partition(" --hash")[0].strip()) for text in texts)
    lines = {canonical(found[0]): text for text in bare if (found := NAME.match(text))}
    told = [f'{said} ("{lines[name]}")' if name in lines else said for name, said in changes.items()]
    more = [f"and {len(told) - _SHOWN} more"] if len(told) > _SHOWN else []
    return ", ".join([*told[:_SHOWN], *more])
