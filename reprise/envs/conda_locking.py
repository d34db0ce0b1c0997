"""``reprise lock`` for conda projects: a ``conda-lock.yml``, which conda-lock reads too."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from reprise.durable import write_file
from reprise.envs import (
    conda_lockfiles,
    conda_pip,
    conda_pip_files,
    conda_rattler,
    conda_records,
    conda_resolving,
)
from reprise.envs.conda_lockfiles import Held
from reprise.envs.conda_pip_files import Chosen
from reprise.envs.conda_records import CondaLock, Record
from reprise.envs.requirements import Requirements, canonical
from reprise.errors import EnvError, UsageError
from reprise.schemas.environment import CondaEnv, Policy

_USUAL_GLIBC = "2.28"


def write(spec: CondaEnv, policy: Policy, wanted: Sequence[str], log: Path) -> Path:
    """Resolve ``spec`` for the platforms ``wanted`` and write its ``conda-lock.yml``.

    With none wanted: those of the lock that is there, else this machine's. Versions of that lock are kept
    where they fit, except for what ``policy.upgrade`` says.

    Raises:
        EnvError: it cannot be resolved.
        UsageError: an upgraded package is none of the lock's.
    """
    spec = conda_resolving.absolute(spec)
    asked = conda_resolving.read(spec)
    if asked.local:
        raise EnvError(
            f"{spec.file}: the pip section installs {asked.local[0].path}, "
            f"which {conda_records.CONDA_LOCK} cannot name",
            hint="a run locks it all the same; a lock file is for what comes from channels and indexes",
        )
    file = spec.file.with_name(conda_records.CONDA_LOCK)
    held = conda_lockfiles.read(file) if file.is_file() else None
    _demand_known(policy.upgrade, held)
    records: dict[str, tuple[Record, ...]] = {}
    pip: dict[str, tuple[Chosen, ...]] = {}
    for platform in wanted or (held.platforms if held else ()) or (conda_records.here(),):
        before = conda_lockfiles.as_lock(held, spec, asked, platform) if held else None
        before = conda_resolving.without(before, policy.upgrade) if before else None
        found = conda_resolving.resolve(spec, asked, platform, policy, log, before)
        records[platform] = found.records
        pip[platform] = _files(spec, asked, found, policy, log)
    channels = conda_resolving.question_of(spec, conda_records.here(), policy, None).channels
    text = conda_lockfiles.written(
        spec,
        conda_resolving.digest(spec, asked),
        [url for channel in channels for url in channel.urls],
        records,
        pip,
    )
    write_file(file, text)
    return file


def _files(
    spec: CondaEnv, asked: Requirements, found: CondaLock, policy: Policy, log: Path
) -> tuple[Chosen, ...]:
    if not found.pip.requirements:
        return ()
    pylock = conda_pip.pylock(spec, asked, found, policy, log)
    glibc = next(
        (
            str(package.version)
            for package in conda_rattler.virtual_packages(found.platform)
            if package.name.normalized == "__glibc"
        ),
        _USUAL_GLIBC,
    )
    python = conda_pip.python_of(found.records, spec.file).version
    return conda_pip_files.chosen(pylock, python, found.platform, glibc, spec.file.parent)


def _demand_known(upgrade: Sequence[str] | None, held: Held | None) -> None:
    if not upgrade:
        return
    names = {record.name for records in held.records.values() for record in records} if held else set()
    names |= {pin.name for pins in held.pip.values() for pin in pins} if held else set()
    unknown = [name for name in upgrade if canonical(name) not in {canonical(known) for known in names}]
    if unknown:
        raise UsageError(
            f'--upgrade: "{unknown[0]}" is not in {conda_records.CONDA_LOCK}',
            hint="a package of the lock, or none for all; a project comes first: reprise lock . --upgrade",
        )
