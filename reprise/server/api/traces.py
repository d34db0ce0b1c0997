"""The REST verbs of traces, as 3.x clients speak them (``/api/3.0/mlflow/traces``)."""

from __future__ import annotations

from typing import Annotated

import msgspec

from reprise.errors import TrackingError
from reprise.schemas.entities import Trace
from reprise.server.api import shapes
from reprise.server.api.assessments import GivenAssessment, as_assessment, assessment_shape
from reprise.server.api.protobuf_time import (
    Moment,
    as_duration,
    as_moment,
    milliseconds,
    read_duration,
)
from reprise.server.api.wire import (
    Answer,
    Request,
    Verb,
    Word,
    invalid,
    number,
)
from reprise.server.http.access import Role
from reprise.tracking.protocols.store import TrackingStore

V3 = ("3.0",)
BOTH = ("2.0", "3.0")
_MOST_AT_ONCE = 1000


class InExperiment(msgspec.Struct):
    experiment_id: Word


class TraceLocation(msgspec.Struct):
    """Where a trace is; MLflow knows others too, which its open-source server does not have."""

    mlflow_experiment: InExperiment | None = None


class TraceInfo(msgspec.Struct):
    trace_id: Word
    trace_location: TraceLocation
    request_time: Moment | None = None
    execution_duration: str | None = None
    state: str = "STATE_UNSPECIFIED"
    client_request_id: str | None = None
    request_preview: str | None = None
    response_preview: str | None = None
    trace_metadata: dict[str, str] = {}
    tags: dict[str, str] = {}
    assessments: tuple[GivenAssessment, ...] = ()


class GivenTrace(msgspec.Struct):
    trace_info: TraceInfo


class StartTrace(Request):
    """Which clients send when a trace has ended."""

    trace: GivenTrace


class GetTraceInfo(Request):
    trace_id: Word


class GetTraceInfos(Request):
    trace_ids: Annotated[tuple[str, ...], msgspec.Meta(max_length=_MOST_AT_ONCE)] = ()


class SearchTraces(Request):
    locations: Annotated[tuple[TraceLocation, ...], msgspec.Meta(min_length=1)]
    filter: str = ""
    max_results: Annotated[int, msgspec.Meta(ge=1, le=500)] = 100
    order_by: tuple[str, ...] = ()
    page_token: str | None = None


class SetTraceTag(Request):
    trace_id: Word
    key: Word
    value: str = ""


class DeleteTraceTag(Request):
    trace_id: Word
    key: Word


class DeleteTraces(Request):
    experiment_id: Word
    request_ids: tuple[str, ...] = ()
    max_timestamp_millis: int | None = None
    max_traces: int | None = None


class LinkTraces(Request):
    run_id: Word
    trace_ids: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]


class CorrelateFilters(Request):
    experiment_ids: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    filter_string1: Word
    filter_string2: Word
    base_filter: str | None = None


class PromptVersion(msgspec.Struct):
    name: Word
    version: str | int


class LinkPrompts(Request):
    trace_id: Word
    prompt_versions: Annotated[tuple[PromptVersion, ...], msgspec.Meta(min_length=1)]


def start(store: TrackingStore, request: StartTrace) -> Answer:
    info = request.trace.trace_info
    trace = Trace(
        trace_id=info.trace_id,
        experiment_id=_experiment(info.trace_location),
        request_time=milliseconds(info.request_time) if info.request_time else 0,
        state=info.state,
        duration=read_duration(info.execution_duration) if info.execution_duration else None,
        client_request_id=info.client_request_id or None,
        request_preview=info.request_preview,
        response_preview=info.response_preview,
        tags=info.tags,
        metadata=info.trace_metadata,
        assessments=tuple(as_assessment(given, info.trace_id) for given in info.assessments),
    )
    return {"trace": {"trace_info": trace_shape(store.record_trace(trace))}}


def get_info(store: TrackingStore, request: GetTraceInfo) -> Answer:
    if not any(map(str.isdigit, request.trace_id)):  # clients use it to detect a missing verb
        try:
            return {"trace": {"trace_info": trace_shape(store.get_trace(request.trace_id))}}
        except TrackingError as error:
            message = f"No endpoint GET traces/{request.trace_id}, and: {error.message}"
            raise TrackingError(message, code="ENDPOINT_NOT_FOUND") from None
    return {"trace": {"trace_info": trace_shape(store.get_trace(request.trace_id))}}


def get_infos(store: TrackingStore, request: GetTraceInfos) -> Answer:
    traces = store.get_traces(request.trace_ids)
    return shapes.given(trace_infos=[trace_shape(trace) for trace in traces])


def search(store: TrackingStore, request: SearchTraces) -> Answer:
    found = store.search_traces(
        [_experiment(location) for location in request.locations],
        filter=request.filter,
        order_by=request.order_by,
        max_results=request.max_results,
        page_token=request.page_token or None,
    )
    return shapes.page("traces", found, trace_shape)


def set_tag(store: TrackingStore, request: SetTraceTag) -> Answer:
    store.set_trace_tag(request.trace_id, request.key, request.value)
    return {}


def delete_tag(store: TrackingStore, request: DeleteTraceTag) -> Answer:
    store.delete_trace_tag(request.trace_id, request.key)
    return {}


def delete(store: TrackingStore, request: DeleteTraces) -> Answer:
    deleted = store.delete_traces(
        request.experiment_id,
        trace_ids=request.request_ids,
        made_before=request.max_timestamp_millis,
        max_traces=request.max_traces,
    )
    return {"traces_deleted": deleted}


def link(store: TrackingStore, request: LinkTraces) -> Answer:
    store.link_traces(request.trace_ids, request.run_id)
    return {}


def correlate(store: TrackingStore, request: CorrelateFilters) -> Answer:
    found = store.correlate_traces(
        request.experiment_ids,
        request.filter_string1,
        request.filter_string2,
        among=request.base_filter or "",
    )
    return {
        "npmi": number(found.npmi),
        "npmi_smoothed": number(found.smoothed),
        "filter1_count": found.first,
        "filter2_count": found.second,
        "joint_count": found.both,
        "total_count": found.total,
    }


def link_prompts(store: TrackingStore, request: LinkPrompts) -> Answer:
    prompts = [f"{prompt.name}/{prompt.version}" for prompt in request.prompt_versions]
    store.link_prompts(request.trace_id, prompts)
    return {}


def trace_shape(trace: Trace) -> Answer:
    experiment = {"experiment_id": trace.experiment_id}
    return {
        "trace_id": trace.trace_id,
        **shapes.given(client_request_id=trace.client_request_id),
        "trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": experiment},
        "request_time": as_moment(trace.request_time),
        **({} if trace.duration is None else {"execution_duration": as_duration(trace.duration)}),
        "state": trace.state,
        **shapes.given(
            trace_metadata=trace.metadata,
            assessments=[assessment_shape(said) for said in trace.assessments],
            tags=trace.tags,
            request_preview=trace.request_preview,
            response_preview=trace.response_preview,
        ),
    }


def _experiment(location: TraceLocation) -> str:
    if location.mlflow_experiment is None:
        raise invalid(
            "Invalid value for parameter 'trace_location' supplied: traces are kept in experiments only"
        )
    return location.mlflow_experiment.experiment_id


VERBS = (
    Verb("POST", "traces", Role.WRITE, StartTrace, start, V3),
    Verb("POST", "traces/search", Role.READ, SearchTraces, search, V3),
    Verb("POST", "traces/batchGetInfos", Role.READ, GetTraceInfos, get_infos, V3),
    Verb("POST", "traces/delete-traces", Role.ADMIN, DeleteTraces, delete, BOTH),
    Verb("POST", "traces/link-to-run", Role.WRITE, LinkTraces, link),
    Verb("POST", "traces/calculate-filter-correlation", Role.READ, CorrelateFilters, correlate, V3),
    Verb("POST", "traces/link-prompts", Role.WRITE, LinkPrompts, link_prompts),
    Verb("PATCH", "traces/{trace_id}/tags", Role.WRITE, SetTraceTag, set_tag, BOTH),
    Verb("DELETE", "traces/{trace_id}/tags", Role.WRITE, DeleteTraceTag, delete_tag, BOTH),
    Verb("GET", "traces/{trace_id}", Role.READ, GetTraceInfo, get_info, V3),
)
