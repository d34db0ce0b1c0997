"""The REST verbs of registered models and their aliases."""

from __future__ import annotations

from typing import Annotated

import msgspec

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


class CreateRegisteredModel(Request):
    name: Word
    tags: tuple[KeyValue, ...] = ()
    description: str | None = None


class GetRegisteredModel(Request):
    name: Word


class UpdateRegisteredModel(Request):
    name: Word
    description: str = ""


class RenameRegisteredModel(Request):
    name: Word
    new_name: Word


class DeleteRegisteredModel(Request):
    name: Word


class SearchRegisteredModels(Request):
    filter: str = ""
    max_results: Annotated[int, msgspec.Meta(le=1000)] = 100
    order_by: tuple[str, ...] = ()
    page_token: str | None = None


class SetRegisteredModelTag(Request):
    name: Word
    key: Word
    value: str = ""


class DeleteRegisteredModelTag(Request):
    name: Word
    key: Word


class SetRegisteredModelAlias(Request):
    name: Word
    alias: Word
    version: Word


class DeleteRegisteredModelAlias(Request):
    name: Word
    alias: Word


class GetModelVersionByAlias(Request):
    name: Word
    alias: Word


class GetLatestVersions(Request):
    name: Word
    stages: tuple[str, ...] = ()


def create(store: TrackingStore, request: CreateRegisteredModel) -> Answer:
    model = store.create_registered_model(
        request.name, description=request.description or None, tags=as_mapping(request.tags)
    )
    return {"registered_model": shapes.registered_model(model)}


def get(store: TrackingStore, request: GetRegisteredModel) -> Answer:
    return {"registered_model": shapes.registered_model(store.get_registered_model(request.name))}


def update(store: TrackingStore, request: UpdateRegisteredModel) -> Answer:
    model = store.update_registered_model(request.name, description=request.description)
    return {"registered_model": shapes.registered_model(model)}


def rename(store: TrackingStore, request: RenameRegisteredModel) -> Answer:
    model = store.rename_registered_model(request.name, request.new_name)
    return {"registered_model": shapes.registered_model(model)}


def delete(store: TrackingStore, request: DeleteRegisteredModel) -> Answer:
    store.delete_registered_model(request.name)
    return {}


def search(store: TrackingStore, request: SearchRegisteredModels) -> Answer:
    found = store.search_registered_models(
        filter=request.filter,
        order_by=request.order_by,
        max_results=request.max_results,
        page_token=request.page_token or None,
    )
    return shapes.page("registered_models", found, shapes.registered_model)


def set_tag(store: TrackingStore, request: SetRegisteredModelTag) -> Answer:
    store.set_registered_model_tag(request.name, request.key, request.value)
    return {}


def delete_tag(store: TrackingStore, request: DeleteRegisteredModelTag) -> Answer:
    store.delete_registered_model_tag(request.name, request.key)
    return {}


def set_alias(store: TrackingStore, request: SetRegisteredModelAlias) -> Answer:
    store.set_registered_model_alias(request.name, request.alias, request.version)
    return {}


def delete_alias(store: TrackingStore, request: DeleteRegisteredModelAlias) -> Answer:
    store.delete_registered_model_alias(request.name, request.alias)
    return {}


def get_by_alias(store: TrackingStore, request: GetModelVersionByAlias) -> Answer:
    version = store.get_model_version_by_alias(request.name, request.alias)
    return {"model_version": shapes.model_version(version)}


def get_latest_versions(store: TrackingStore, request: GetLatestVersions) -> Answer:
    versions = store.get_latest_versions(request.name, request.stages)
    return shapes.given(model_versions=[shapes.model_version(version) for version in versions])


VERBS = (
    Verb("GET", "registered-models/list", Role.READ, SearchRegisteredModels, search),  # of 1.x clients
    Verb("POST", "registered-models/create", Role.WRITE, CreateRegisteredModel, create),
    Verb("GET", "registered-models/get", Role.READ, GetRegisteredModel, get),
    Verb("PATCH", "registered-models/update", Role.WRITE, UpdateRegisteredModel, update),
    Verb("POST", "registered-models/rename", Role.WRITE, RenameRegisteredModel, rename),
    Verb("DELETE", "registered-models/delete", Role.ADMIN, DeleteRegisteredModel, delete),
    Verb("GET", "registered-models/search", Role.READ, SearchRegisteredModels, search),
    Verb("POST", "registered-models/set-tag", Role.WRITE, SetRegisteredModelTag, set_tag),
    Verb("DELETE", "registered-models/delete-tag", Role.WRITE, DeleteRegisteredModelTag, delete_tag),
    Verb("POST", "registered-models/alias", Role.WRITE, SetRegisteredModelAlias, set_alias),
    Verb("DELETE", "registered-models/alias", Role.WRITE, DeleteRegisteredModelAlias, delete_alias),
    Verb("GET", "registered-models/alias", Role.READ, GetModelVersionByAlias, get_by_alias),
    Verb(
        "POST", "registered-models/get-latest-versions", Role.READ, GetLatestVersions, get_latest_versions
    ),
    Verb("GET", "registered-models/get-latest-versions", Role.READ, GetLatestVersions, get_latest_versions),
)
