"""Compare the machine of a recorded run with this one: what affects numbers, and installed packages."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from reprise import process
from reprise.envs import local
from reprise.errors import EnvError
from reprise.runner.capture import distributions, machine
from reprise.schemas.environment import Environment, Lock, Policy, PythonEnv
from reprise.schemas.job import Command
from reprise.schemas.record.run_record import (
    Distribution,
    EnvironmentRecord,
    Gpu,
    MachineRecord,
    RunRecord,
)

log = logging.getLogger(__name__)

_OF_THE_MACHINE = {"CUDA_VISIBLE_DEVICES"}
"""Variables that say which devices a run may have, which another machine numbers in its own way."""
_SEARCH = "PYTHONPATH"
_LISTED = 8


def gpu_fault(recorded: MachineRecord) -> EnvError | None:
    """Return an error if a GPU that the run could use has no match here."""
    here = machine.describe_machine(os.environ)
    if recorded.architecture != here.architecture:
        log.warning("The run was on %s, this machine is %s", recorded.architecture, here.architecture)
    lacking = [gpu.name for gpu in recorded.gpus if gpu.name not in {gpu.name for gpu in here.gpus}]
    if not lacking:
        return None
    return EnvError(
        f"the run was on a machine with {_name_gpus(recorded.gpus)}; this machine has "
        f"{_name_gpus(here.gpus)}",
        hint="use --any-machine to run it anyway",
    )


def restore_variables(
    record: RunRecord, original: Path | None, restored: Path
) -> tuple[tuple[str, str | None], ...]:
    """Return the patch of the environment with exactly the seeds and settings of the run.

    ``original`` is the original root of the source, ``restored`` the restored one.
    """
    patch: dict[str, str | None] = {}
    if record.machine is not None:
        # only known variables are used: the record is not trusted
        now, then = (
            dict(machine.describe_machine(found).variables)
            for found in (os.environ, record.machine.variables)
        )
        if record.version == 1:  # which did not know of them
            now = {name: value for name, value in now.items() if name not in machine.SETTINGS}
        if search := then.get(_SEARCH):
            then[_SEARCH] = _search_path(search, original, restored)
        patch |= {**dict.fromkeys(now), **then}
    patch |= {name: seed for name, seed in record.seeds.items() if name.endswith("SEED")}
    return tuple((name, value) for name, value in patch.items() if name not in _OF_THE_MACHINE)


def _search_path(search: str, original: Path | None, restored: Path) -> str:
    """Return the folders of PYTHONPATH; those of the source are in the restored source."""
    folders = []
    for folder in search.split(os.pathsep):
        path = Path(folder)
        if original is not None and path.is_relative_to(original):
            path = restored / path.relative_to(original)
            folder = str(path)
        if path.is_absolute() and not path.exists():
            log.warning("PYTHONPATH: the run's folder %s does not exist here", folder)
        folders.append(folder)
    return os.pathsep.join(folders)


def tell_differences(
    recorded: EnvironmentRecord, lock: Lock | None, folder: Path, current: Path | None
) -> None:
    """Report packages that changed since the run: in the Python of ``lock``, or else in the current Python
    in ``folder``."""
    try:
        lock = lock or local.lock(PythonEnv(folder), Policy(current=current), Path(os.devnull))
        command = local.enter(Environment(local.NAME, lock, Path()), Command((), (), Path()))
        now = distributions.list_installed(process.patched(os.environ, dict(command.environ)))
    except EnvError as error:
        log.warning("The current environment is not compared with that of the run: %s", error.message)
        return
    lines = [*_compare_packages(recorded.packages, now.packages)]
    if recorded.python not in (None, now.python):
        lines.insert(0, f"python {now.python}, was {recorded.python}")
    if lines:
        more = [f"and {len(lines) - _LISTED} more"] if len(lines) > _LISTED else []
        listed = "\n  ".join([*lines[:_LISTED], *more])
        log.warning("The current environment is not that of the run:\n  %s", listed)


def _compare_packages(before: tuple[Distribution, ...], now: tuple[Distribution, ...]) -> Iterator[str]:
    old, new = _by_name(before), _by_name(now)
    for name in sorted({*old, *new}):
        was, found = old.get(name), new.get(name)
        if was is None or found is None:
            yield f"{name} is new" if was is None else f"{name} is not installed, was {was.version}"
        elif was.version != found.version:
            yield f"{name} {found.version}, was {was.version}"
        elif was.origin != found.origin:
            yield f"{name} from {found.origin or 'the index'}, was from {was.origin or 'the index'}"


def _by_name(found: tuple[Distribution, ...]) -> Mapping[str, Distribution]:
    return {item.name.lower().replace("_", "-"): item for item in found}


def _name_gpus(gpus: tuple[Gpu, ...]) -> str:
    return ", ".join(gpu.name for gpu in gpus) or "no GPU"
