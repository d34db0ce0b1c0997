"""What the search language can ask of each entity."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from reprise.schemas.entities import ModelOrder
from reprise.tracking.search.language import (
    ENTITIES,
    Name,
    Order,
    fault,
    parse_filter,
)
from reprise.tracking.search.vocabulary import IS_PROMPT
from reprise.tracking.sqlite.search.sql import (
    BEGINNING,
    Index,
    Query,
    Searchable,
    SortKey,
    Sql,
    SqlColumn,
    SqlValues,
    keyed_order,
    sort_key,
)

CREATED = SqlColumn("t.creation_time", is_number=True)
UPDATED = SqlColumn("t.last_update_time", is_number=True)

EXPERIMENTS = Searchable(
    word="experiments",
    table="experiment t",
    attributes={
        "name": SqlColumn("t.name"),
        "experiment_id": SqlColumn("CAST(t.id AS TEXT)", sorted_by="t.id"),
        "creation_time": CREATED,
        "last_update_time": UPDATED,
    },
    keys={"tag": SqlValues("experiment_tag v", "v.owner = t.id")},
    default_order=("creation_time DESC",),
)
_DATASETS = "run_dataset i JOIN dataset d ON d.id = i.dataset"


def _index(column: str, name: str = "") -> Index:
    """Runs by an attribute."""
    value = f"o.{column}"
    table = f"run o INDEXED BY {name or f'run_by_{column}'}"
    return Index(table, "o.id", value, value, key="1", started="o.start_time")


def _texts(table: str) -> Index:
    """Runs by their params or tags."""
    whole = f"(SELECT v.value FROM {table} v WHERE v.owner = o.run AND v.key = o.key)"
    return Index(
        f"{table}_sorted o",
        "o.run",
        whole=f"CASE WHEN length(o.value) < {BEGINNING} THEN o.value ELSE {whole} END",
        asked=f"substr(?, 1, {BEGINNING})",
    )


_NAME = SqlColumn("t.name", by=_index("name"))
_MODELS = """coalesce(
 (SELECT min(m.name) FROM model_version v JOIN registered_model m ON m.id = v.model
 WHERE v.run_id = t.run_id),
 (SELECT nullif(count(*), 0) FROM run_model v WHERE v.run = t.id AND v.direction = 'output')
)"""  # numbers come before names
_START = SqlColumn("t.start_time", is_number=True, by=_index("start_time"))
RUNS = Searchable(
    word="runs",
    table="run t",
    attributes={
        "run_id": SqlColumn("t.run_id", by=_index("run_id", "sqlite_autoindex_run_1")),
        "run_name": _NAME,
        "run name": _NAME,
        "Run name": _NAME,
        "Run Name": _NAME,
        "experiment_id": SqlColumn("CAST(t.experiment AS TEXT)", sorted_by="t.experiment"),
        "user_id": SqlColumn("t.user_id", by=_index("user_id")),
        "status": SqlColumn("t.status", by=_index("status")),
        "artifact_uri": SqlColumn("t.artifact_uri"),
        "start_time": _START,
        "created": _START,
        "Created": _START,
        "end_time": SqlColumn("t.end_time", is_number=True, nullable=True, by=_index("end_time")),
        "duration": SqlColumn("(t.end_time - t.start_time)", is_number=True, nullable=True),
        "models": SqlColumn(_MODELS, nullable=True),
    },
    keys={
        "metric": SqlValues(
            "series v",
            "v.run = t.id",
            is_number=True,
            by=Index("series_sorted o", "o.run"),
        ),
        "param": SqlValues("run_param v", "v.owner = t.id", by=_texts("run_param")),
        "tag": SqlValues("run_tag v", "v.owner = t.id", by=_texts("run_tag")),
    },
    datasets={
        "name": f"(SELECT i.run AS owner, d.name AS value FROM {_DATASETS}) v",
        "digest": f"(SELECT i.run AS owner, d.digest AS value FROM {_DATASETS}) v",
        "context": "(SELECT i.run AS owner, c.value AS value FROM run_dataset i JOIN run_dataset_tag c"
        " ON c.owner = i.id AND c.key = 'mlflow.data.context') v",
    },
    default_order=("start_time DESC", "run_id"),
)
REGISTERED_MODELS = Searchable(
    word="registered models",
    table="registered_model t",
    attributes={
        "name": SqlColumn("t.name"),
        "creation_timestamp": CREATED,
        "last_updated_timestamp": UPDATED,
        "timestamp": UPDATED,
    },
    keys={"tag": SqlValues("registered_model_tag v", "v.owner = t.id")},
    default_order=("name",),
    sorted_once=True,
)
_NUMBER = SqlColumn("t.version", is_number=True)
MODEL_VERSIONS = Searchable(
    word="model versions",
    table="(SELECT v.*, m.name FROM model_version v JOIN registered_model m ON m.id = v.model) t",
    attributes={
        "name": SqlColumn("t.name"),
        "version_number": _NUMBER,
        "version": _NUMBER,
        "run_id": SqlColumn("t.run_id"),
        "source_path": SqlColumn("t.source"),
        "creation_timestamp": CREATED,
        "last_updated_timestamp": UPDATED,
    },
    keys={"tag": SqlValues("model_version_tag v", "v.owner = t.id")},
    default_order=("last_updated_timestamp DESC", "name", "version_number DESC"),
    ties=("name", "version_number DESC"),
    sorted_once=True,
)
MODEL_METRICS = SqlValues(
    "logged_model_metric v",
    "v.owner = t.id",
    is_number=True,
    newest="ORDER BY v.timestamp DESC, v.step DESC, v.run_id",
)
LOGGED_MODELS = Searchable(
    word="logged models",
    table="logged_model t",
    attributes={
        "name": SqlColumn("t.name"),
        "model_id": SqlColumn("t.model_id"),
        "model_type": SqlColumn("t.model_type", nullable=True),
        "status": SqlColumn("replace(replace(t.status, 'LOGGED_MODEL_', ''), 'UPLOAD_', '')"),
        "source_run_id": SqlColumn("t.source_run_id", nullable=True),
        "experiment_id": SqlColumn("CAST(t.experiment AS TEXT)", sorted_by="t.experiment"),
        "artifact_location": SqlColumn("t.artifact_uri"),
        "creation_time": CREATED,
        "creation_timestamp": CREATED,
        "creation_timestamp_ms": CREATED,
        "last_updated_timestamp": UPDATED,
        "last_updated_timestamp_ms": UPDATED,
    },
    keys={
        "metric": MODEL_METRICS,
        "param": SqlValues("logged_model_param v", "v.owner = t.id"),
        "tag": SqlValues("logged_model_tag v", "v.owner = t.id"),
    },
    default_order=("creation_time DESC", "model_id"),
)

EVALUATION_DATASETS = Searchable(
    word="evaluation datasets",
    table="evaluation_dataset t",
    attributes={
        "name": SqlColumn("t.name"),
        "dataset_id": SqlColumn("t.dataset_id"),
        "digest": SqlColumn("t.digest"),
        "created_by": SqlColumn("t.created_by", nullable=True),
        "last_updated_by": SqlColumn("t.last_updated_by", nullable=True),
        "created_time": CREATED,
        "last_update_time": UPDATED,
    },
    keys={"tag": SqlValues("evaluation_dataset_tag v", "v.owner = t.id")},
    default_order=("created_time DESC", "dataset_id"),
)


def logged_models(
    experiments: str,
    filter: str,
    order_by: Sequence[ModelOrder],
    datasets: Sequence[tuple[str, str | None]],
) -> Query:
    """A search for active logged models of ``experiments`` (JSON); ``datasets`` narrow their metrics."""
    scope = Sql(
        "t.experiment IN (SELECT value FROM json_each(?)) AND t.lifecycle_stage = 'active'", (experiments,)
    )
    target = LOGGED_MODELS
    if datasets:
        either = _of(datasets)
        measured = f"SELECT 1 FROM {MODEL_METRICS.table} WHERE {MODEL_METRICS.condition} AND {either.text}"
        scope = Sql(f"{scope.text} AND EXISTS ({measured})", (*scope.values, *either.values))
        keys = {**target.keys, "metric": MODEL_METRICS._replace(narrowed=either)}
        target = replace(target, keys=keys)
    extra = [key for order in order_by for key in _sort_keys(order)]
    return Query(target, scope, filter, extra_order=extra)


def _of(datasets: Sequence[tuple[str, str | None]]) -> Sql:
    """That a metric was measured on one of these datasets."""
    either = " OR ".join(
        "(v.dataset_name = ? AND v.dataset_digest = coalesce(?, v.dataset_digest))" for _ in datasets
    )
    return Sql(f"({either})", tuple(value for dataset in datasets for value in dataset))


def _sort_keys(order: ModelOrder) -> Iterator[SortKey]:
    prefix, dot, key = order.field_name.partition(".")
    entity = ENTITIES.get(prefix) if dot else "attribute"
    if entity not in {"metric", "attribute"}:
        fault(order.field_name, 0, "logged models are sorted by an attribute or by metrics.<key>")
    if entity == "attribute":
        yield from sort_key(
            LOGGED_MODELS, Order(Name("attribute", key or prefix, order.field_name, 0), order.ascending)
        )
        return
    values = MODEL_METRICS
    if order.dataset_name:
        values = values._replace(narrowed=_of([(order.dataset_name, order.dataset_digest)]))
    yield from keyed_order(values, key.strip('`"'), order.ascending)


def without_prompts(filter: str, tag_table: str) -> Sql:
    """Prompts are registered models underneath; they show only where the filter asks for them."""
    for comparison in parse_filter(filter):
        if comparison.name.entity == "tag" and comparison.name.key == IS_PROMPT:
            asked = (comparison.operator, *(str(value).lower() for value in comparison.values))
            if asked in {("=", "true"), ("!=", "false")}:
                return Sql("1")
    return Sql(
        f"NOT EXISTS (SELECT 1 FROM {tag_table} p WHERE p.owner = t.id AND p.key = ? AND p.value = 'true')",
        (IS_PROMPT,),
    )
