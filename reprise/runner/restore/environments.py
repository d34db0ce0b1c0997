"""Find the environment for a word: in the cache, of a run, or of a project."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from urllib.parse import unquote

from reprise import paths
from reprise.envs import lock_packages
from reprise.envs import registry as envs
from reprise.envs.cache import inventory, store
from reprise.envs.cache.marker import User
from reprise.errors import EnvError, RepriseError, TrackingError, UsageError
from reprise.file_lock import scratch
from reprise.named_tuple import NamedTuple
from reprise.runner.jobs.find import LAST, find_run
from reprise.runner.runs.lifecycle import ENV_LOCK_ARTIFACT
from reprise.runner.sources import working_copy
from reprise.schemas import tags
from reprise.schemas.entities import Run
from reprise.schemas.environment import Environment, Lock, Package, Policy
from reprise.schemas.job import RunRequest
from reprise.tracking.base import Tracking

log = logging.getLogger(__name__)

Opened = Callable[[], AbstractContextManager[Tracking]]
"""Opens the store in which runs are looked for; asked only when a word is none of the cache."""


class Named(NamedTuple):
    """The environment for a word: ``title`` for people; ``prefix`` None if it is not in the cache."""

    title: str
    lock: Lock
    prefix: Path | None


def find_environment(word: str, opened: Opened) -> Named:
    """Return the environment ``word`` in the cache, or else that of the run.

    Raises:
        UsageError: there is neither, or the run has no lock.
    """
    if entry := inventory.find_entry(word):
        return Named(f"Environment {entry.name}", entry.lock, entry.prefix)
    try:
        with opened() as tracking:
            run = find_run(tracking, word)
            lock = lock_of(tracking, run)
            there = next(
                (item for item in inventory.list_entries() if item.marker.digest == lock.digest), None
            )
            if there is None:
                lock = add_credentials(lock, tracking, run)
    except UsageError as error:
        if word == LAST or error.hint is None:
            raise
        message = f'"{word}" is not an environment in the cache; as a run: {error.message}'
        raise UsageError(message, hint=f"reprise env list; {error.hint}") from None
    return Named(f"Environment of run {run.run_id}", lock, there.prefix if there else None)


def lock_of(tracking: Tracking, run: Run) -> Lock:
    """Return the lock artifact of ``run``, verified with the digest in its tags.

    Raises:
        UsageError: it is missing, or does not match.
    """
    manager = run.tags.get(tags.PROJECT_ENV, "")
    with scratch() as folder:
        try:
            tracking.download_artifact(run.run_id, ENV_LOCK_ARTIFACT, folder / "lock")
            text = (folder / "lock").read_text(encoding="utf-8")
        except (TrackingError, FileNotFoundError):
            raise UsageError(
                f"run {run.run_id} has no {ENV_LOCK_ARTIFACT}",
                hint="runs of reprise have a lock once their environment is created",
            ) from None
    lock = Lock(manager, text, root=_source_folder(tracking, run))
    if manager not in envs.MANAGERS:
        raise UsageError(f'run {run.run_id} ran in an environment of "{manager}", which is not known here')
    if lock.digest != run.tags.get(tags.ENV_DIGEST):
        raise UsageError(f"{ENV_LOCK_ARTIFACT} of run {run.run_id} is not the lock that the run ran with")
    return lock


def add_credentials(lock: Lock, tracking: Tracking, run: Run) -> Lock:
    """``lock`` with the credentials that the project's files hold for its addresses.

    They are looked for in the source of ``run``; a source that cannot be restored has none.
    """
    from reprise.runner.record.records import read_record
    from reprise.runner.restore.source import SourceOrigin, restore_source
    from reprise.schemas.loader import load_project

    if "://" not in lock.text:
        return lock
    checkout = None
    try:
        if (record := read_record(tracking, run.run_id)) is None:
            return lock
        origin = SourceOrigin(tracking, run.run_id, record.source.uri, record.source)
        with restore_source(origin, offline=True) as checkout:
            manager, spec = envs.choose_manager(load_project(checkout.path).environment, lock.manager)
            return lock._replace(credentials=manager.read_credentials(spec))
    except RepriseError as error:
        log.debug("no credentials for the environment of run %s: %s", run.run_id, error)
        return lock
    finally:
        if checkout is not None:
            working_copy.discard_checkout(checkout)


def list_packages(word: str, opened: Opened) -> tuple[Package, ...]:
    """The packages of an environment, of a run's, or of a lock file at the path ``word``."""
    if inventory.find_entry(word) is None and word != LAST and Path(word).is_file():
        return lock_packages.read_packages(Path(word))
    found = find_environment(word, opened)
    return envs.MANAGERS[found.lock.manager].packages(found.lock)


@contextmanager
def enter_environment(named: Named, *, offline: bool = False) -> Iterator[Environment]:
    """Enter the environment; a missing one is recreated from its lock.

    Raises:
        EnvError: it cannot be created here.
    """
    manager = envs.MANAGERS[named.lock.manager]
    if reason := manager.unusable():
        raise EnvError(f"cannot enter {named.title}: {reason}")
    with store.using_lock(manager, named.lock, Policy(offline=offline), _log_file()) as environment:
        yield environment


@contextmanager
def of_project(request: RunRequest) -> Iterator[Environment]:
    """Be inside the environment that a run of the project would get."""
    from reprise.runner.planning import as_of
    from reprise.runner.planning.plan import read_used_project, taken_from

    checkout = working_copy.fetch_project(
        request.uri, request.version, request.base, offline=request.offline
    )
    try:
        project = read_used_project(checkout, None, request.env_manager)
        manager, spec = envs.choose_manager(project.environment, request.env_manager, request.python)
        dated = as_of.resolve_as_of(request.as_of, checkout)
        policy = Policy(request.locked, request.offline, dated, python=request.python)
        user = User(project.name or project.root.name)
        with store.use_environment(
            manager, taken_from(checkout, spec), policy, _log_file(), user
        ) as environment:
            yield environment
    finally:
        working_copy.discard_checkout(checkout)


def is_project(word: str) -> bool:
    """Whether a word that names no environment is a folder or an address rather than a run."""
    return "/" in word or ":" in word or Path(word).is_dir()


def _source_folder(tracking: Tracking, run: Run) -> Path | None:
    """The project's folder, where the run took it from this machine and it is still there."""
    from reprise.runner.record.records import read_record

    named = run.tags.get(tags.SOURCE_NAME, "")
    if named and "://" not in named and not named.startswith("/"):  # as typed, seen from some folder
        record = read_record(tracking, run.run_id)
        named = record.source.uri if record else ""
    place, _, inside = named.removeprefix("file://").partition("#")
    folder = Path(place, inside)
    if not folder.is_dir():
        folder = Path(unquote(place), inside)  # as our records write it
    return folder if folder.is_absolute() and folder.is_dir() else None


def _log_file() -> Path:
    """Where the tools print that make an environment for no run."""
    return paths.state_dir() / "logs" / "environment.log"
