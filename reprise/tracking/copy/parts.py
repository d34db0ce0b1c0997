"""Things of a store taken apart into pieces that can be counted and compared, whatever store they are of.

A piece has a kind, which is a line of the census, a name, and a value that is equal where nothing was lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reprise.schemas.entities import (
    Experiment,
    LoggedModel,
    ModelLink,
    ModelVersion,
    RegisteredModel,
    Run,
)
from reprise.schemas.traces.spans import PLACE_TAGS
from reprise.tracking.copy.series import point_of
from reprise.tracking.protocols.copying import SourceTrace

KINDS = (
    "experiments",
    "runs",
    "params",
    "points",
    "tags",
    "datasets",
    "links",
    "logged models",
    "models",
    "versions",
    "aliases",
    "traces",
    "assessments",
    "files",
    "bytes",
)
"""The lines of a census, in their order. ``models`` are the registered ones, prompts among them."""

Parts = Mapping[str, Mapping[str, Any]]
"""Kind to name to value."""


def experiment_parts(experiment: Experiment) -> Parts:
    return {
        "experiments": {"": {"lifecycle stage": experiment.lifecycle_stage}},
        "tags": experiment.tags,
    }


def run_parts(run: Run) -> Parts:
    """All but its points and files, which are many."""
    facts = {
        "name": run.run_name,
        "user": run.user_id,
        "status": run.status,
        "start time": run.start_time,
        "end time": run.end_time,
        "lifecycle stage": run.lifecycle_stage,
    }
    return {
        "runs": {"": facts},
        "params": run.params,
        "tags": run.tags,
        "datasets": {
            f"{given.dataset.name} {given.dataset.digest}": (given.dataset, dict(given.tags))
            for given in run.dataset_inputs
        },
        "links": {
            **_parts_of_links("input", run.model_inputs),
            **_parts_of_links("output", run.model_outputs),
        },
    }


def model_parts(model: LoggedModel) -> Parts:
    facts = {
        "name": model.name,
        "status": model.status,
        "type": model.model_type,
        "source run": model.source_run_id,
        "creation time": model.creation_time,
        "lifecycle stage": model.lifecycle_stage,
    }
    points = {(run_id, metric.key, *point_of(metric)) for _, run_id, metric in model.metrics}
    return {
        "logged models": {"": facts},
        "params": model.params,
        "tags": model.tags,
        "points": {f"{key} at step {step} ({value})": run for run, key, _, step, value in points},
    }


def parts_of_registered(model: RegisteredModel) -> Parts:
    facts = {"description": model.description, "creation time": model.creation_time}
    return {"models": {"": facts}, "tags": model.tags}


def alias_parts(model: RegisteredModel) -> Parts:
    return {"aliases": model.aliases}


def version_parts(version: ModelVersion) -> Parts:
    facts = {
        "description": version.description,
        "stage": version.current_stage,
        "status": version.status,
        "run": version.run_id,
        "creation time": version.creation_time,
    }
    return {"versions": {"": facts}, "tags": version.tags}


def trace_parts(given: SourceTrace) -> Parts:
    trace = given.trace
    facts = {
        "state": trace.state,
        "time": trace.request_time,
        "duration": trace.duration,
        "client request id": trace.client_request_id,
        "request": trace.request_preview,
        "response": trace.response_preview,
        "metadata": dict(trace.metadata),
    }
    return {
        "traces": {"": facts},
        "tags": {key: value for key, value in trace.tags.items() if key not in PLACE_TAGS},
        "links": {f"run {run_id}": True for run_id in given.runs},
        "assessments": {
            said.assessment_id: said._replace(trace_id="", metadata=dict(said.metadata))
            for said in trace.assessments
        },
    }


def _parts_of_links(word: str, links: tuple[ModelLink, ...]) -> dict[str, Any]:
    return {f"{word} {link.model_id}": link.step for link in links}
