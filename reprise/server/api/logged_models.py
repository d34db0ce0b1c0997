"""The REST verbs of logged models (MLflow 3)."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from reprise.schemas.entities import ModelOrder
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

ModelStatus = Literal["LOGGED_MODEL_PENDING", "LOGGED_MODEL_READY", "LOGGED_MODEL_UPLOAD_FAILED"]


class CreateLoggedModel(Request):
    experiment_id: Word
    name: str | None = None
    model_type: str | None = None
    source_run_id: str | None = None
    params: tuple[KeyValue, ...] = ()
    tags: tuple[KeyValue, ...] = ()


class GetLoggedModel(Request):
    model_id: Word
    allow_deleted: bool = False


class FinalizeLoggedModel(Request):
    model_id: Word
    status: ModelStatus


class DeleteLoggedModel(Request):
    model_id: Word


class DatasetFilter(msgspec.Struct):
    dataset_name: Word
    dataset_digest: str | None = None


class OrderBy(msgspec.Struct):
    field_name: Word
    ascending: bool = True
    dataset_name: str | None = None
    dataset_digest: str | None = None


class SearchLoggedModels(Request):
    experiment_ids: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    filter: str = ""
    datasets: tuple[DatasetFilter, ...] = ()
    max_results: int = 50
    order_by: tuple[OrderBy, ...] = ()
    page_token: str | None = None


class SetLoggedModelTags(Request):
    model_id: Word
    tags: tuple[KeyValue, ...] = ()


class DeleteLoggedModelTag(Request):
    model_id: Word
    tag_key: Word


class LogLoggedModelParams(Request):
    model_id: Word
    params: tuple[KeyValue, ...] = ()


class ListLoggedModelArtifacts(Request):
    model_id: Word
    artifact_directory_path: str = ""


def create(store: TrackingStore, request: CreateLoggedModel) -> Answer:
    model = store.create_logged_model(
        request.experiment_id,
        name=request.name or None,
        source_run_id=request.source_run_id or None,
        tags=as_mapping(request.tags),
        params=as_mapping(request.params),
        model_type=request.model_type or None,
    )
    return {"model": shapes.logged_model(model)}


def get(store: TrackingStore, request: GetLoggedModel) -> Answer:
    model = store.get_logged_model(request.model_id, allow_deleted=request.allow_deleted)
    return {"model": shapes.logged_model(model)}


def finalize(store: TrackingStore, request: FinalizeLoggedModel) -> Answer:
    model = store.finalize_logged_model(request.model_id, request.status)
    return {"model": shapes.logged_model(model)}


def delete(store: TrackingStore, request: DeleteLoggedModel) -> Answer:
    store.delete_logged_model(request.model_id)
    return {}


def search(store: TrackingStore, request: SearchLoggedModels) -> Answer:
    found = store.search_logged_models(
        request.experiment_ids,
        filter=request.filter,
        order_by=[ModelOrder(**msgspec.structs.asdict(order)) for order in request.order_by],
        datasets=[(item.dataset_name, item.dataset_digest or None) for item in request.datasets],
        max_results=request.max_results or 50,
        page_token=request.page_token or None,
    )
    return shapes.page("models", found, shapes.logged_model)


def set_tags(store: TrackingStore, request: SetLoggedModelTags) -> Answer:
    store.set_logged_model_tags(request.model_id, as_mapping(request.tags))
    return {}


def delete_tag(store: TrackingStore, request: DeleteLoggedModelTag) -> Answer:
    store.delete_logged_model_tag(request.model_id, request.tag_key)
    return {}


def log_params(store: TrackingStore, request: LogLoggedModelParams) -> Answer:
    store.log_logged_model_params(request.model_id, as_mapping(request.params))
    return {}


def list_artifacts(store: TrackingStore, request: ListLoggedModelArtifacts) -> Answer:
    model = store.get_logged_model(request.model_id)
    files = store.list_model_artifacts(request.model_id, request.artifact_directory_path)
    return shapes.artifacts(model.artifact_uri, files)


VERBS = (
    Verb("POST", "logged-models", Role.WRITE, CreateLoggedModel, create),
    Verb("POST", "logged-models/search", Role.READ, SearchLoggedModels, search),
    Verb("GET", "logged-models/{model_id}", Role.READ, GetLoggedModel, get),
    Verb("PATCH", "logged-models/{model_id}", Role.WRITE, FinalizeLoggedModel, finalize),
    Verb("DELETE", "logged-models/{model_id}", Role.WRITE, DeleteLoggedModel, delete),
    Verb("PATCH", "logged-models/{model_id}/tags", Role.WRITE, SetLoggedModelTags, set_tags),
    Verb("DELETE", "logged-models/{model_id}/tags/{tag_key}", Role.WRITE, DeleteLoggedModelTag, delete_tag),
    Verb("POST", "logged-models/{model_id}/params", Role.WRITE, LogLoggedModelParams, log_params),
    Verb(
        "GET",
        "logged-models/{model_id}/artifacts/directories",
        Role.READ,
        ListLoggedModelArtifacts,
        list_artifacts,
    ),
)
