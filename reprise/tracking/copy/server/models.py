"""How logged models are pushed to an MLflow server of version 3, which gives them ids of its own."""

from __future__ import annotations

from typing import Any

from reprise.schemas.entities import DELETED, LoggedModel
from reprise.schemas.tags import COPY_INCOMPLETE
from reprise.tracking.copy import marks
from reprise.tracking.copy.server.base import ServerEnd
from reprise.tracking.merging.fields import changes_of, kept_of, with_tags
from reprise.tracking.merging.merge import merge_fields, said_of
from reprise.tracking.protocols.copying import KeptAsItWas, Put
from reprise.tracking.rest import shapes as shapes
from reprise.tracking.rest.models import logged_model_path

_PENDING = "LOGGED_MODEL_PENDING"


class PushedModels(ServerEnd):
    def put_model(self, model: LoggedModel, experiment_id: str, run_id: str | None) -> Put:
        """Make it with its params, tags and points, or bring the one that was made up to date."""
        found = self.ids.find_model(model.model_id, experiment_id)
        kept: list[KeptAsItWas] = []
        is_new = found is None or COPY_INCOMPLETE in found.tags
        if found is None:
            found = self._make_model(model, experiment_id, run_id)
        else:
            kept += self._update_model(found, model)
        known = {(point.key, point.timestamp, point.step) for _, _, point in found.metrics}
        for _, measured_by, point in model.metrics:
            here = self.ids.here_of(measured_by, experiment_id)
            if here and (point.key, point.timestamp, point.step) not in known:
                self.tracking.log_batch(here, metrics=[point._replace(model_id=found.model_id)])
        return Put(found.model_id, is_new, saw_files=not is_new, kept=kept)

    def find_model(self, model: LoggedModel, experiment_id: str) -> LoggedModel | None:
        """The model there, with what it names in the ids of the source."""
        here = self.ids.find_model(model.model_id, experiment_id)
        return None if here is None else self.original_model(self.tracking.get_logged_model(here.model_id))

    def _make_model(self, model: LoggedModel, experiment_id: str, run_id: str | None) -> LoggedModel:
        times = marks.Times(model.creation_time, model.last_update_time)
        tags = {
            **model.tags,
            **marks.marks_of(model.model_id, _fields_of(model), times),
            COPY_INCOMPLETE: "true",
        }
        body: dict[str, Any] = {
            "experiment_id": experiment_id,
            "name": model.name,
            "params": shapes.pairs(model.params),
            "tags": shapes.pairs(tags),
        }
        about = {"model_type": model.model_type, "source_run_id": run_id}
        body |= {name: value for name, value in about.items() if value}
        answer = self.tracking.connection.call("POST", "logged-models", json=body, repeatable=False)
        made = shapes.logged_model(answer["model"])
        self.ids.learn_id(model.model_id, made.model_id)
        if model.status != _PENDING:
            body = {"model_id": made.model_id, "status": model.status}
            self.tracking.connection.call("PATCH", logged_model_path(made.model_id), json=body)
        return made

    def _update_model(self, here: LoggedModel, model: LoggedModel) -> list[KeptAsItWas]:
        theirs, ours = _fields_of(model), _fields_of(self.original_model(here))
        said = marks.said_before(here.tags)
        if COPY_INCOMPLETE in here.tags:  # what is missing has not come yet
            said = said_of({field: value for field, value in ours.items() if field in theirs})
        merge = merge_fields(theirs, ours, said)
        changes = changes_of(merge)
        path, call = logged_model_path(here.model_id), self.tracking.connection.call
        changed = {key: value for key, value in changes.tags.items() if value is not None}
        changed |= marks.state_mark(theirs)
        call("PATCH", f"{path}/tags", json={"model_id": here.model_id, "tags": shapes.pairs(changed)})
        for key in (key for key, value in changes.tags.items() if value is None):
            call("DELETE", f"{path}/tags/{key}", repeatable=False)
        if (status := changes.facts.get("status")) and status != _PENDING:
            call("PATCH", path, json={"model_id": here.model_id, "status": status})
        if changes.facts.get("stage") == DELETED:
            call("DELETE", path, repeatable=False)
        return kept_of("logged models", merge)

    def original_model(self, here: LoggedModel) -> LoggedModel:
        times = marks.times_of(here.tags) or marks.Times(here.creation_time, here.last_update_time)
        source_run = here.source_run_id and self.ids.run_origin(here.source_run_id)
        return here._replace(
            tags=marks.without_marks(here.tags),
            source_run_id=source_run,
            creation_time=times.creation,
            last_update_time=times.last_update,
            metrics=tuple(
                point._replace(run_id=self.ids.run_origin(point.run_id)) for point in here.metrics
            ),
        )


def _fields_of(model: LoggedModel) -> dict[str, str]:
    return with_tags({"status": model.status, "stage": model.lifecycle_stage}, model.tags)
