"""How experiments are pushed to an MLflow server: by what they were pushed as before, else by name."""

from __future__ import annotations

from reprise.errors import TrackingError
from reprise.schemas.entities import DELETED, Experiment
from reprise.schemas.tags import COPIED_FROM
from reprise.tracking.copy import marks
from reprise.tracking.copy.server.base import ServerEnd
from reprise.tracking.merging.fields import changes_of, kept_of, with_tags
from reprise.tracking.merging.merge import Merge, merge_fields
from reprise.tracking.protocols.copying import Home, Put
from reprise.tracking.rest import fields as fields

_NAME, _STAGE = "name", "stage"


class PushedExperiments(ServerEnd):
    def put_experiment(self, experiment: Experiment) -> Put:
        """Under its own name where that is free; an active one whose name is deleted there gets another."""
        here = self._experiment_there(experiment)
        if here is None:
            return self._make_experiment(experiment)
        is_shared = COPIED_FROM not in here.tags
        theirs = _fields_of(experiment, is_shared)
        ours = with_tags({_NAME: here.name, _STAGE: here.lifecycle_stage}, marks.without_marks(here.tags))
        merge = merge_fields(theirs, ours, marks.said_before(here.tags))
        merge = self._change_experiment(here, merge)
        if not is_shared and here.lifecycle_stage != DELETED:
            self._tag_experiment(here.experiment_id, marks.state_mark(theirs))
        return Put(here.experiment_id, kept=kept_of("experiments", merge))

    def find_experiment(self, experiment: Experiment) -> Home | None:
        here = self._experiment_there(experiment)
        return None if here is None else Home(here.experiment_id, COPIED_FROM not in here.tags)

    def read_experiment(self, experiment_id: str) -> Experiment:
        here = self.tracking.get_experiment(experiment_id)
        return here._replace(tags=marks.without_marks(here.tags))

    def _experiment_there(self, experiment: Experiment) -> Experiment | None:
        identity = _identity_of(experiment)
        if identity in self._experiments:
            return self.tracking.get_experiment(self._experiments[identity])
        body = {
            "filter": f"tags.`{COPIED_FROM}` = '{identity}'",
            "max_results": 1,
            "view_type": "ALL",
        }
        found = self.tracking.connection.call("POST", "experiments/search", json=body)
        for item in fields.parts(found, "experiments"):
            self._experiments[identity] = fields.identity(item, "experiment_id")
            return self.tracking.get_experiment(fields.identity(item, "experiment_id"))
        named = self.tracking.get_experiment_by_name(experiment.name)
        is_buried = named and named.lifecycle_stage == DELETED and experiment.lifecycle_stage != DELETED
        return None if is_buried else named

    def _make_experiment(self, experiment: Experiment) -> Put:
        name, number = experiment.name, 1
        while self.tracking.get_experiment_by_name(name) is not None:
            number += 1
            name = f"{experiment.name} ({number})"
        made = self.tracking.create_experiment(name)
        self._experiments[_identity_of(experiment)] = made
        times = marks.Times(experiment.creation_time, experiment.last_update_time)
        fields = _fields_of(experiment, is_shared=False)
        self._tag_experiment(
            made, {**experiment.tags, **marks.marks_of(_identity_of(experiment), fields, times)}
        )
        notes = []
        if name != experiment.name:
            notes.append(
                f"experiment {experiment.name!r} is {name!r} there: one of its name is deleted there"
            )
        return Put(made, is_new=True, notes=notes)

    def _change_experiment(self, here: Experiment, merge: Merge) -> Merge:
        """Make the changes; those that the server refuses are kept."""
        changes, kept = changes_of(merge), dict(merge.kept)
        stage = changes.facts.get(_STAGE)
        try:
            if stage == DELETED:
                self.tracking.delete_experiment(here.experiment_id)
            elif stage:
                self.tracking.restore_experiment(here.experiment_id)
            elif name := changes.facts.get(_NAME):
                self.tracking.rename_experiment(here.experiment_id, name)
        except TrackingError as error:
            kept[_STAGE if stage else _NAME] = error.message
        if stage != DELETED and here.lifecycle_stage != DELETED:
            self._tag_experiment(
                here.experiment_id, {k: v for k, v in changes.tags.items() if v is not None}
            )
            for key in (key for key, value in changes.tags.items() if value is None):
                self._untag_experiment(here.experiment_id, key)
        return merge._replace(kept=kept)

    def _tag_experiment(self, experiment_id: str, tags: dict[str, str]) -> None:
        for key, value in tags.items():
            body = {"experiment_id": experiment_id, "key": key, "value": value}
            self.tracking.connection.call("POST", "experiments/set-experiment-tag", json=body)

    def _untag_experiment(self, experiment_id: str, key: str) -> None:
        body = {"experiment_id": experiment_id, "key": key}
        self.tracking.connection.call("POST", "experiments/delete-experiment-tag", json=body)


def _identity_of(experiment: Experiment) -> str:
    return f"{experiment.experiment_id}@{experiment.creation_time}"


def _fields_of(experiment: Experiment, is_shared: bool) -> dict[str, str]:
    facts = {} if is_shared else {_NAME: experiment.name, _STAGE: experiment.lifecycle_stage}
    return with_tags(facts, experiment.tags)
