"""A server as the source of a copy: what was pushed to it comes back as it was where it was pushed from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reprise.schemas.entities import Experiment, LoggedModel, Metric, RegisteredModel, Run, Trace
from reprise.schemas.tags import COPIED_FROM
from reprise.tracking.copy import marks
from reprise.tracking.copy.server.destination import RestDestination
from reprise.tracking.copy.server.names import name_here, name_there
from reprise.tracking.copy.server.registry import original_registered_model
from reprise.tracking.copy.tracking import TrackingSource
from reprise.tracking.protocols.copying import (
    Fault,
    Note,
    Owner,
    SourceFile,
    SourceTrace,
    SourceVersion,
    UnreachableFile,
    Unseen,
    identity_of,
)
from reprise.tracking.rest.store import RestTracking

_MODEL_SOURCE = re.compile(r"models:/(m-[^/]+)")


class PushedSource(TrackingSource):
    """Satisfies ``Source``. Ids, times and names are those of before the push, as its tags keep them."""

    def __init__(self, tracking: RestTracking) -> None:
        super().__init__(tracking)
        self._end = RestDestination(tracking)
        self._homes: dict[tuple[str, int], str] = {}
        """The id on the server of each experiment, by its original id and time of creation."""

    def read_experiments(self) -> Iterator[Experiment | Fault | Note]:
        for given in super().read_experiments():
            yield self._original_experiment(given) if isinstance(given, Experiment) else given

    def read_runs(self, experiment: Experiment) -> Iterator[Run | Fault | Note]:
        for given in super().read_runs(self._find_experiment(experiment)):
            if not isinstance(given, Run):
                yield given
                continue
            run_id = given.tags.get(COPIED_FROM, given.run_id)
            self._end.ids.learn_id(run_id, given.run_id)
            yield self._end.original_run(given)._replace(
                run_id=run_id, experiment_id=experiment.experiment_id
            )

    def read_points(self, run: Run) -> Iterator[Metric | Fault | Note]:
        for given in super().read_points(run._replace(run_id=self._id_there(run.run_id))):
            if isinstance(given, Metric) and given.model_id:
                yield given._replace(model_id=self._end.ids.model_origin(given.model_id))
            else:
                yield given

    def logged_models(self, experiment: Experiment) -> Iterator[LoggedModel | Fault | Note]:
        for given in super().logged_models(self._find_experiment(experiment)):
            if not isinstance(given, LoggedModel):
                yield given
                continue
            model_id = given.tags.get(COPIED_FROM, given.model_id)
            self._end.ids.learn_id(model_id, given.model_id)
            yield self._end.original_model(given)._replace(
                model_id=model_id, experiment_id=experiment.experiment_id
            )

    def read_traces(self, experiment: Experiment) -> Iterator[SourceTrace | Fault | Note]:
        for given in super().read_traces(self._find_experiment(experiment)):
            if isinstance(given, SourceTrace):
                found = self._end.original_trace(given)
                trace = found.trace._replace(experiment_id=experiment.experiment_id)
                yield found._replace(trace=trace)
            else:
                yield given

    def registered_models(self) -> Iterator[RegisteredModel | Fault | Note]:
        for given in super().registered_models():
            yield original_registered_model(given) if isinstance(given, RegisteredModel) else given

    def read_versions(self, model: RegisteredModel) -> Iterator[SourceVersion | Fault | Note]:
        for given in super().read_versions(model):
            yield self._original_version(given) if isinstance(given, SourceVersion) else given

    def list_files(self, owner: Owner) -> Iterator[SourceFile | Fault | Unseen | UnreachableFile]:
        for given in super().list_files(self._owner_there(owner)):
            yield given._replace(path=name_here(given.path)) if isinstance(given, SourceFile) else given

    @contextmanager
    def open_file(self, owner: Owner, path: str) -> Iterator[Path]:
        there = self._owner_there(owner)
        with super().open_file(there, path if there is owner else name_there(path)) as found:
            yield found

    def _original_experiment(self, here: Experiment) -> Experiment:
        origin, _, _ = here.tags.get(COPIED_FROM, here.experiment_id).partition("@")
        times = marks.times_of(here.tags) or marks.Times(here.creation_time, here.last_update_time)
        self._homes[origin, times.creation] = here.experiment_id
        return here._replace(
            experiment_id=origin,
            tags=marks.without_marks(here.tags),
            creation_time=times.creation,
            last_update_time=times.last_update,
        )

    def _original_version(self, given: SourceVersion) -> SourceVersion:
        here, ids = given.version, self._end.ids
        version, place = self._end.original_version(here), given.place
        if here.model_id:
            version = version._replace(model_id=ids.model_origin(here.model_id))
        if found := _MODEL_SOURCE.match(here.source):
            source = f"models:/{ids.model_origin(found[1])}{here.source[found.end() :]}"
            version = version._replace(source=source)
        if place is not None:
            owner, path = place
            origin = ids.model_origin if owner.startswith("m-") else ids.run_origin
            place = (origin(owner), path)
        return SourceVersion(version, place)

    def _find_experiment(self, experiment: Experiment) -> Experiment:
        home = self._homes.get((experiment.experiment_id, experiment.creation_time))
        return experiment._replace(experiment_id=home or experiment.experiment_id)

    def _id_there(self, origin: str) -> str:
        return self._end.ids.find_id(origin) or origin

    def _owner_there(self, owner: Owner) -> Owner:
        there = self._id_there(identity_of(owner))
        if isinstance(owner, Trace) or there == identity_of(owner):
            return owner
        if isinstance(owner, Run):
            return owner._replace(run_id=there)
        return owner._replace(model_id=there)
