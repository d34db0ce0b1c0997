"""What a tracking store holds, in MLflow's words, as frozen values. Times are ms since the epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

T = TypeVar("T")

ACTIVE = "active"
DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Experiment:
    experiment_id: str
    name: str
    artifact_location: str
    lifecycle_stage: str = ACTIVE
    creation_time: int = 0
    last_update_time: int = 0
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Metric:
    """One point of a series; ``value`` may be NaN or infinite."""

    key: str
    value: float
    timestamp: int
    step: int = 0
    model_id: str | None = None
    dataset_name: str | None = None
    dataset_digest: str | None = None


@dataclass(frozen=True, slots=True)
class Dataset:
    name: str
    digest: str
    source_type: str
    source: str
    schema: str | None = None
    profile: str | None = None


@dataclass(frozen=True, slots=True)
class DatasetInput:
    dataset: Dataset
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelLink:
    """A logged model that a run read or made; ``step`` is None for an input."""

    model_id: str
    step: int | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """A run with its data; ``metrics`` holds the last point of each series."""

    run_id: str
    run_name: str
    experiment_id: str
    user_id: str
    status: str
    start_time: int
    artifact_uri: str
    end_time: int | None = None
    lifecycle_stage: str = ACTIVE
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    dataset_inputs: tuple[DatasetInput, ...] = ()
    model_inputs: tuple[ModelLink, ...] = ()
    model_outputs: tuple[ModelLink, ...] = ()


@dataclass(frozen=True, slots=True)
class Artifact:
    """``path`` is relative to the run's artifact root, with ``/``; ``size`` in bytes, None for a folder."""

    path: str
    is_dir: bool
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    items: Sequence[T]
    next_token: str | None = None


ViewType = Literal["ACTIVE_ONLY", "DELETED_ONLY", "ALL"]
"""Which lifecycle stages a search looks at."""

RUN_STATUSES = ("RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED")
MODEL_STAGES = ("None", "Staging", "Production", "Archived")


@dataclass(frozen=True, slots=True)
class DatasetSummary:
    """A dataset that some run of an experiment used; ``context`` is its tag ``mlflow.data.context``."""

    experiment_id: str
    name: str
    digest: str
    context: str | None = None


@dataclass(frozen=True, slots=True)
class RunMetric:
    """A point of a series, and the run that it belongs to."""

    run_id: str
    metric: Metric


@dataclass(frozen=True, slots=True)
class ModelMetric:
    """A point that was measured on a logged model, and the run that measured it."""

    model_id: str
    run_id: str
    metric: Metric


@dataclass(frozen=True, slots=True)
class LoggedModel:
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
    tags: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: tuple[ModelMetric, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelOrder:
    """One ``order_by`` of a search for logged models; the dataset narrows a metric."""

    field_name: str
    ascending: bool = True
    dataset_name: str | None = None
    dataset_digest: str | None = None


@dataclass(frozen=True, slots=True)
class ModelVersion:
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
    tags: Mapping[str, str] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: tuple[ModelMetric, ...] = ()


@dataclass(frozen=True, slots=True)
class RegisteredModel:
    """``latest_versions`` holds the newest version of each stage; ``aliases`` maps alias to version."""

    name: str
    creation_time: int
    last_update_time: int
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, int] = field(default_factory=dict)
    latest_versions: tuple[ModelVersion, ...] = ()
