"""An MLflow server as the destination of a copy: it gives its own ids, and a tag keeps the old ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from reprise.errors import TrackingError
from reprise.schemas.entities import DELETED, Experiment, LoggedModel, Metric, ModelLink, Run
from reprise.schemas.tags import COPIED_FROM, COPY_INCOMPLETE, PARENT_RUN_ID
from reprise.tracking import rest_shapes as shapes
from reprise.tracking.copying import Begun
from reprise.tracking.rest import RestTracking
from reprise.tracking.rest_models import logged_model_path

_ENDED = ("FINISHED", "FAILED", "KILLED")


class _Copied(NamedTuple):
    """A run as it was pushed before, if it was."""

    run: Run
    is_incomplete: bool


class RestDestination(RestTracking):
    """Satisfies ``Destination``. The registry of a server numbers versions itself, and is left alone."""

    def __init__(self, uri: str) -> None:
        super().__init__(uri)
        self._run_of: dict[str, str] = {}

    def put_experiment(self, experiment: Experiment) -> tuple[str, bool]:
        """By its name. Raises ``INVALID_STATE`` when the one of this name is deleted there."""
        found = self.get_experiment_by_name(experiment.name)
        if found is not None:
            if found.lifecycle_stage == DELETED:
                raise TrackingError("the experiment of this name is deleted there", code="INVALID_STATE")
            return found.experiment_id, False
        made = self.create_experiment(experiment.name)
        for key, value in experiment.tags.items():
            body = {"experiment_id": made, "key": key, "value": value}
            self._connection.call("POST", "experiments/set-experiment-tag", json=body)
        return made, True

    def begin_run(self, run: Run, experiment_id: str) -> Begun:
        """Make it, or go on with the one that carries its id in a tag."""
        before = self._copied(run.run_id, experiment_id)
        if before is None:
            new = self.create_run(
                experiment_id,
                start_time=run.start_time,
                user_id=run.user_id,
                run_name=run.run_name or None,
                tags={COPIED_FROM: run.run_id, COPY_INCOMPLETE: "true"},
            ).run_id
        else:
            new = before.run.run_id
            if not before.is_incomplete and before.run.status in _ENDED:
                self._run_of[run.run_id] = new
                return Begun(new, is_new=False, is_whole=True)
        self._run_of[run.run_id] = new
        self.log_batch(new, params=run.params, tags=self._tags(run, experiment_id))
        if run.dataset_inputs:
            datasets = [shapes.dataset_input_body(given) for given in run.dataset_inputs]
            self._connection.call("POST", "runs/log-inputs", json={"run_id": new, "datasets": datasets})
        return Begun(new, is_new=before is None or before.is_incomplete, is_whole=False)

    def put_points(self, run_id: str, points: Sequence[Metric]) -> None:
        """Those of a logged model's are put with the model."""
        bare = [point._replace(model_id=None, dataset_name=None, dataset_digest=None) for point in points]
        self.log_batch(run_id, metrics=bare)

    def finish_run(self, run_id: str, run: Run) -> None:
        here = self.get_run(run_id)
        read = self._missing(run.model_inputs, here.model_inputs, here.experiment_id)
        made = self._missing(run.model_outputs, here.model_outputs, here.experiment_id)
        if read:
            models: list[dict[str, Any]] = [{"model_id": link.model_id} for link in read]
            self._connection.call("POST", "runs/log-inputs", json={"run_id": run_id, "models": models})
        if made:
            models = [{"model_id": link.model_id, "step": link.step or 0} for link in made]
            self._connection.call("POST", "runs/outputs", json={"run_id": run_id, "models": models})
        if run.status != here.status:
            self.update_run(run_id, status=run.status, end_time=run.end_time)
        if COPY_INCOMPLETE in here.tags:
            body = {"run_id": run_id, "key": COPY_INCOMPLETE}
            self._connection.call("POST", "runs/delete-tag", json=body, repeatable=False)
        if run.lifecycle_stage == DELETED:
            self.delete_run(run_id)

    def begin_model(self, model: LoggedModel, experiment_id: str, run_id: str | None) -> Begun:
        """Make it with its params, tags and points, or go on with the one that was begun."""
        found = self._model(model.model_id, experiment_id)
        if found is not None and COPY_INCOMPLETE not in found.tags:
            return Begun(found.model_id, is_new=False, is_whole=True)
        if found is None:
            tags = {**model.tags, COPIED_FROM: model.model_id, COPY_INCOMPLETE: "true"}
            body: dict[str, Any] = {
                "experiment_id": experiment_id,
                "name": model.name,
                "params": shapes.pairs(model.params),
                "tags": shapes.pairs(tags),
            }
            about = {"model_type": model.model_type, "source_run_id": run_id}
            body |= {name: value for name, value in about.items() if value}
            answer = self._connection.call("POST", "logged-models", json=body, repeatable=False)
            found = shapes.logged_model(answer["model"])
        for _, measured_by, point in model.metrics:
            if here := self._run_of.get(measured_by):
                self.log_batch(here, metrics=[point._replace(model_id=found.model_id)])
        return Begun(found.model_id, is_new=True, is_whole=False)

    def finish_model(self, model_id: str, model: LoggedModel) -> None:
        path = logged_model_path(model_id)
        if not model.status.endswith("_PENDING"):
            body = {"model_id": model_id, "status": model.status}
            self._connection.call("PATCH", path, json=body)
        self._connection.call("DELETE", f"{path}/tags/{COPY_INCOMPLETE}", repeatable=False)

    def file_sizes(self, owner: str, folder: str) -> dict[str, int | None]:
        return {found.path: found.size for found in self.list_artifacts(owner, folder) if not found.is_dir}

    def put_file(self, owner: str, source: Path, path: str) -> None:
        self.upload_artifact(owner, source, path)

    def _missing(
        self, links: Sequence[ModelLink], there: Sequence[ModelLink], experiment_id: str
    ) -> list[ModelLink]:
        """The links to models that were pushed as well, with their new ids; a server takes each once."""
        known = {link.model_id for link in there}
        found = ((self._model(link.model_id, experiment_id), link.step) for link in links)
        return [
            ModelLink(model.model_id, step)
            for model, step in found
            if model and model.model_id not in known
        ]

    def _tags(self, run: Run, experiment_id: str) -> dict[str, str]:
        """The run's tags; its parent is the run that its parent became."""
        tags = dict(run.tags)
        parent = tags.get(PARENT_RUN_ID, "")
        if parent and parent not in self._run_of and (found := self._copied(parent, experiment_id)):
            self._run_of[parent] = found.run.run_id
        if parent in self._run_of:
            tags[PARENT_RUN_ID] = self._run_of[parent]
        return tags

    def _copied(self, run_id: str, experiment_id: str) -> _Copied | None:
        found = self.search_runs(
            [experiment_id], filter=f"tags.`{COPIED_FROM}` = '{run_id}'", max_results=1, view_type="ALL"
        ).items
        return _Copied(found[0], COPY_INCOMPLETE in found[0].tags) if found else None

    def _model(self, model_id: str, experiment_id: str) -> LoggedModel | None:
        """The logged model that ``model_id`` became there."""
        body = {
            "experiment_ids": [experiment_id],
            "filter": f"tags.`{COPIED_FROM}` = '{model_id}'",
            "max_results": 1,
        }
        try:
            answer = self._connection.call("POST", "logged-models/search", json=body)
        except TrackingError as error:
            if error.code == "ENDPOINT_NOT_FOUND":  # MLflow 2 had none
                return None
            raise
        found = [shapes.logged_model(item) for item in answer.get("models", ())]
        return found[0] if found else None
