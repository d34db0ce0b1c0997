"""The record of a running run: slow parts are captured while the job runs, without delaying it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from reprise.envs.registry import MANAGERS
from reprise.errors import SourceError
from reprise.runner.capture import inputs
from reprise.runner.capture.initial_record import attempt_step, objects_of
from reprise.runner.capture.inputs import Inputs
from reprise.runner.capture.observing import drop_observer
from reprise.runner.capture.process_tree import ProcessWatch
from reprise.runner.capture.snapshots import find_packs, make_snapshot
from reprise.runner.capture.surroundings import find_places
from reprise.runner.jobs.stores import store_folder
from reprise.runner.planning import guards
from reprise.runner.planning.plan import Plan
from reprise.runner.record import contents
from reprise.runner.record.records import note_record, send_record
from reprise.runner.vcs import repositories
from reprise.schemas.environment import Environment
from reprise.schemas.job import Command
from reprise.schemas.record.run_record import Content, EnvironmentRecord, RunRecord

if TYPE_CHECKING:
    from reprise.tracking.base import Tracking

log = logging.getLogger(__name__)

_A_MOMENT = 1.0  # seconds
_PATIENCE = 60.0  # seconds that a run which has ended waits for its capture


class Recording:
    """The record of a run from its opening to its end, with a thread that completes it meanwhile."""

    def __init__(
        self, tracking: Tracking, plan: Plan, folder: Path, job: Path, record: RunRecord, opened: Inputs
    ) -> None:
        """``folder`` holds the run's logs and its record, ``job`` is the folder of its job."""
        self._tracking = tracking
        self._plan = plan
        self._folder = folder
        self._job = job
        self._objects = objects_of(tracking, job)
        self._record = record
        self._inputs = opened
        self._notes = list(record.notes)
        self.aliases: dict[str, str] = {}
        """The model versions that aliases resolved to; set by the facade of the store."""
        self.withheld: list[str] = []
        """Changes that the run requested and that were not made; set by the facade of the store."""
        self._changing = threading.Lock()
        self._over = False
        self._processes = ProcessWatch(job)
        self._thread: threading.Thread | None = None

    def environment(self, environment: Environment, lock: str) -> None:
        """The environment is there, and its lock is the artifact ``lock``."""
        told = EnvironmentRecord(
            environment.manager, self._plan.request.env_manager, environment.lock.digest, lock
        )
        self._change_record(lambda record: record._replace(environment=told))

    def started(self, command: Command) -> None:
        """The job has started; from here on there is time."""
        if self._plan.request.observe:
            self._processes.start_watching()
        self._thread = threading.Thread(
            target=self._complete_record, args=(command,), name="capture", daemon=True
        )
        self._thread.start()

    def ended(self, *, hurry: bool) -> RunRecord:
        """Return the record at the end of the job; in a ``hurry`` it is not waited for."""
        self._processes.end_watching()
        if self._thread is not None:
            self._thread.join(_A_MOMENT)
            if self._thread.is_alive() and not hurry:
                log.info("Keeping the source of the run")
                self._thread.join(_PATIENCE)
        with self._changing:
            self._over = True
            if self._thread is not None and self._thread.is_alive():
                self._notes.append("the capture was not complete when the run ended")
        for note in self._notes[len(self._record.notes) :]:
            log.warning("%s", note)
        return self._record._replace(
            notes=tuple(self._notes), aliases=self.aliases, withheld=tuple(self.withheld)
        )

    def _complete_record(self, command: Command) -> None:
        environ = drop_observer(MANAGERS[self._plan.env_manager].variables_inside(command))
        self._attempt_step("the folders of the run", lambda: self._record_places(command, environ))
        self._attempt_step("the machine", lambda: self._record_machine(environ))
        if not MANAGERS[self._plan.env_manager].PINS_PACKAGES:
            self._attempt_step("the installed packages", lambda: self._record_packages(environ))
        self._attempt_step("the inputs", self._read_inputs)
        self._attempt_step("the record", self._recall_commits)
        self._attempt_step("the commit", self._keep_commits)

    def _attempt_step(self, what: str, step: Callable[[], None]) -> None:
        if not self._over:
            attempt_step(step, self._notes, what)

    def _change_record(self, change: Callable[[RunRecord], RunRecord]) -> None:
        with self._changing:
            if not self._over:
                self._record = change(self._record)

    def _write_record(self) -> None:
        with self._changing:
            if self._over:
                return
            note_record(self._folder, self._record._replace(notes=tuple(self._notes)))
        send_record(self._tracking, self._record.run_id, self._folder, self._job)

    def _record_places(self, command: Command, environ: dict[str, str]) -> None:
        found = find_places(command, environ)
        self._change_record(lambda record: record._replace(places=found))

    def _record_machine(self, environ: dict[str, str]) -> None:
        from reprise.runner.capture.machine import describe_machine

        found = describe_machine(environ)
        self._change_record(lambda record: record._replace(machine=found))

    def _record_packages(self, environ: dict[str, str]) -> None:
        from reprise.runner.capture.distributions import list_installed

        found = list_installed(environ)

        def add_packages(record: RunRecord) -> RunRecord:
            local = record.environment or EnvironmentRecord("local")
            return record._replace(environment=local._replace(**found._asdict()))

        self._change_record(add_packages)

    def _read_inputs(self) -> None:
        read = [inputs.capture_later(item, self._inputs.since) for item in self._inputs.postponed]
        self._notes += [note for _, note in read if note]
        found = tuple(record for record, _ in read)
        self._change_record(lambda record: record._replace(inputs=(*record.inputs, *found)))

    def _recall_commits(self) -> None:
        """Commits that an earlier run has kept."""
        with contents.add_contents(self._objects):
            self._record_snapshots(lambda root, commit: find_packs(commit, self._objects) or ())
            self._write_record()

    def _lacks_commits(self) -> bool:
        """Return whether commits must still be stored.

        A store on this machine keeps every commit once; another store only commits that exist nowhere else.
        """
        source = self._record.source
        repository = self._plan.checkout.repository
        if repository is None or source.commit is None:
            return False
        if store_folder(self._tracking) is not None:
            return not (source.snapshot and all(module.snapshot for module in source.submodules))
        return not self._is_elsewhere(repository.root, source.commit)

    def _is_elsewhere(self, root: Path, commit: str) -> bool:
        """Whether a remote has the commit, as far as this machine knows."""
        if self._plan.checkout.temporary is not None:
            return True
        where = ("for-each-ref", "--count=1", "--contains", commit, "refs/remotes")
        return bool(repositories.ask_git(root, *where).stdout.strip())

    def _keep_commits(self) -> None:
        if not self._lacks_commits():
            return
        with contents.add_contents(self._objects):
            self._record_snapshots(self._packed)
            self._write_record()

    def _packed(self, root: Path, commit: str) -> tuple[Content, ...]:
        try:
            return make_snapshot(root, commit, self._objects, guards.capture_limit())
        except SourceError as error:
            if not self._is_elsewhere(root, commit):
                raise
            log.debug("%s", error)
            return ()

    def _record_snapshots(self, packs: Callable[[Path, str], tuple[Content, ...]]) -> None:
        """Put what holds the commit, and those of submodules, into the record."""
        source = self._record.source
        repository = self._plan.checkout.repository
        if repository is None or source.commit is None:
            return
        root = repository.root
        modules = []
        for module in source.submodules:
            step = partial(packs, root / module.path, module.commit)
            modules.append(module._replace(snapshot=attempt_step(step, self._notes, module.path) or ()))
        whole = attempt_step(partial(packs, root, source.commit), self._notes, "the commit") or ()
        source = source._replace(snapshot=whole, submodules=tuple(modules))
        self._change_record(lambda record: record._replace(source=source))
