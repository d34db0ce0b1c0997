"""The logs of runs that pages read and follow.

All followers of a log share one task that polls its size, and one line index. The task only runs while the
log has followers.
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
from reprise.ui.log.lines import FoundLines, LineIndex, LineWindow
from reprise.ui.stored_file import StoredFile

log = logging.getLogger(__name__)

Which = Literal["output", "environment"]
NAMES: dict[Which, str] = {"output": LOG_ARTIFACT, "environment": ENV_LOG_ARTIFACT}

_LOOK = 0.02  # seconds between polls of the size of a log
_STATUS_LOOK = 1.0  # seconds between polls of the status of its run
_BEAT = 15.0  # seconds after which a silent connection sends a sign of life
_KEPT = 64  # logs whose line index is kept
_JOB = re.compile(r"[0-9a-f]{16}")


class LogState(NamedTuple):
    """The state of a log: its size in bytes, and the status of its run."""

    size: int
    status: RunStatus


class Told(NamedTuple):
    """Some lines, and their JSON."""

    window: LineWindow
    json: str


class Tail:
    """A log of a run."""

    def __init__(self, store: TrackingStore, run_id: str, which: Which) -> None:
        self._store = store
        self._run_id = run_id
        self._name = NAMES[which]
        self._index = LineIndex()
        self._waiting: set[asyncio.Event] = set()
        self._watcher: asyncio.Task[None] | None = None
        self._state: LogState | None = None
        self._telling: tuple[tuple[int, int, LogState], asyncio.Future[Told | None]] | None = None

    def file(self) -> StoredFile | None:
        """Return the current path of the log: in the artifacts, or in the job folder while the run is
        running.
        """
        for place in places(self._store, self._store.get_run(self._run_id)):
            try:
                return StoredFile.at(place, self._name)
            except TrackingError:
                continue
        return None

    def window(self, first: int | None, count: int) -> LineWindow | None:
        """Return the lines from number ``first``, or the last lines; None if there is no log."""
        return self._read(
            lambda index, stream: index.window(
                stream, index.total - count if first is None else first, count
            )
        )

    def before(self, end: int, count: int) -> LineWindow | None:
        """Return the lines before number ``end``."""
        return self._read(lambda index, stream: index.before(stream, end, count))

    def _read(self, window: Callable[[LineIndex, BinaryIO], LineWindow]) -> LineWindow | None:
        if (file := self.file()) is None:
            return None
        with file.reading() as stream:
            self._index.extend(stream)
            return window(self._index, stream)

    async def told(self, first: int, count: int, state: LogState) -> Told | None:
        """Like ``window``, computed once for all followers at the same line and ``state``."""
        if self._telling is None or self._telling[0] != (first, count, state):
            made = asyncio.ensure_future(run_in_threadpool(self._told, first, count))
            self._telling = ((first, count, state), made)
        return await asyncio.shield(self._telling[1])

    def _told(self, first: int, count: int) -> Told | None:
        window = self.window(first, count)
        return window and Told(window, json.dumps(rows.told(window)))

    def search(self, text: str) -> FoundLines:
        if (file := self.file()) is None:
            return FoundLines([], True)
        with file.reading() as stream:
            return self._index.search(stream, text)

    async def states(self, news: News) -> AsyncIterator[LogState | None]:
        """Yield the state of the log now and whenever it has grown; None after a silent period.

        Ends with the run, or when the server stops.
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
        """Wake the followers until there are none or the run has ended."""
        status, file, looked = RunStatus.RUNNING, None, 0.0
        try:
            while self._waiting and not news.stopping:
                if time.monotonic() - looked > _STATUS_LOOK:
                    # read the status first: then the file has all output before the end
                    status = await run_in_threadpool(self._status)
                    file = await run_in_threadpool(self.file)
                    looked = time.monotonic()
                state = LogState(await run_in_threadpool(_size, file) if file else 0, status)
                if state != self._state:
                    self._state = state
                    self._wake()
                if status.has_ended:
                    return
                await asyncio.sleep(_LOOK)
        except (TrackingError, OSError) as error:  # the run was removed, or its log is not accessible
            log.debug("run %s: %s", self._run_id, error)
        finally:
            self._wake()

    def _status(self) -> RunStatus:
        """Return the status in the store, after closing a run whose watcher was killed."""
        reap(self._store)
        return RunStatus(self._store.get_run(self._run_id).status)

    def _wake(self) -> None:
        for changed in self._waiting:
            changed.set()


class Tails:
    """The most recently read logs of ``store``, by run."""

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
    """Return where the logs of a run may be, best place first."""
    found: list[Artifacts] = []
    try:
        found.append(store.artifacts_of(run.run_id))
    except TrackingError:  # another server has its files
        pass
    if _JOB.fullmatch(job := run.tags.get(tags.JOB, "")):
        # a run of this store, or a run on this machine that logs to this server
        found += [ArtifactFolder(jobs / job) for jobs in (jobs_folder(store), paths.state_dir() / "jobs")]
    return found


def _size(file: StoredFile) -> int:
    """Return the current size; 0 for a removed file, such as that of a job after its end.

    An object in a cloud store is polled less often: it only grows by being replaced.
    """
    if not isinstance(file.artifacts, ArtifactFolder):
        return file.size
    try:
        return file.artifacts.size(file.path)
    except TrackingError:
        return 0
