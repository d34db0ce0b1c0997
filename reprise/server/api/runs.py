"""The REST verbs of runs: their life, their search, their artifacts' listing."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from reprise.schemas.entities import ViewType
from reprise.server.api import shapes
from reprise.server.api.wire import (
    Answer,
    Int64,
    KeyValue,
    Request,
    RunIdRequest,
    Verb,
    Word,
    as_mapping,
)
from reprise.server.http.access import Role
from reprise.tracking.protocols.store import TrackingStore

RunStatus = Literal["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"]


class CreateRun(Request):
    experiment_id: str = ""
    user_id: str = ""
    run_name: str | None = None
    start_time: Int64 = 0
    tags: tuple[KeyValue, ...] = ()


class GetRun(RunIdRequest):
    pass


class UpdateRun(RunIdRequest, kw_only=True):
    status: RunStatus | None = None
    end_time: Int64 | None = None
    run_name: str | None = None


class DeleteRun(Request):
    run_id: Word
    with_children: bool = False  # ours: the runs in it as well


class RestoreRun(Request):
    run_id: Word


class SearchRuns(Request):
    experiment_ids: tuple[str, ...] = ()
    filter: str = ""
    run_view_type: ViewType = "ACTIVE_ONLY"
    max_results: Annotated[int, msgspec.Meta(le=50_000)] = 1000
    order_by: tuple[str, ...] = ()
    page_token: str | None = None


class ListArtifacts(RunIdRequest, kw_only=True):
    path: str = ""
    page_token: str | None = None


def create(store: TrackingStore, request: CreateRun) -> Answer:
    run = store.create_run(
        request.experiment_id,
        start_time=request.start_time,
        user_id=request.user_id,
        run_name=request.run_name or None,
        tags=as_mapping(request.tags),
    )
    return {"run": shapes.new_run(run)}


def get(store: TrackingStore, request: GetRun) -> Answer:
    return {"run": shapes.run(store.get_run(request.run_id))}


def update(store: TrackingStore, request: UpdateRun) -> Answer:
    store.update_run(
        request.run_id,
        status=request.status,
        end_time=request.end_time,
        run_name=request.run_name or None,
    )
    return {"run_info": shapes.run_info(store.get_run(request.run_id))}


def delete(store: TrackingStore, request: DeleteRun) -> Answer:
    store.delete_run(request.run_id, with_children=request.with_children)
    return {}


def restore(store: TrackingStore, request: RestoreRun) -> Answer:
    store.restore_run(request.run_id)
    return {}


def search(store: TrackingStore, request: SearchRuns) -> Answer:
    found = store.search_runs(
        request.experiment_ids,
        filter=request.filter,
        order_by=request.order_by,
        max_results=request.max_results,
        page_token=request.page_token or None,
        view_type=request.run_view_type,
    )
    return shapes.page("runs", found, shapes.run)


def list_artifacts(store: TrackingStore, request: ListArtifacts) -> Answer:
    run = store.get_run(request.run_id)
    return shapes.artifacts(run.artifact_uri, store.list_artifacts(request.run_id, request.path))


VERBS = (
    Verb("GET", "runs/get", Role.READ, GetRun, get),
    Verb("POST", "runs/update", Role.WRITE, UpdateRun, update),
    Verb("POST", "runs/create", Role.WRITE, CreateRun, create),
    Verb("POST", "runs/search", Role.READ, SearchRuns, search),
    Verb("POST", "runs/delete", Role.WRITE, DeleteRun, delete),
    Verb("POST", "runs/restore", Role.WRITE, RestoreRun, restore),
    Verb("GET", "artifacts/list", Role.READ, ListArtifacts, list_artifacts),
)
