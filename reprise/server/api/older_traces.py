"""The REST verbs of traces, as 2.x clients speak them: begun, and ended later."""

from __future__ import annotations

from typing import Annotated

import msgspec

from reprise.schemas.entities import Trace
from reprise.server.api import shapes
from reprise.server.api.wire import (
    Answer,
    Int64,
    KeyValue,
    Request,
    Verb,
    Word,
    as_mapping,
)
from reprise.server.http.access import Role
from reprise.tracking.names import new_id
from reprise.tracking.protocols.store import TrackingStore

STATES = {"TRACE_STATUS_UNSPECIFIED": "STATE_UNSPECIFIED"}
"""Of the words of a state only one became another in 3.x."""
STATUSES = {state: status for status, state in STATES.items()}


class BeginTrace(Request):
    experiment_id: Word
    timestamp_ms: Int64 = 0
    request_metadata: tuple[KeyValue, ...] = ()
    tags: tuple[KeyValue, ...] = ()


class EndTrace(Request):
    request_id: Word
    timestamp_ms: Int64 = 0
    status: str = "TRACE_STATUS_UNSPECIFIED"
    request_metadata: tuple[KeyValue, ...] = ()
    tags: tuple[KeyValue, ...] = ()


class GetOlderInfo(Request):
    request_id: Word


class SearchOlderTraces(Request):
    experiment_ids: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    filter: str = ""
    max_results: Annotated[int, msgspec.Meta(ge=1, le=500)] = 100
    order_by: tuple[str, ...] = ()
    page_token: str | None = None


def begin(store: TrackingStore, request: BeginTrace) -> Answer:
    trace = Trace(
        trace_id=new_id(),
        experiment_id=request.experiment_id,
        request_time=request.timestamp_ms,
        state="IN_PROGRESS",
        tags=as_mapping(request.tags),
        metadata=as_mapping(request.request_metadata),
    )
    return {"trace_info": older_shape(store.record_trace(trace))}


def end(store: TrackingStore, request: EndTrace) -> Answer:
    trace = store.end_trace(
        request.request_id,
        end_time=request.timestamp_ms,
        state=STATES.get(request.status, request.status),
        metadata=as_mapping(request.request_metadata),
        tags=as_mapping(request.tags),
    )
    return {"trace_info": older_shape(trace)}


def get_info(store: TrackingStore, request: GetOlderInfo) -> Answer:
    return {"trace_info": older_shape(store.get_trace(request.request_id))}


def search(store: TrackingStore, request: SearchOlderTraces) -> Answer:
    found = store.search_traces(
        request.experiment_ids,
        filter=request.filter,
        order_by=request.order_by,
        max_results=request.max_results,
        page_token=request.page_token or None,
    )
    return shapes.page("traces", found, older_shape)


def older_shape(trace: Trace) -> Answer:
    return {
        "request_id": trace.trace_id,
        "experiment_id": trace.experiment_id,
        "timestamp_ms": trace.request_time,
        "execution_time_ms": trace.duration or 0,
        "status": STATUSES.get(trace.state, trace.state),
        **shapes.given(request_metadata=shapes.pairs(trace.metadata), tags=shapes.pairs(trace.tags)),
    }


VERBS = (
    Verb("POST", "traces", Role.WRITE, BeginTrace, begin),
    Verb("GET", "traces", Role.READ, SearchOlderTraces, search),
    Verb("PATCH", "traces/{request_id}", Role.WRITE, EndTrace, end),
    Verb("GET", "traces/{request_id}/info", Role.READ, GetOlderInfo, get_info),
)
