"""What a tracking store holds, in MLflow's words, as frozen values. Times are ms since the epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Generic, Literal, TypeVar

from reprise.named_tuple import NamedTuple

T = TypeVar("T")

ACTIVE = "active"
DELETED = "deleted"


class Experiment(NamedTuple):
    experiment_id: str
    name: str
    artifact_location: str
    lifecycle_stage: str = ACTIVE
    creation_time: int = 0
    last_update_time: int = 0
    tags: Mapping[str, str] = {}


class Metric(NamedTuple):
    """One point of a series; ``value`` may be NaN or infinite."""

    key: str
    value: float
    timestamp: int
    step: int = 0
    model_id: str | None = None
    dataset_name: str | None = None
    dataset_digest: str | None = None


class Dataset(NamedTuple):
    name: str
    digest: str
    source_type: str
    source: str
    schema: str | None = None
    profile: str | None = None


class DatasetInput(NamedTuple):
    dataset: Dataset
    tags: Mapping[str, str] = {}


class ModelLink(NamedTuple):
    """A logged model that a run read or made; ``step`` is None for an input."""

    model_id: str
    step: int | None = None


class Run(NamedTuple):
    """A run with its data; ``metrics`` holds the last point of each series.

    ``deleted_time`` is the time of deletion, if the store has it.
    """

    run_id: str
    run_name: str
    experiment_id: str
    user_id: str
    status: str
    start_time: int
    artifact_uri: str
    end_time: int | None = None
    lifecycle_stage: str = ACTIVE
    params: Mapping[str, str] = {}
    metrics: Mapping[str, Metric] = {}
    tags: Mapping[str, str] = {}
    dataset_inputs: tuple[DatasetInput, ...] = ()
    model_inputs: tuple[ModelLink, ...] = ()
    model_outputs: tuple[ModelLink, ...] = ()
    deleted_time: int | None = None


class Artifact(NamedTuple):
    """``path`` is relative to the run's artifact root, with ``/``; ``size`` in bytes, None for a folder."""

    path: str
    is_dir: bool
    size: int | None = None


class Page(NamedTuple, Generic[T]):
    items: Sequence[T]
    next_token: str | None = None


ViewType = Literal["ACTIVE_ONLY", "DELETED_ONLY", "ALL"]
"""Which lifecycle stages a search looks at."""

RUN_STATUSES = ("RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED")
LONGEST_PARAM = 6000
"""Characters of a param's value that every MLflow server accepts; our stores accept more."""
MODEL_STATUSES = ("LOGGED_MODEL_PENDING", "LOGGED_MODEL_READY", "LOGGED_MODEL_UPLOAD_FAILED")
MODEL_STAGES = ("None", "Staging", "Production", "Archived")


class DatasetSummary(NamedTuple):
    """A dataset that some run of an experiment used; ``context`` is its tag ``mlflow.data.context``."""

    experiment_id: str
    name: str
    digest: str
    context: str | None = None


class RunMetric(NamedTuple):
    """A point of a series, and the run that it belongs to."""

    run_id: str
    metric: Metric


class ModelMetric(NamedTuple):
    """A point that was measured on a logged model, and the run that measured it."""

    model_id: str
    run_id: str
    metric: Metric


class LoggedModel(NamedTuple):
    """``status`` is the word of the wire, for example ``LOGGED_MODEL_READY``."""

    model_id: str
    experiment_id: str
    name: str
    artifact_uri: str
    status: str
    creation_time: int
    last_update_time: int
    model_type: str | None = None
    source_run_id: str | None = None
    status_message: str | None = None
    lifecycle_stage: str = ACTIVE
    tags: Mapping[str, str] = {}
    params: Mapping[str, str] = {}
    metrics: tuple[ModelMetric, ...] = ()


class ModelOrder(NamedTuple):
    """One ``order_by`` of a search for logged models; the dataset narrows a metric."""

    field_name: str
    ascending: bool = True
    dataset_name: str | None = None
    dataset_digest: str | None = None


class ModelVersion(NamedTuple):
    """``version`` is text on the wire and a number here; ``aliases`` are those that point at it."""

    name: str
    version: int
    creation_time: int
    last_update_time: int
    source: str
    description: str = ""
    user_id: str = ""
    current_stage: str = "None"
    run_id: str = ""
    run_link: str = ""
    status: str = "READY"
    status_message: str = ""
    model_id: str | None = None
    tags: Mapping[str, str] = {}
    aliases: tuple[str, ...] = ()
    params: Mapping[str, str] = {}
    metrics: tuple[ModelMetric, ...] = ()


class RegisteredModel(NamedTuple):
    """``latest_versions`` holds the newest version of each stage; ``aliases`` maps alias to version."""

    name: str
    creation_time: int
    last_update_time: int
    description: str = ""
    tags: Mapping[str, str] = {}
    aliases: Mapping[str, int] = {}
    latest_versions: tuple[ModelVersion, ...] = ()


class Assessment(NamedTuple):
    """An assessment of a trace: feedback, or the expected value.

    ``kind`` is ``feedback`` or ``expectation`` and ``value`` its JSON object on the wire, as text.
    ``valid`` becomes false when another assessment ``overrides`` this one.
    """

    assessment_id: str
    trace_id: str
    name: str
    kind: str
    value: str
    source_type: str
    source_id: str
    create_time: int
    last_update_time: int
    rationale: str | None = None
    span_id: str | None = None
    overrides: str | None = None
    valid: bool = True
    metadata: Mapping[str, str] = {}


class Trace(NamedTuple):
    """A trace without its spans, which are the artifact ``traces.json``. ``duration`` in ms."""

    trace_id: str
    experiment_id: str
    request_time: int
    state: str
    duration: int | None = None
    client_request_id: str | None = None
    request_preview: str | None = None
    response_preview: str | None = None
    tags: Mapping[str, str] = {}
    metadata: Mapping[str, str] = {}
    assessments: tuple[Assessment, ...] = ()


class Webhook(NamedTuple):
    """An address that hears of ``events`` (``entity.action``); ``secret`` signs what it is sent."""

    webhook_id: str
    name: str
    url: str
    events: tuple[str, ...]
    description: str | None
    secret: str | None
    status: str
    creation_time: int
    last_update_time: int


TRACE_STATES = ("STATE_UNSPECIFIED", "OK", "ERROR", "IN_PROGRESS")


class EvaluationDataset(NamedTuple):
    """Inputs with the answers that are expected; ``schema`` and ``profile`` are JSON, None while empty."""

    dataset_id: str
    name: str
    digest: str
    creation_time: int
    last_update_time: int
    schema: str | None = None
    profile: str | None = None
    created_by: str | None = None
    last_updated_by: str | None = None
    tags: Mapping[str, str] = {}
    experiment_ids: tuple[str, ...] = ()


class EvaluationRecord(NamedTuple):
    """One input of a dataset; all but ids, times and users are JSON."""

    record_id: str
    dataset_id: str
    inputs: str
    outputs: str | None
    expectations: str
    tags: str
    source: str | None
    creation_time: int
    last_update_time: int
    created_by: str | None
    last_updated_by: str | None
