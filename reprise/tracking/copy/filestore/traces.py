"""Traces of an MLflow file store: ``traces/<id>/{trace_info.yaml,request_metadata,tags,assessments}``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from reprise.errors import TrackingError
from reprise.schemas.entities import Assessment
from reprise.tracking.copy.filestore.layout import Layout
from reprise.tracking.copy.filestore.meta import Meta, key_files, read_meta, read_texts
from reprise.tracking.copy.filestore.runs import modification_times
from reprise.tracking.copy.traces import assessment_of, trace_of
from reprise.tracking.protocols.copying import Fault, Note, SourceTrace

INFO = "trace_info.yaml"


def read_traces(layout: Layout, experiment_id: str) -> Iterator[SourceTrace | Fault | Note]:
    """The traces of an experiment with what was said of them."""
    home = layout.experiment_folder(experiment_id) / "traces"
    for folder in layout.list_folders(home, "traces", f"experiment {experiment_id}"):
        if isinstance(folder, Fault):
            yield folder
        else:
            yield from _read_trace(folder, experiment_id)


def _read_trace(folder: Path, experiment_id: str) -> Iterator[SourceTrace | Fault]:
    owner = f"trace {folder.name}"
    tags = read_texts(folder / "tags", "tags", owner)
    metadata = read_texts(folder / "request_metadata", "traces", owner)
    yield from tags.faults
    yield from (fault._replace(pieces=0) for fault in metadata.faults)
    try:
        meta = read_meta(folder / INFO)
        trace = trace_of(meta.fields, experiment_id, tags.values, metadata.values)
    except (TrackingError, ValueError, TypeError) as error:
        reason = error.message if isinstance(error, TrackingError) else f"cannot be read: {error}"
        yield Fault("traces", owner, INFO, f"it {reason}; the time is that of the files", pieces=0)
        meta = _from_files(folder)
        trace = trace_of(meta.fields, experiment_id, tags.values, metadata.values)
    said: list[Assessment] = []
    for found in _read_assessments(folder, owner):
        if isinstance(found, Fault):
            yield found
        else:
            said.append(found)
    yield SourceTrace(trace._replace(trace_id=folder.name, assessments=tuple(said)))


def _from_files(folder: Path) -> Meta:
    return Meta({"timestamp_ms": min(round(time * 1000) for time in modification_times(folder))})


def _read_assessments(folder: Path, owner: str) -> Iterator[Assessment | Fault]:
    for found in key_files(folder / "assessments", "assessments", owner):
        if isinstance(found, Fault):
            yield found
            continue
        key, file = found
        try:
            yield assessment_of(read_meta(file).fields, folder.name)
        except (TrackingError, LookupError, ValueError, TypeError, AttributeError) as error:
            reason = error.message if isinstance(error, TrackingError) else f"cannot be read: {error}"
            yield Fault("assessments", owner, f"assessments/{key}", reason)
