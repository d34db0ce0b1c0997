"""The REST verbs of experiments."""

from __future__ import annotations

from reprise.errors import TrackingError
from reprise.schemas.entities import ViewType
from reprise.server.api import shapes
from reprise.server.api.wire import (
    Answer,
    KeyValue,
    Request,
    Verb,
    Word,
    as_mapping,
)
from reprise.server.http.access import Role
from reprise.tracking.protocols.store import TrackingStore


class CreateExperiment(Request):
    name: str = ""
    artifact_location: str | None = None
    tags: tuple[KeyValue, ...] = ()


class GetExperiment(Request):
    experiment_id: Word


class GetExperimentByName(Request):
    experiment_name: Word


class SearchExperiments(Request):
    max_results: int = 1000
    page_token: str | None = None
    filter: str = ""
    order_by: tuple[str, ...] = ()
    view_type: ViewType = "ACTIVE_ONLY"


class UpdateExperiment(Request):
    experiment_id: Word
    new_name: Word


class DeleteExperiment(Request):
    experiment_id: Word


class RestoreExperiment(Request):
    experiment_id: Word


class SetExperimentTag(Request):
    experiment_id: Word
    key: Word
    value: str = ""


class DeleteExperimentTag(Request):
    experiment_id: Word
    key: Word


def create(store: TrackingStore, request: CreateExperiment) -> Answer:
    experiment_id = store.create_experiment(
        request.name, artifact_location=request.artifact_location or None, tags=as_mapping(request.tags)
    )
    return {"experiment_id": experiment_id}


def get(store: TrackingStore, request: GetExperiment) -> Answer:
    return {"experiment": shapes.experiment(store.get_experiment(request.experiment_id))}


def get_by_name(store: TrackingStore, request: GetExperimentByName) -> Answer:
    experiment = store.get_experiment_by_name(request.experiment_name)
    if experiment is None:
        raise TrackingError(
            f"Could not find experiment with name '{request.experiment_name}'",
            code="RESOURCE_DOES_NOT_EXIST",
        )
    return {"experiment": shapes.experiment(experiment)}


def search(store: TrackingStore, request: SearchExperiments) -> Answer:
    found = store.search_experiments(
        filter=request.filter,
        order_by=request.order_by,
        view_type=request.view_type,
        max_results=request.max_results,
        page_token=request.page_token or None,
    )
    return shapes.page("experiments", found, shapes.experiment)


def update(store: TrackingStore, request: UpdateExperiment) -> Answer:
    store.rename_experiment(request.experiment_id, request.new_name)
    return {}


def delete(store: TrackingStore, request: DeleteExperiment) -> Answer:
    store.delete_experiment(request.experiment_id)
    return {}


def restore(store: TrackingStore, request: RestoreExperiment) -> Answer:
    store.restore_experiment(request.experiment_id)
    return {}


def set_tag(store: TrackingStore, request: SetExperimentTag) -> Answer:
    store.set_experiment_tag(request.experiment_id, request.key, request.value)
    return {}


def delete_tag(store: TrackingStore, request: DeleteExperimentTag) -> Answer:
    store.delete_experiment_tag(request.experiment_id, request.key)
    return {}


VERBS = (
    Verb("GET", "experiments/list", Role.READ, SearchExperiments, search),  # of 1.x clients
    Verb("POST", "experiments/create", Role.WRITE, CreateExperiment, create),
    Verb("GET", "experiments/get", Role.READ, GetExperiment, get),
    Verb("GET", "experiments/get-by-name", Role.READ, GetExperimentByName, get_by_name),
    Verb("POST", "experiments/search", Role.READ, SearchExperiments, search),
    Verb("GET", "experiments/search", Role.READ, SearchExperiments, search),
    Verb("POST", "experiments/update", Role.WRITE, UpdateExperiment, update),
    Verb("POST", "experiments/delete", Role.WRITE, DeleteExperiment, delete),
    Verb("POST", "experiments/restore", Role.WRITE, RestoreExperiment, restore),
    Verb("POST", "experiments/set-experiment-tag", Role.WRITE, SetExperimentTag, set_tag),
    Verb("POST", "experiments/delete-experiment-tag", Role.WRITE, DeleteExperimentTag, delete_tag),
)
