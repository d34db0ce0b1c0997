"""``reprise lock`` for conda projects: a ``conda-lock.yml``, which conda-lock reads too."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from reprise.durable import write_file
from reprise.envs.conda import (
    lockfiles,
    pip_files,
    rattler,
    resolving,
)
from reprise.envs.conda import (
    pip as conda_pip,
)
from reprise.envs.conda import (
    records as conda_records,
)
from reprise.envs.conda.lockfiles import HeldCondaLock
from reprise.envs.conda.pip_files import ChosenFile
from reprise.envs.conda.records import CondaLock, CondaRecord
from reprise.envs.project_files.requirements import Requirements, canonical_name
from reprise.errors import EnvError, UsageError
from reprise.schemas.environment import CondaEnv, Policy

_USUAL_GLIBC = "2.28"


def write_lock_file(spec: CondaEnv, policy: Policy, wanted: Sequence[str], log: Path) -> Path:
    """Resolve ``spec`` for the platforms ``wanted`` and write its ``conda-lock.yml``.

    With none wanted: those of the lock that is there, else this machine's. Versions of that lock are kept
    where they fit, except for what ``policy.upgrade`` says.

    Raises:
        EnvError: it cannot be resolved.
        UsageError: an upgraded package is none of the lock's.
    """
    spec = resolving.make_absolute(spec)
    asked = resolving.read_requirements(spec)
    if asked.local:
        raise EnvError(
            f"{spec.file}: the pip section installs {asked.local[0].path}, "
            f"which {conda_records.CONDA_LOCK} does not support",
            hint="each run still has its own lock; a lock file only supports packages from "
            "channels and indexes",
        )
    file = spec.file.with_name(conda_records.CONDA_LOCK)
    held = lockfiles.read_lock_file(file) if file.is_file() else None
    _demand_known(policy.upgrade, held)
    records: dict[str, tuple[CondaRecord, ...]] = {}
    pip: dict[str, tuple[ChosenFile, ...]] = {}
    for platform in wanted or (held.platforms if held else ()) or (conda_records.current_platform(),):
        before = lockfiles.as_lock(held, spec, asked, platform) if held else None
        before = resolving.drop_upgraded(before, policy.upgrade) if before else None
        found = resolving.resolve_packages(spec, asked, platform, policy, log, before)
        records[platform] = found.records
        pip[platform] = _choose_files(spec, asked, found, policy, log)
    channels = resolving.question_of(spec, conda_records.current_platform(), policy, None).channels
    text = lockfiles.format_lock(
        spec,
        resolving.digest_request(spec, asked),
        [url for channel in channels for url in channel.urls],
        records,
        pip,
    )
    write_file(file, text)
    return file


def _choose_files(
    spec: CondaEnv, asked: Requirements, found: CondaLock, policy: Policy, log: Path
) -> tuple[ChosenFile, ...]:
    if not found.pip.requirements:
        return ()
    pylock = conda_pip.write_pylock(spec, asked, found, policy, log)
    glibc = next(
        (
            str(package.version)
            for package in rattler.virtual_packages(found.platform)
            if package.name.normalized == "__glibc"
        ),
        _USUAL_GLIBC,
    )
    python = conda_pip.python_of(found.records, spec.file).version
    return pip_files.choose_files(pylock, python, found.platform, glibc, spec.file.parent)


def _demand_known(upgrade: Sequence[str] | None, held: HeldCondaLock | None) -> None:
    if not upgrade:
        return
    names = {record.name for records in held.records.values() for record in records} if held else set()
    names |= {pin.name for pins in held.pip.values() for pin in pins} if held else set()
    unknown = [
        name for name in upgrade if canonical_name(name) not in {canonical_name(known) for known in names}
    ]
    if unknown:
        raise UsageError(
            f'--upgrade: "{unknown[0]}" is not in {conda_records.CONDA_LOCK}',
            hint="use the name of a package in the lock, or none for all; the project comes "
            "first: reprise lock . --upgrade",
        )
