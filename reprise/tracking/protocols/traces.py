"""What a store does with traces and their spans."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from reprise.schemas.entities import Page, Trace
from reprise.schemas.traces.spans import Span
from reprise.tracking.artifacts.files import Artifacts
from reprise.tracking.protocols.subjects import Subject, not_kept
from reprise.tracking.views import Correlation, MetricPoint, MetricsQuestion


class TraceStore(Protocol):
    """The verbs of traces; a store may leave them out."""

    def record_trace(self, trace: Trace) -> Trace:
        """Record a trace, or what is new of one that is there: its tags and metadata are added to."""
        raise not_kept(Subject.TRACES)

    def end_trace(
        self,
        trace_id: str,
        *,
        end_time: int,
        state: str,
        metadata: Mapping[str, str],
        tags: Mapping[str, str],
    ) -> Trace:
        """Note the end of a trace that older clients began before."""
        raise not_kept(Subject.TRACES)

    def get_trace(self, trace_id: str) -> Trace:
        """``RESOURCE_DOES_NOT_EXIST`` when there is none."""
        raise not_kept(Subject.TRACES)

    def get_traces(self, trace_ids: Sequence[str]) -> Sequence[Trace]:
        """Those of ``trace_ids`` that are there, in their order."""
        raise not_kept(Subject.TRACES)

    def runs_of_trace(self, trace_id: str) -> tuple[str, ...]:
        """The runs that it was made in or linked to."""
        raise not_kept(Subject.TRACES)

    def search_traces(
        self,
        experiment_ids: Sequence[str],
        *,
        filter: str = "",
        order_by: Sequence[str] = (),
        max_results: int = 100,
        page_token: str | None = None,
    ) -> Page[Trace]:
        """Newest first unless ``order_by`` says otherwise."""
        raise not_kept(Subject.TRACES)

    def set_trace_tag(self, trace_id: str, key: str, value: str) -> None:
        raise not_kept(Subject.TRACES)

    def delete_trace_tag(self, trace_id: str, key: str) -> None:
        """``RESOURCE_DOES_NOT_EXIST`` when there is no such tag."""
        raise not_kept(Subject.TRACES)

    def delete_traces(
        self,
        experiment_id: str,
        *,
        trace_ids: Sequence[str] = (),
        made_before: int | None = None,
        max_traces: int | None = None,
    ) -> int:
        """Delete the traces named, or the oldest up to a time in ms (inclusive); returns how many."""
        raise not_kept(Subject.TRACES)

    def link_traces(self, trace_ids: Sequence[str], run_id: str) -> None:
        """Let a search for traces of the run find these traces too."""
        raise not_kept(Subject.TRACES)

    def link_prompts(self, trace_id: str, prompts: Sequence[str]) -> None:
        """Let a search for traces of these prompts (``name/version``) find the trace."""
        raise not_kept(Subject.TRACES)

    def log_spans(self, experiment_id: str, spans: Iterable[tuple[Span, Mapping[str, Any]]]) -> None:
        """Keep the spans, each given with the attributes of its resource; all of them, or none.

        ``RESOURCE_DOES_NOT_EXIST`` when a trace is new, and there is no such experiment.
        """
        raise not_kept(Subject.TRACES)

    def span_contents(self, trace_id: str) -> Sequence[str]:
        """The JSON of each span that is kept with the trace, the root first, then by their start."""
        raise not_kept(Subject.TRACES)

    def correlate_traces(
        self, experiment_ids: Sequence[str], first: str, second: str, *, among: str = ""
    ) -> Correlation:
        """Compare two filters over the traces that meet ``among``."""
        raise not_kept(Subject.TRACES)

    def measure_traces(
        self, experiment_ids: Sequence[str], question: MetricsQuestion, max_results: int
    ) -> Sequence[MetricPoint]:
        """A point per group, sorted by its dimensions; groups without any value are left out."""
        raise not_kept(Subject.TRACES)

    def index_trace(self, trace_id: str) -> None:
        """Let searches find the trace by the spans of its file, where it has one."""
        raise not_kept(Subject.TRACES)

    def trace_artifacts(self, trace_id: str) -> Artifacts:
        """The files of a trace: its attachments, and its spans where a client wrote them to a file."""
        raise not_kept(Subject.TRACES)
