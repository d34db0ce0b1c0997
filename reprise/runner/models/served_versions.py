"""The served versions of a model: one takes requests, one may be starting, old versions finish.

Two threads manage them. One restarts workers that have died or are stuck; the other polls which version the
address refers to, and replaces the old version when a new one is ready.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from reprise.envs import registry as envs
from reprise.errors import RepriseError
from reprise.file_lock import scratch
from reprise.named_tuple import NamedTuple
from reprise.runner.models.environment import use_environment
from reprise.runner.models.folder import ModelFolder, ModelOrigin, is_address, open_model, resolve_model
from reprise.runner.models.worker import Settings, Worker
from reprise.schemas.environment import Policy
from reprise.schemas.job import Command
from reprise.tracking.base import Tracking

log = logging.getLogger(__name__)

_LOOK = 0.1  # seconds
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0
_STEADY = 60.0
"""Seconds after which a worker counts as healthy, and the next pause is the shortest."""
_LONGEST_RETRY = 600.0
"""Seconds between two attempts to serve a version that does not start."""


class WantedService(NamedTuple):
    """What to serve: a model address in ``tracking``, in an environment of ``env_manager``."""

    tracking: Tracking
    uri: str
    env_manager: str | None
    policy: Policy
    settings: Settings


class Served:
    """A served version. Its files and environment are kept until it is closed; its worker may change.

    Raises:
        RepriseError: the model does not exist, or its environment or worker cannot be started.
    """

    def __init__(self, wanted: WantedService) -> None:
        self._settings = wanted.settings
        self._changing = threading.Lock()
        self._closed = False
        self.going_on = 0
        with ExitStack() as held:
            self.model: ModelFolder = held.enter_context(open_model(wanted.tracking, wanted.uri))
            self._environment = held.enter_context(
                use_environment(self.model, wanted.env_manager, wanted.policy)
            )
            self._folder = held.enter_context(scratch())
            self.worker = Worker(self.model, self._environment, self._settings, self._folder)
            held.callback(lambda: self.worker.end())
            self.worker.wait()
            self._held = held.pop_all()

    def inside(self, argv: tuple[str, ...]) -> Command:
        """``argv`` as it runs in the environment of the version."""
        manager = envs.MANAGERS[self._environment.manager]
        return manager.enter(self._environment, Command(argv, (), self._folder))

    @property
    def is_whole(self) -> bool:
        """Return whether its files for a restart still exist: the cache may have been emptied."""
        return self._folder.is_dir()

    def start_again(self) -> bool:
        """Start a new worker; return False if this version was closed.

        Raises:
            RepriseError: it cannot be started.
        """
        with self._changing:
            if self._closed:
                return False
            self.worker.end()  # what it left behind
            self.worker = Worker(self.model, self._environment, self._settings, self._folder)
        try:
            self.worker.wait()
        except RepriseError:
            self.worker.end()  # otherwise a worker that never responds would count as alive
            raise
        return True

    def close(self) -> None:
        with self._changing:
            self._closed = True
            self._held.close()


class _Failure(NamedTuple):
    """A version that did not start; ``due`` is when it is tried again, after ``pause`` seconds."""

    origin: ModelOrigin
    pause: float
    due: float


class Fleet:
    """Serves what ``wanted`` means from the moment that this returns; ``watch``: seconds between looks.

    Raises:
        RepriseError: as :class:`Served`.
    """

    def __init__(self, wanted: WantedService, watch: float | None = None) -> None:
        self._wanted = wanted
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._current = Served(wanted)
        self._since = time.time()
        self._unresolved: str | None = None
        self._start_thread("keep", self._keep_alive)
        if watch is not None:
            self._start_thread("watch", self._watch_address, watch)

    @property
    def model(self) -> ModelFolder:
        """The version that takes requests now."""
        return self._current.model

    @property
    def since(self) -> float:
        """When that version began to take requests, in seconds since the epoch."""
        return self._since

    @contextmanager
    def take_current(self) -> Iterator[Served]:
        """The version that takes requests now; it is not ended before the block has."""
        with self._lock:
            served = self._current
            served.going_on += 1
        try:
            yield served
        finally:
            with self._lock:
                served.going_on -= 1

    def close(self) -> None:
        self._ending.set()
        with self._lock:
            served = self._current
        served.close()

    def _start_thread(self, name: str, duty: Callable[..., None], *arguments: object) -> None:
        # A daemon: do not wait at the end for an environment of a new version.
        threading.Thread(target=duty, args=arguments, name=f"reprise-{name}", daemon=True).start()

    def _keep_alive(self) -> None:
        """Start a worker again that has died or is stuck, after pauses that grow while it dies at once."""
        pause, well_since = _FIRST_PAUSE, time.monotonic()
        while not self._ending.wait(_LOOK):
            served = self._current
            served.worker.printed.bound_size()
            if served.worker.works:
                continue
            worker = served.worker
            log.warning(
                "the server of %s %s\n%s", served.model.shown, worker.end_told(), worker.printed.read_tail()
            )
            if time.monotonic() - well_since > _STEADY:
                pause = _FIRST_PAUSE
            if self._ending.wait(pause):
                return
            pause = min(pause * 2, _LONGEST_PAUSE)
            try:
                if not served.is_whole:
                    self._replace_served(
                        served, Served(self._wanted._replace(uri=_exact_address(served.model)))
                    )
                elif served.start_again():
                    log.info("Restarted the server of %s", served.model.shown)
            except (RepriseError, OSError) as error:
                if self._ending.is_set():  # which also ended it
                    return
                log.error("%s", error)
            well_since = time.monotonic()

    def _watch_address(self, pause: float) -> None:
        """Serve another version when the address refers to it.

        A version that does not start is retried after increasing pauses: the cause may be fixed.
        """
        failure: _Failure | None = None
        while not self._ending.wait(pause):
            origin = self._resolve_address()
            if origin is None or origin[2:] == self.model[2:6]:
                continue
            if failure and failure.origin != origin:
                failure = None
            if failure and time.monotonic() < failure.due:
                continue
            try:
                self._replace_served(self._current, Served(self._wanted))
                failure = None
            except (RepriseError, OSError) as error:  # a full disk, for example
                if self._ending.is_set():
                    return
                longer = pause if failure is None else min(failure.pause * 2, max(pause, _LONGEST_RETRY))
                failure = _Failure(origin, longer, time.monotonic() + longer)
                log.error("%s is served on, the new version is not: %s", self.model.shown, error)

    def _resolve_address(self) -> ModelOrigin | None:
        """Return the version that the address refers to now; None while it is not known, which is
        reported once.
        """
        try:
            origin = resolve_model(self._wanted.tracking, self._wanted.uri)
        except (RepriseError, OSError) as error:
            if str(error) != self._unresolved:
                self._unresolved = str(error)
                log.warning("%s is served on: %s", self.model.shown, error)
            return None
        self._unresolved = None
        return origin

    def _replace_served(self, old: Served, fresh: Served) -> None:
        """Let ``fresh`` take the requests in the place of ``old``, which ends when it has answered its own.

        Nothing is done where something else has taken the place of ``old``, or all is to end.
        """
        with self._lock:
            if is_current := self._current is old and not self._ending.is_set():
                self._current, self._since = fresh, time.time()
        if not is_current:
            fresh.close()
            return
        log.info("Serving %s in the place of %s", fresh.model.shown, old.model.shown)
        deadline = time.monotonic() + self._wanted.settings.timeout
        while old.going_on and time.monotonic() < deadline:
            time.sleep(_LOOK)
        old.close()


def _exact_address(model: ModelFolder) -> str:
    """Return the address of this version, independent of the user's address."""
    return model.address if is_address(model.uri) else model.uri
