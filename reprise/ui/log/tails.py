"""The logs of runs, as pages read and follow them.

All who follow one log share a task that looks whether it has grown, and the count of its lines. There is
such a task only while somebody follows.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from typing import BinaryIO, Literal

from starlette.concurrency import run_in_threadpool

from reprise import paths
from reprise.errors import TrackingError
from reprise.named_tuple import NamedTuple
from reprise.runner.jobs.stores import jobs_folder
from reprise.runner.runs.lifecycle import ENV_LOG_ARTIFACT, LOG_ARTIFACT
from reprise.runner.runs.reap import reap
from reprise.schemas import tags
from reprise.schemas.entities import Run
from reprise.schemas.job import RunStatus
from reprise.tracking.artifacts.files import ArtifactFolder, Artifacts
from reprise.tracking.protocols.store import TrackingStore
from reprise.ui.events import News
from reprise.ui.log import rows
from reprise.ui.log.lines import Found, LineIndex, Window
from reprise.ui.stored_file import StoredFile

log = logging.getLogger(__name__)

Which = Literal["output", "environment"]
NAMES: dict[Which, str] = {"output": LOG_ARTIFACT, "environment": ENV_LOG_ARTIFACT}

_LOOK = 0.02  # seconds between looks at the size of a log
_STATUS_LOOK = 1.0  # seconds between looks at the status of its run
_BEAT = 15.0  # seconds after which a silent connection says that it lives
_KEPT = 64  # logs whose lines stay counted
_JOB = re.compile(r"[0-9a-f]{16}")


class State(NamedTuple):
    """How far a log is: its size in bytes, and the status of its run."""

    size: int
    status: RunStatus


class Told(NamedTuple):
    """Some lines, and the JSON that shows them."""

    window: Window
    json: str


class Tail:
    """One log of one run."""

    def __init__(self, store: TrackingStore, run_id: str, which: Which) -> None:
        self._store = store
        self._run_id = run_id
        self._name = NAMES[which]
        self._index = LineIndex()
        self._waiting: set[asyncio.Event] = set()
        self._watcher: asyncio.Task[None] | None = None
        self._state: State | None = None
        self._telling: tuple[tuple[int, int, State], asyncio.Future[Told | None]] | None = None

    def file(self) -> StoredFile | None:
        """Where the log lies now: among the artifacts, or in the job's folder while the run goes on."""
        for place in places(self._store, self._store.get_run(self._run_id)):
            try:
                return StoredFile.at(place, self._name)
            except TrackingError:
                continue
        return None

    def window(self, first: int | None, count: int) -> Window | None:
        """The lines from number ``first``, or the last ones; None when there is no log."""
        return self._read(
            lambda index, stream: index.window(
                stream, index.total - count if first is None else first, count
            )
        )

    def before(self, end: int, count: int) -> Window | None:
        """The lines before number ``end``."""
        return self._read(lambda index, stream: index.before(stream, end, count))

    def _read(self, window: Callable[[LineIndex, BinaryIO], Window]) -> Window | None:
        if (file := self.file()) is None:
            return None
        with file.reading() as stream:
            self._index.extend(stream)
            return window(self._index, stream)

    async def told(self, first: int, count: int, state: State) -> Told | None:
        """As ``window``, made once for all who have come as far when the log is in this ``state``."""
        if self._telling is None or self._telling[0] != (first, count, state):
            made = asyncio.ensure_future(run_in_threadpool(self._told, first, count))
            self._telling = ((first, count, state), made)
        return await asyncio.shield(self._telling[1])

    def _told(self, first: int, count: int) -> Told | None:
        window = self.window(first, count)
        return window and Told(window, json.dumps(rows.told(window)))

    def search(self, text: str) -> Found:
        if (file := self.file()) is None:
            return Found([], True)
        with file.reading() as stream:
            return self._index.search(stream, text)

    async def states(self, news: News) -> AsyncIterator[State | None]:
        """How far the log is, now and each time that it has grown; None after a silent while.

        It ends with the run, or when the server stops.
        """
        changed = asyncio.Event()
        changed.set()
        self._waiting.add(changed)
        if self._watcher is None or self._watcher.done():
            self._state = None
            self._watcher = asyncio.create_task(self._watch(news))
        try:
            while True:
                try:
                    await asyncio.wait_for(changed.wait(), _BEAT)
                except TimeoutError:
                    yield None
                    continue
                changed.clear()
                if self._state is not None:
                    yield self._state
                if self._watcher.done():
                    return
        finally:
            self._waiting.discard(changed)

    async def _watch(self, news: News) -> None:
        """Wakes those who follow, until there are none or the run has ended."""
        status, file, looked = RunStatus.RUNNING, None, 0.0
        try:
            while self._waiting and not news.stopping:
                if time.monotonic() - looked > _STATUS_LOOK:
                    # the status first: what was printed before the end is then in the file
                    status = await run_in_threadpool(self._status)
                    file = await run_in_threadpool(self.file)
                    looked = time.monotonic()
                state = State(await run_in_threadpool(_size, file) if file else 0, status)
                if state != self._state:
                    self._state = state
                    self._wake()
                if status.has_ended:
                    return
                await asyncio.sleep(_LOOK)
        except (TrackingError, OSError) as error:  # the run is gone for good, or its log is not for us
            log.debug("run %s: %s", self._run_id, error)
        finally:
            self._wake()

    def _status(self) -> RunStatus:
        """As the store tells it, once a run whose watcher was killed is closed."""
        reap(self._store)
        return RunStatus(self._store.get_run(self._run_id).status)

    def _wake(self) -> None:
        for changed in self._waiting:
            changed.set()


class Tails:
    """The logs of ``store`` that were looked at last, by run."""

    def __init__(self, store: TrackingStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._tails: OrderedDict[tuple[str, Which], Tail] = OrderedDict()

    def of(self, run_id: str, which: Which) -> Tail:
        with self._lock:
            tail = self._tails.setdefault((run_id, which), Tail(self._store, run_id, which))
            self._tails.move_to_end((run_id, which))
            if len(self._tails) > _KEPT:
                self._tails.popitem(last=False)
            return tail


def places(store: TrackingStore, run: Run) -> list[Artifacts]:
    """Where the logs of a run may lie, the best place first."""
    found: list[Artifacts] = []
    try:
        found.append(store.artifacts_of(run.run_id))
    except TrackingError:  # its files are kept by another server
        pass
    if _JOB.fullmatch(job := run.tags.get(tags.JOB, "")):
        # a run of this store, or one that somebody on this machine sends to this server
        found += [ArtifactFolder(jobs / job) for jobs in (jobs_folder(store), paths.state_dir() / "jobs")]
    return found


def _size(file: StoredFile) -> int:
    """Now; 0 for a file that is gone, as that of a job is when its run has ended.

    An object of a cloud store is not asked for so often: it grows by being stored anew.
    """
    if not isinstance(file.artifacts, ArtifactFolder):
        return file.size
    try:
        return file.artifacts.size(file.path)
    except TrackingError:
        return 0
