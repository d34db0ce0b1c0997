"""The REST verbs of model versions."""

from __future__ import annotations

import json
from typing import Annotated

import msgspec

from reprise.schemas.entities import ModelVersion
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

REGISTERED_AS = "mlflow.modelVersions"


class CreateModelVersion(Request):
    name: Word
    source: Word
    run_id: str | None = None
    tags: tuple[KeyValue, ...] = ()
    run_link: str | None = None
    description: str | None = None
    model_id: str | None = None


class VersionRequest(Request):
    name: Word
    version: Word


class GetModelVersion(VersionRequest):
    pass


class DeleteModelVersion(VersionRequest):
    pass


class GetModelVersionDownloadUri(VersionRequest):
    pass


class UpdateModelVersion(VersionRequest):
    description: str | None = None


class TransitionModelVersionStage(VersionRequest):
    stage: Word
    archive_existing_versions: bool = False


class SearchModelVersions(Request):
    filter: str = ""
    max_results: Annotated[int, msgspec.Meta(le=200_000)] = 10_000
    order_by: tuple[str, ...] = ()
    page_token: str | None = None


class SetModelVersionTag(VersionRequest):
    key: Word
    value: str = ""


class DeleteModelVersionTag(VersionRequest):
    key: Word


def create(store: TrackingStore, request: CreateModelVersion) -> Answer:
    version = store.create_model_version(
        request.name,
        request.source,
        run_id=request.run_id or None,
        run_link=request.run_link or None,
        description=request.description or None,
        tags=as_mapping(request.tags),
        model_id=request.model_id or None,
    )
    if request.model_id:
        _note_on_model(store, request.model_id, version)
    return {"model_version": shapes.model_version(version)}


def _note_on_model(store: TrackingStore, model_id: str, version: ModelVersion) -> None:
    """A logged model lists in a tag the versions it was registered as; 3.x clients read it there."""
    listed = store.get_logged_model(model_id).tags.get(REGISTERED_AS, "[]")
    entry = {"name": version.name, "version": version.version}
    versions = [*msgspec.json.decode(listed, type=list[dict[str, object]]), entry]
    store.set_logged_model_tags(model_id, {REGISTERED_AS: json.dumps(versions)})


def get(store: TrackingStore, request: GetModelVersion) -> Answer:
    version = store.get_model_version(request.name, request.version)
    return {"model_version": shapes.model_version(version)}


def update(store: TrackingStore, request: UpdateModelVersion) -> Answer:
    version = store.update_model_version(
        request.name, request.version, description=request.description or ""
    )
    return {"model_version": shapes.model_version(version)}


def transition(store: TrackingStore, request: TransitionModelVersionStage) -> Answer:
    version = store.transition_model_version_stage(
        request.name,
        request.version,
        request.stage,
        archive_existing_versions=request.archive_existing_versions,
    )
    return {"model_version": shapes.model_version(version)}


def delete(store: TrackingStore, request: DeleteModelVersion) -> Answer:
    store.delete_model_version(request.name, request.version)
    return {}


def search(store: TrackingStore, request: SearchModelVersions) -> Answer:
    found = store.search_model_versions(
        filter=request.filter,
        order_by=request.order_by,
        max_results=request.max_results,
        page_token=request.page_token or None,
    )
    return shapes.page("model_versions", found, shapes.model_version)


def set_tag(store: TrackingStore, request: SetModelVersionTag) -> Answer:
    store.set_model_version_tag(request.name, request.version, request.key, request.value)
    return {}


def delete_tag(store: TrackingStore, request: DeleteModelVersionTag) -> Answer:
    store.delete_model_version_tag(request.name, request.version, request.key)
    return {}


def get_download_uri(store: TrackingStore, request: GetModelVersionDownloadUri) -> Answer:
    return {"artifact_uri": store.model_version_download_uri(request.name, request.version)}


VERBS = (
    Verb("POST", "model-versions/create", Role.WRITE, CreateModelVersion, create),
    Verb("GET", "model-versions/get", Role.READ, GetModelVersion, get),
    Verb("PATCH", "model-versions/update", Role.WRITE, UpdateModelVersion, update),
    Verb("POST", "model-versions/transition-stage", Role.WRITE, TransitionModelVersionStage, transition),
    Verb("DELETE", "model-versions/delete", Role.ADMIN, DeleteModelVersion, delete),
    Verb("GET", "model-versions/search", Role.READ, SearchModelVersions, search),
    Verb("POST", "model-versions/set-tag", Role.WRITE, SetModelVersionTag, set_tag),
    Verb("DELETE", "model-versions/delete-tag", Role.WRITE, DeleteModelVersionTag, delete_tag),
    Verb("GET", "model-versions/get-download-uri", Role.READ, GetModelVersionDownloadUri, get_download_uri),
)
