"""How traces are pushed to an MLflow server of version 3; they keep their ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reprise.errors import TrackingError
from reprise.schemas.entities import Assessment, Trace
from reprise.schemas.json_text import read_json
from reprise.schemas.traces.spans import PLACE_TAGS, SOURCE_RUN
from reprise.tracking.copy.rest_traces import read_trace
from reprise.tracking.copy.server.base import ServerEnd
from reprise.tracking.copy.traces import moment_of
from reprise.tracking.protocols.copying import Put, SourceTrace
from reprise.tracking.rest.fields import part


class PushedTraces(ServerEnd):
    def put_trace(self, trace: SourceTrace, experiment_id: str) -> Put:
        """Send it with what was said of it; one that is there is written over."""
        is_new = self._trace_info(trace.trace.trace_id) is None
        body = {"trace": {"trace_info": self._trace_shape(trace.trace, experiment_id)}}
        try:
            self.tracking.connection.call("POST", "traces", json=body, api="3.0")
        except TrackingError as error:
            if error.code != "ENDPOINT_NOT_FOUND":
                raise
            raise TrackingError(
                "the server is older than MLflow 3, and gives traces ids of its own"
            ) from error
        for run_id in trace.runs:
            if here := self.ids.here_of(run_id, experiment_id):
                link = {"trace_ids": [trace.trace.trace_id], "run_id": here}
                self.tracking.connection.call("POST", "traces/link-to-run", json=link)
        return Put(trace.trace.trace_id, is_new)

    def find_trace(self, trace: Trace, experiment_id: str) -> SourceTrace | None:
        """The trace there, with what it names in the ids of the source."""
        body = self._trace_info(trace.trace_id)
        if body is None:
            return None
        for found in read_trace(body, trace.experiment_id):
            if isinstance(found, SourceTrace):
                return self.original_trace(found)
        return None

    def original_trace(self, here: SourceTrace) -> SourceTrace:
        """The trace as it was where it was pushed from: it kept its id, and its runs did not."""
        metadata = dict(here.trace.metadata)
        if run_id := metadata.get(SOURCE_RUN):
            metadata[SOURCE_RUN] = self.ids.run_origin(run_id)
        runs = tuple(self.ids.run_origin(run_id) for run_id in here.runs)
        return SourceTrace(here.trace._replace(metadata=metadata), runs)

    def trace_location(self, trace_id: str) -> str | None:
        """Where the server keeps the files of a trace."""
        body = self._trace_info(trace_id) or {}
        tags = body.get("tags") or {}
        return tags.get("mlflow.artifactLocation") if isinstance(tags, Mapping) else None

    def _trace_info(self, trace_id: str) -> Mapping[str, Any] | None:
        try:
            answer = self.tracking.connection.call("GET", f"traces/{trace_id}", api="3.0")
        except TrackingError as error:
            if error.code in {"ENDPOINT_NOT_FOUND", "RESOURCE_DOES_NOT_EXIST"}:
                return None
            raise
        info: Mapping[str, Any] = part(part(answer, "trace"), "trace_info")
        return info

    def _trace_shape(self, trace: Trace, experiment_id: str) -> dict[str, Any]:
        metadata = dict(trace.metadata)
        if run_id := metadata.get(SOURCE_RUN):
            metadata[SOURCE_RUN] = self.ids.here_of(run_id, experiment_id) or run_id
        optional = {
            "execution_duration": None if trace.duration is None else f"{trace.duration / 1000:.3f}s",
            "client_request_id": trace.client_request_id,
            "request_preview": trace.request_preview,
            "response_preview": trace.response_preview,
        }
        return {
            "trace_id": trace.trace_id,
            "trace_location": {
                "type": "MLFLOW_EXPERIMENT",
                "mlflow_experiment": {"experiment_id": experiment_id},
            },
            "request_time": moment_of(trace.request_time),
            "state": trace.state,
            "trace_metadata": metadata,
            "tags": {key: value for key, value in trace.tags.items() if key not in PLACE_TAGS},
            "assessments": [_encode_assessment(said) for said in trace.assessments],
            **{name: value for name, value in optional.items() if value is not None},
        }


def _encode_assessment(said: Assessment) -> dict[str, Any]:
    optional = {
        "rationale": said.rationale,
        "span_id": said.span_id,
        "overrides": said.overrides,
        "metadata": dict(said.metadata) or None,
    }
    return {
        "assessment_id": said.assessment_id,
        "trace_id": said.trace_id,
        "assessment_name": said.name,
        "source": {"source_type": said.source_type, "source_id": said.source_id},
        "create_time": moment_of(said.create_time),
        "last_update_time": moment_of(said.last_update_time),
        said.kind: read_json(said.value),
        "valid": said.valid,
        **{name: value for name, value in optional.items() if value is not None},
    }
