"""``reprise lock``: fetch, load, select the manager, and let it write the project's lock."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

from reprise import durable, paths
from reprise.envs import registry as envs
from reprise.envs.base import EnvManager
from reprise.errors import UsageError
from reprise.named_tuple import NamedTuple
from reprise.runner.planning import as_of
from reprise.runner.planning.plan import read_used_project, taken_from
from reprise.runner.runs.sweep import sweep_cache
from reprise.runner.sources import working_copy
from reprise.schemas.environment import EnvSpec, Policy
from reprise.schemas.job import Checkout, RunRequest

log = logging.getLogger(__name__)


class ProjectLock(NamedTuple):
    """The word of the manager, and the lock files that it wrote, each with whether it is another now."""

    env_manager: str
    files: tuple[tuple[Path, bool], ...]


def write_lock(
    request: RunRequest,
    *,
    upgrade: Sequence[str] | None = None,
    platforms: Sequence[str] = (),
    output: Path | None = None,
) -> ProjectLock:
    """Lock the project of ``request``: next to it, or in ``output`` if it is not a local folder.

    Args:
        upgrade: the packages to upgrade; empty means all, None means none.

    Raises:
        UsageError: ``output`` for a folder, which has its own lock; an unknown platform.
        RepriseError: the project cannot be fetched, read or resolved.
    """
    started = monotonic()
    sweep_cache()
    checkout = working_copy.fetch_project(
        request.uri, request.version, request.base, offline=request.offline
    )
    try:
        manager, spec, policy = _choose_manager(request, checkout)
        if output is not None and checkout.temporary is None:
            raise UsageError(
                f"-o {output}: the lock of a folder is always in that folder", hint="remove -o"
            )
        before = {path: path.read_bytes() for path in checkout.path.glob("*lock*") if path.is_file()}
        policy = policy._replace(upgrade=tuple(upgrade) if upgrade is not None else None)
        written = manager.write_lock(spec, policy, platforms, _log_file())
        files = tuple((path, before.get(path) != path.read_bytes()) for path in written)
        if checkout.temporary is not None:
            files = tuple((_deliver_lock(path, output or request.base), True) for path in written)
    finally:
        working_copy.discard_checkout(checkout)
    for path, changed in files:
        log.info(
            "%s %s in %.1f s", "Wrote" if changed else "Nothing to change in", path, monotonic() - started
        )
    return ProjectLock(manager.NAME, files)


def check_lock(request: RunRequest) -> ProjectLock:
    """See whether the lock beside the project is there and fits; nothing is written.

    Raises:
        EnvError: it is not, or does not.
    """
    checkout = working_copy.fetch_project(
        request.uri, request.version, request.base, offline=request.offline
    )
    try:
        manager, spec, policy = _choose_manager(request, checkout)
        manager.lock(spec, policy._replace(locked=True), _log_file())
    finally:
        working_copy.discard_checkout(checkout)
    log.info("The lock of %s is up to date", checkout.name)
    return ProjectLock(manager.NAME, ())


def _choose_manager(request: RunRequest, checkout: Checkout) -> tuple[EnvManager, EnvSpec, Policy]:
    project = read_used_project(checkout, None, request.env_manager)
    manager, spec = envs.choose_manager(project.environment, request.env_manager, request.python)
    dated = as_of.resolve_as_of(request.as_of, checkout)
    policy = Policy(offline=request.offline, as_of=dated, python=request.python)
    return manager, taken_from(checkout, spec), policy


def _deliver_lock(path: Path, folder: Path) -> Path:
    """The lock of a checkout that goes again, in a folder that stays."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / path.name
    durable.write_file(target, path.read_text(encoding="utf-8"))
    return target


def _log_file() -> Path:
    """What the tools said while they resolved, of the last time only."""
    file = paths.state_dir() / "lock.log"
    file.unlink(missing_ok=True)
    return file
