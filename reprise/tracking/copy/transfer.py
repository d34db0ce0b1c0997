"""One copy of a source into a destination, or one comparison of the two, thing by thing.

Each thing is put, then read back and compared with what the source says; of this the census is made.
A run is copied in steps that may be done again: it is put, carrying the tag
``reprise.copy.incomplete``; its models, points and files follow; at last the tag goes. A run that is
there already is brought up to date: what changed in the source changes here, what was changed here stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from reprise.schemas.entities import DELETED, Experiment, LoggedModel, Run
from reprise.tracking.copy import parts
from reprise.tracking.copy.census import Census, Tally
from reprise.tracking.copy.job import REFUSALS, CopyJob, reason_of
from reprise.tracking.copy.transfer_files import FileTransfer
from reprise.tracking.copy.transfer_points import transfer_points
from reprise.tracking.copy.transfer_registry import transfer_registry
from reprise.tracking.protocols.copying import (
    CopyPlace,
    CopySource,
    Destination,
    Fault,
    Note,
    Put,
    SourceTrace,
    title_of,
)

T = TypeVar("T")


class Transfer:
    """``writes`` is False for a comparison only; it then reads the content of files too."""

    def __init__(
        self,
        source: CopySource,
        destination: Destination,
        *,
        artifacts: bool = True,
        writes: bool = True,
        with_deleted: bool = True,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._job = CopyJob(source, destination, Tally(), artifacts, writes, with_deleted, say)
        self._files = FileTransfer(self._job)
        self._seen: set[str] = set()

    def transfer_all(self) -> Census:
        """Experiments with all that is in them, then the registry, which names runs."""
        self.transfer_experiments()
        transfer_registry(self._job)
        for said in self._job.source.find_others():
            self._job.tally.hear_source(said)
        return self.make_census()

    def transfer_experiments(self) -> None:
        for experiment in self._iterate_readable("experiments", self._job.source.read_experiments()):
            self._transfer_experiment(experiment)
        self._files.end_waiting()

    def make_census(self) -> Census:
        return self._job.tally.make_census(self._job.source.uri, self._job.destination.uri)

    def _transfer_experiment(self, experiment: Experiment) -> None:
        source, destination = self._job.source, self._job.destination
        owner = f"experiment {experiment.name!r}"
        is_passed_by = experiment.lifecycle_stage == DELETED and not self._job.with_deleted
        home = destination.find_experiment(experiment) if is_passed_by else None
        if is_passed_by and (home is None or home.is_shared):
            return
        put = self._put_thing(owner, "", lambda _: destination.put_experiment(experiment))
        home = destination.find_experiment(experiment)
        here = home and home.id
        models: dict[str | None, list[LoggedModel]] = {}
        for model in self._iterate_readable(owner, source.logged_models(experiment)):
            models.setdefault(model.source_run_id, []).append(model)
        for number, run in enumerate(self._iterate_readable(owner, source.read_runs(experiment)), 1):
            self._job.say(f"{experiment.name}: run {number}, {run.run_name}")
            self._transfer_run(_bury_run(run, experiment), here, models.pop(run.run_id, []))
        for orphan in (model for rest in models.values() for model in rest):
            self._transfer_model(orphan, here, None)
        for number, given in enumerate(self._iterate_readable(owner, source.read_traces(experiment)), 1):
            self._job.say(f"{experiment.name}: trace {number}")
            self._transfer_trace(given, here)
        ours = None if here is None else destination.read_experiment(here)
        if ours and home and home.is_shared:
            ours = ours._replace(lifecycle_stage=experiment.lifecycle_stage)
        self._job.tally.compare_parts(
            owner, parts.experiment_parts(experiment), ours and parts.experiment_parts(ours), put.refused
        )

    def _transfer_run(self, run: Run, home: str | None, models: Iterable[LoggedModel]) -> None:
        destination, owner = self._job.destination, title_of(run)
        if run.run_id in self._seen:
            self._job.tally.hear_source(
                Fault("runs", owner, "", "the source has it twice; the first was copied")
            )
            return
        self._seen.add(run.run_id)
        is_passed_by = run.lifecycle_stage == DELETED and not self._job.with_deleted
        if is_passed_by and (home is None or destination.find_run(run, home) is None):
            return
        put = self._put_thing(owner, home, lambda home: destination.put_run(run, home))
        here = None if home is None else destination.find_run(run, home)
        for model in models:
            self._transfer_model(model, home, here and here.run_id)
        if put.is_made:
            self._job.tally.add_run(put)
        transfer_points(self._job, run, here, is_new=put.is_new)
        self._files.bring_files(run, here and CopyPlace("run", here.run_id), put)
        if put.is_made and here is not None:
            self._end_run(run, here.run_id, home or "")
        here = None if home is None or here is None else destination.find_run(run, home)
        theirs, ours = parts.run_parts(run), None if here is None else parts.run_parts(here)
        self._job.tally.compare_parts(owner, theirs, ours, put.refused)

    def _transfer_model(self, model: LoggedModel, home: str | None, run_id: str | None) -> None:
        destination, owner = self._job.destination, title_of(model)
        put = self._put_thing(owner, home, lambda home: destination.put_model(model, home, run_id))
        here = None if home is None else destination.find_model(model, home)
        self._files.bring_files(model, here and CopyPlace("model", here.model_id), put)
        here = None if home is None or here is None else destination.find_model(model, home)
        theirs, ours = parts.model_parts(model), None if here is None else parts.model_parts(here)
        self._job.tally.compare_parts(owner, theirs, ours, put.refused)

    def _transfer_trace(self, given: SourceTrace, home: str | None) -> None:
        destination, owner = self._job.destination, title_of(given.trace)
        put = self._put_thing(owner, home, lambda home: destination.put_trace(given, home))
        here = None if home is None else destination.find_trace(given.trace, home)
        self._files.bring_files(given.trace, here and CopyPlace("trace", here.trace.trace_id), put)
        theirs, ours = parts.trace_parts(given), None if here is None else parts.trace_parts(here)
        self._job.tally.compare_parts(owner, theirs, ours, put.refused)

    def _put_thing(self, owner: str, home: str | None, step: Callable[[str], Put]) -> Put:
        """What was made of a thing that belongs into the experiment ``home``."""
        if home is None:
            return Put("", refused="its experiment does not exist")
        if not self._job.writes:
            return Put("")
        try:
            put = step(home)
        except REFUSALS as error:
            return Put("", refused=reason_of(error))
        self._job.tally.explain_owner(owner, put)
        return put

    def _end_run(self, run: Run, here: str, home: str) -> None:
        try:
            self._job.destination.end_run(run, here, home)
        except REFUSALS as error:
            self._job.tally.add_difference(Fault("runs", title_of(run), "", reason_of(error), pieces=0))

    def _iterate_readable(self, owner: str, items: Iterator[T | Fault | Note]) -> Iterator[T]:
        return self._job.iterate_readable(owner, items)


def _bury_run(run: Run, experiment: Experiment) -> Run:
    """The run as it is: in a deleted experiment it is deleted as well."""
    if experiment.lifecycle_stage != DELETED or run.lifecycle_stage == DELETED:
        return run
    return run._replace(lifecycle_stage=DELETED, deleted_time=experiment.last_update_time or None)
