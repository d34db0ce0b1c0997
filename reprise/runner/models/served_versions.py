"""The versions of a model that are served: one takes requests, one may be starting, old ones finish.

Two threads look after them. One starts a worker again that has died or is stuck; the other asks the store
which version the address means, and puts a new one in the place of the old when it is ready.
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
"""Seconds after which a worker counts as well again, and the next pause is the shortest."""
_LONGEST_RETRY = 600.0
"""Seconds between two attempts to serve a version that does not start."""


class WantedService(NamedTuple):
    """What is to be served: an address of ``tracking``, in the environment that ``env_manager`` makes."""

    tracking: Tracking
    uri: str
    env_manager: str | None
    policy: Policy
    settings: Settings


class Served:
    """One version at work. Its files and its environment stay until it is closed; its worker may change.

    Raises:
        RepriseError: there is no such model, or its environment or its worker do not come about.
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
        """Whether what it needs to be started again is there still: somebody may empty the cache."""
        return self._folder.is_dir()

    def start_again(self) -> bool:
        """Whether there is a new worker in the place of the one before; none once this was closed.

        Raises:
            RepriseError: it does not come about.
        """
        with self._changing:
            if self._closed:
                return False
            self.worker.end()  # what it left behind
            self.worker = Worker(self.model, self._environment, self._settings, self._folder)
        try:
            self.worker.wait()
        except RepriseError:
            self.worker.end()  # or else one that never answers would count as alive
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
        # A daemon: nobody waits at the end for an environment that is being made for a new version.
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
                    log.info("Started the server of %s again", served.model.shown)
            except (RepriseError, OSError) as error:
                if self._ending.is_set():  # of which it ended too
                    return
                log.error("%s", error)
            well_since = time.monotonic()

    def _watch_address(self, pause: float) -> None:
        """Serve another version when the address has come to mean it.

        One that does not start is tried again after pauses that grow: what was wrong may be mended.
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
        """What the address means now; None while that cannot be told, which is said once."""
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
    """The address of this version, whatever the one that the user gave may mean by now."""
    return model.address if is_address(model.uri) else model.uri
