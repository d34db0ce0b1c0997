"""How runs are pushed to an MLflow server, which gives them ids of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from reprise.errors import TrackingError
from reprise.schemas.entities import ACTIVE, DELETED, Metric, ModelLink, Run
from reprise.schemas.tags import COPY_INCOMPLETE, PARENT_RUN_ID
from reprise.tracking.copy import marks
from reprise.tracking.copy.job import reason_of
from reprise.tracking.copy.server.base import ServerEnd
from reprise.tracking.merging.fields import changes_of, kept_of, with_tags
from reprise.tracking.merging.merge import merge_fields, said_of
from reprise.tracking.protocols.copying import KeptAsItWas, Put
from reprise.tracking.rest import shapes as shapes

_ENDED = ("FINISHED", "FAILED", "KILLED")
_PIECE = 100  # params or tags of a request


class PushedRuns(ServerEnd):
    def put_run(self, run: Run, experiment_id: str) -> Put:
        """Make it, or bring the one that carries its id in a tag up to date."""
        before = self.ids.find_run(run.run_id, experiment_id)
        fields = _fields_of(run)
        if before is None:
            new = self.tracking.create_run(
                experiment_id,
                start_time=run.start_time,
                user_id=run.user_id,
                run_name=run.run_name or None,
                tags={**marks.marks_of(run.run_id, fields), COPY_INCOMPLETE: "true"},
            ).run_id
            self.ids.learn_id(run.run_id, new)
            if run.status != "RUNNING":
                self.tracking.update_run(new, status=run.status, end_time=run.end_time)
            kept = self._log_batch(new, tags=self._tags_there(run.tags, experiment_id))
            kept += self._log_batch(new, params=run.params)
            self._log_datasets(new, run)
            return Put(new, is_new=True, kept=kept)
        is_new = COPY_INCOMPLETE in before.tags
        if before.lifecycle_stage == run.lifecycle_stage == DELETED:  # which takes nothing any more
            return Put(before.run_id, saw_files=True)
        if before.lifecycle_stage == DELETED and run.lifecycle_stage == ACTIVE:
            said = marks.said_before(before.tags)
            if said is None or said.equals("stage", ACTIVE):
                return Put(before.run_id, kept=[KeptAsItWas("runs", "", "it was deleted there")])
            self.tracking.restore_run(before.run_id)
        kept = self._update_run(before, run, experiment_id)
        return Put(before.run_id, is_new, saw_files=not is_new, kept=kept)

    def find_run(self, run: Run, experiment_id: str) -> Run | None:
        """The run there, with what it names in the ids of the source."""
        here = self.ids.find_run(run.run_id, experiment_id)
        return None if here is None else self.original_run(here)

    def put_points(self, run_id: str, points: Sequence[Metric]) -> None:
        """Those of a logged model's are put with the model."""
        bare = [point._replace(model_id=None, dataset_name=None, dataset_digest=None) for point in points]
        self.tracking.log_batch(run_id, metrics=bare)

    def read_points(self, run: Run) -> Iterator[Metric]:
        for key in self.tracking.get_run(run.run_id).metrics:
            yield from self.tracking.metric_history(run.run_id, key)

    def end_run(self, run: Run, here: str, experiment_id: str) -> None:
        """Link its models, and close it as the source says; at last, since a deleted run takes nothing."""
        there = self.tracking.get_run(here)
        if there.lifecycle_stage == DELETED:
            return
        read = self._links_there(run.model_inputs, there.model_inputs, experiment_id)
        made = self._links_there(run.model_outputs, there.model_outputs, experiment_id)
        call = self.tracking.connection.call
        if read:
            inputs: list[dict[str, Any]] = [{"model_id": link.model_id} for link in read]
            call("POST", "runs/log-inputs", json={"run_id": here, "models": inputs})
        if made:
            outputs = [{"model_id": link.model_id, "step": link.step or 0} for link in made]
            call("POST", "runs/outputs", json={"run_id": here, "models": outputs})
        if run.lifecycle_stage == DELETED:
            self.tracking.delete_run(here)

    def _update_run(self, before: Run, run: Run, experiment_id: str) -> list[KeptAsItWas]:
        theirs = _fields_of(run)
        ours = _fields_of(self.original_run(before))
        said = marks.said_before(before.tags)
        if COPY_INCOMPLETE in before.tags:  # what is missing has not come yet
            said = said_of({field: value for field, value in ours.items() if field in theirs})
        elif said is None and before.status not in _ENDED:
            said = said_of(ours)
        merge = merge_fields(theirs, ours, said)
        changes = changes_of(merge)
        set_tags = {key: value for key, value in changes.tags.items() if value is not None}
        kept = self._log_batch(before.run_id, tags=self._tags_there(set_tags, experiment_id))
        for key in (key for key, value in changes.tags.items() if value is None):
            self._untag_run(before.run_id, key)
        facts = {
            "status": run.status if {"status", "end time"} & changes.facts.keys() else None,
            "end_time": run.end_time if {"status", "end time"} & changes.facts.keys() else None,
            "run_name": run.run_name if "name" in changes.facts else None,
        }
        if any(value is not None for value in facts.values()):
            self.tracking.update_run(before.run_id, **facts)  # type: ignore[arg-type]
        here: Mapping[str, str] = before.params
        kept += self._log_batch(
            before.run_id, params={k: v for k, v in run.params.items() if k not in here}
        )
        self._log_datasets(before.run_id, run)
        self._log_batch(before.run_id, tags=marks.state_mark(theirs))
        return kept + kept_of("runs", merge)

    def _log_batch(
        self, run_id: str, *, params: Mapping[str, str] | None = None, tags: Mapping[str, str] | None = None
    ) -> list[KeptAsItWas]:
        """Log params or tags, in halves where the server refuses some; those that it refuses."""
        items = list((params if params is not None else tags or {}).items())
        kind = "params" if params is not None else "tags"

        def send_some(some: list[tuple[str, str]]) -> None:
            self.tracking.log_batch(run_id, **{kind: dict(some)})  # type: ignore[arg-type]

        refused: list[KeptAsItWas] = []
        for start in range(0, len(items), _PIECE):
            refused += _in_halves(items[start : start + _PIECE], kind, send_some)
        return refused

    def _log_datasets(self, here: str, run: Run) -> None:
        if run.dataset_inputs:
            datasets = [shapes.dataset_input_body(given) for given in run.dataset_inputs]
            body = {"run_id": here, "datasets": datasets}
            self.tracking.connection.call("POST", "runs/log-inputs", json=body)

    def _untag_run(self, run_id: str, key: str) -> None:
        body = {"run_id": run_id, "key": key}
        self.tracking.connection.call("POST", "runs/delete-tag", json=body, repeatable=False)

    def _tags_there(self, tags: Mapping[str, str], experiment_id: str) -> dict[str, str]:
        """The tags in the ids of the server: a run's parent is what its parent became."""
        parent = tags.get(PARENT_RUN_ID)
        here = parent and self.ids.here_of(parent, experiment_id)
        return {**tags, PARENT_RUN_ID: here} if here else dict(tags)

    def original_run(self, here: Run) -> Run:
        tags = marks.without_marks(here.tags)
        if parent := tags.get(PARENT_RUN_ID):
            tags[PARENT_RUN_ID] = self.ids.run_origin(parent)
        return here._replace(
            tags=tags,
            model_inputs=tuple(
                link._replace(model_id=self.ids.model_origin(link.model_id)) for link in here.model_inputs
            ),
            model_outputs=tuple(
                link._replace(model_id=self.ids.model_origin(link.model_id)) for link in here.model_outputs
            ),
        )

    def _links_there(
        self, links: Sequence[ModelLink], there: Sequence[ModelLink], experiment_id: str
    ) -> list[ModelLink]:
        """The links to models that were pushed as well, with their new ids; a server takes each once."""
        known = {link.model_id for link in there}
        found = ((self.ids.find_model(link.model_id, experiment_id), link.step) for link in links)
        return [
            ModelLink(model.model_id, step)
            for model, step in found
            if model and model.model_id not in known
        ]


def _fields_of(run: Run) -> dict[str, str]:
    end_time = "" if run.end_time is None else str(run.end_time)
    facts = {"name": run.run_name, "status": run.status, "end time": end_time, "stage": run.lifecycle_stage}
    return with_tags(facts, run.tags)


def _in_halves(
    items: list[tuple[str, str]], kind: str, send: Callable[[list[tuple[str, str]]], None]
) -> list[KeptAsItWas]:
    """Send all together, or what of them is not refused; the rest."""
    if not items:
        return []
    try:
        send(items)
    except TrackingError as error:
        reason = reason_of(error)
        if len(items) == 1:
            return [KeptAsItWas(kind, items[0][0], f"the server refused it: {reason}")]
        middle = len(items) // 2
        return _in_halves(items[:middle], kind, send) + _in_halves(items[middle:], kind, send)
    return []
