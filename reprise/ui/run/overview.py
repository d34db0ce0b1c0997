"""The data of a run's overview, limited to what fits on a page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from reprise.errors import TrackingError
from reprise.named_tuple import NamedTuple
from reprise.schemas.entities import Dataset, DatasetInput, LoggedModel, Metric, ModelVersion, Run
from reprise.schemas.json_text import read_json
from reprise.tracking.protocols.store import TrackingStore
from reprise.tracking.protocols.subjects import Subject
from reprise.tracking.views import StoreFigures
from reprise.ui.notes import LONGEST, NOTE, html_of
from reprise.ui.numbers import natural

SYSTEM = "system/"
"""Prefix of the names of system metrics."""

MOST_ROWS = 2000
"""Maximum number of params, metrics or tags."""

MOST_CHILDREN = 200
MOST_MODELS = 100
LONGEST_VALUE = 5000
"""Maximum number of characters of a value."""

SHOWN_AT_ONCE = 25
"""Rows of a list; the rest is collapsed."""

_FOLDED = 200  # characters from which a value is collapsed
_MOST_COLUMNS = 100  # of a dataset
_MOST_CHILD_METRICS = 5
_OF_TOOLS = ("mlflow.", "reprise.")


class Value(NamedTuple):
    """A param or a tag. ``length`` is its full number of characters, ``text`` the shown part."""

    key: str
    text: str
    length: int

    @property
    def is_folded(self) -> bool:
        return self.length > _FOLDED or self.text.count("\n") > 3

    @property
    def is_whole(self) -> bool:
        return len(self.text) == self.length


class ShownValues(NamedTuple):
    """Some rows; ``left_out`` counts those above ``MOST_ROWS``."""

    shown: Sequence[Value]
    left_out: int


class LastValue(NamedTuple):
    """A metric; ``figures`` are None for a run with very many points."""

    metric: Metric
    figures: StoreFigures | None


class UsedDataset(NamedTuple):
    """A dataset; ``columns`` are (name, type) of its schema if it could be parsed, else ``schema`` is its
    text.
    """

    dataset: Dataset
    context: str
    source: str
    columns: Sequence[tuple[str, str]]
    schema: str
    profile: str


class RunModel(NamedTuple):
    """A logged model that the run logged or read; ``model`` is None if it was removed."""

    model_id: str
    made: bool
    model: LoggedModel | None
    versions: Sequence[ModelVersion]


class Overview(NamedTuple):
    """The overview; ``note`` is Markdown. ``versions`` are those that belong to none of ``models``."""

    note: str
    note_html: Markup
    longest_note: int
    params: ShownValues
    metrics: Sequence[LastValue]
    metrics_left_out: int
    own_tags: ShownValues
    other_tags: ShownValues
    datasets: Sequence[UsedDataset]
    models: Sequence[RunModel]
    versions: Sequence[ModelVersion]
    children: Sequence[Run]

    @property
    def has_many_points(self) -> bool:
        return any(last.figures is None for last in self.metrics)

    @property
    def child_metrics(self) -> Sequence[str]:
        """Return the metrics that most nested runs have, as columns of their table."""
        found = Counter(key for run in self.children for key in run.metrics if not key.startswith(SYSTEM))
        return sorted(key for key, _ in found.most_common(_MOST_CHILD_METRICS))


def overview_of(store: TrackingStore, run: Run) -> Overview:
    note = run.tags.get(NOTE, "")
    metrics = [run.metrics[key] for key in sorted(run.metrics, key=natural) if not key.startswith(SYSTEM)]
    figures = store.metric_figures(run.run_id)
    versions = () if Subject.MODELS in store.leaves_out else store.model_versions(run.run_id)
    models = _models(store, run, versions)
    theirs = {(version.name, version.version) for model in models for version in model.versions}
    tags = {key: value for key, value in run.tags.items() if key != NOTE}
    return Overview(
        note=note,
        note_html=html_of(note),
        longest_note=LONGEST,
        params=_values(run.params),
        metrics=[LastValue(metric, figures.get(metric.key)) for metric in metrics[:MOST_ROWS]],
        metrics_left_out=max(len(metrics) - MOST_ROWS, 0),
        own_tags=_values({key: value for key, value in tags.items() if not key.startswith(_OF_TOOLS)}),
        other_tags=_values({key: value for key, value in tags.items() if key.startswith(_OF_TOOLS)}),
        datasets=[_dataset(used) for used in run.dataset_inputs[:MOST_ROWS]],
        models=models,
        versions=[version for version in versions if (version.name, version.version) not in theirs],
        children=store.runs_at(store.child_numbers(run.run_id)[:MOST_CHILDREN]),
    )


def _values(pairs: Mapping[str, str]) -> ShownValues:
    shown = [
        Value(key, pairs[key][:LONGEST_VALUE], len(pairs[key]))
        for key in sorted(pairs, key=natural)[:MOST_ROWS]
    ]
    return ShownValues(shown, len(pairs) - len(shown))


def _models(store: TrackingStore, run: Run, versions: Iterable[ModelVersion]) -> list[RunModel]:
    made = [(link.model_id, True) for link in run.model_outputs]
    read = [(link.model_id, False) for link in run.model_inputs]
    return [
        RunModel(
            model_id,
            is_made,
            _model(store, model_id),
            [version for version in versions if version.model_id == model_id],
        )
        for model_id, is_made in [*made, *read][:MOST_MODELS]
    ]


def _model(store: TrackingStore, model_id: str) -> LoggedModel | None:
    try:
        return store.get_logged_model(model_id)
    except TrackingError:
        return None


def _dataset(used: DatasetInput) -> UsedDataset:
    dataset = used.dataset
    columns = _columns(dataset.schema or "")
    return UsedDataset(
        dataset,
        used.tags.get("mlflow.data.context", ""),
        _source(dataset.source),
        columns,
        "" if columns else (dataset.schema or "")[:LONGEST_VALUE],
        (dataset.profile or "")[:LONGEST_VALUE],
    )


def _source(text: str) -> str:
    """Return the source of the data: the address in the JSON of MLflow's clients, or the text itself."""
    found = _json(text)
    if isinstance(found, dict):
        for name in ("uri", "url", "path", "source"):
            if isinstance(found.get(name), str):
                return str(found[name])[:LONGEST_VALUE]
    return text[:LONGEST_VALUE]


def _columns(schema: str) -> list[tuple[str, str]]:
    found = _json(schema)
    columns = found.get("mlflow_colspec") if isinstance(found, dict) else None
    if not isinstance(columns, list):
        return []
    return [
        (str(column.get("name", ""))[:LONGEST_VALUE], str(column.get("type", ""))[:LONGEST_VALUE])
        for column in columns[:_MOST_COLUMNS]
        if isinstance(column, dict)
    ]


def _json(text: str) -> Any:
    try:
        return read_json(text)
    except (ValueError, RecursionError):
        return None
