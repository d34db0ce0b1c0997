"""Export of all runs that match a table's filter, as CSV or JSON, written while they are read."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from reprise.schemas import tags
from reprise.schemas.entities import Run
from reprise.tracking.protocols.store import TrackingStore
from reprise.ui.runs.columns import Column
from reprise.ui.runs.rows import versions

_AT_ONCE = 500
_ATTRIBUTES = ("run_id", "run_name", "status", "start_time", "end_time", "user_id")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_csv(store: TrackingStore, numbers: Sequence[int], columns: Sequence[Column]) -> Iterator[str]:
    """Yield a header line, then one line per run: its attributes, then ``columns``."""
    shown = [one for one in columns if one.kind not in ("status", "created")]
    yield _csv([*_ATTRIBUTES, *("duration_ms" if one.kind == "duration" else one.id for one in shown)])
    for run, models in _runs(store, numbers):
        yield _csv([*_attributes(run).values(), *(_value(run, models, one) for one in shown)])


def as_json(store: TrackingStore, numbers: Sequence[int]) -> Iterator[str]:
    """Yield a list of all runs with all their data, one run per line."""
    before = "[\n"
    for run, models in _runs(store, numbers):
        whole = {
            **_attributes(run),
            "params": dict(run.params),
            "metrics": {key: _number(metric.value) for key, metric in run.metrics.items()},
            "tags": dict(run.tags),
            "models": models,
        }
        yield before + json.dumps(whole, ensure_ascii=False, allow_nan=False)
        before = ",\n"
    yield "\n]\n" if before != "[\n" else "[]\n"


def _runs(store: TrackingStore, numbers: Sequence[int]) -> Iterator[tuple[Run, Sequence[str]]]:
    """Yield the runs, each with its registered model versions, such as ``iris/3``."""
    for start in range(0, len(numbers), _AT_ONCE):
        runs = store.runs_at(numbers[start : start + _AT_ONCE])
        made = versions(store, runs)
        for run in runs:
            yield run, [f"{one.name}/{one.version}" for one in made.get(run.run_id, ())]


def _attributes(run: Run) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "run_name": run.run_name,
        "status": run.status,
        "start_time": _time(run.start_time),
        "end_time": None if run.end_time is None else _time(run.end_time),
        "user_id": run.tags.get(tags.USER, run.user_id),
    }


def _value(run: Run, models: Sequence[str], column: Column) -> Any:
    if column.kind == "duration":
        return None if run.end_time is None else run.end_time - run.start_time
    if column.kind == "models":
        return " ".join(models)
    if column.kind == "metric":
        found = run.metrics.get(column.key)
        return None if found is None else _number(found.value)
    if column.kind == "param":
        return run.params.get(column.key)
    return run.tags.get(column.key or column.name.removeprefix("tags."))


def _number(value: float) -> float | str:
    """Return a number for JSON; non-finite numbers as in MLflow's API."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _time(milliseconds: int) -> str | int:
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError, OSError):
        return milliseconds


def _csv(values: Sequence[Any]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow([_harmless(value) if isinstance(value, str) else value for value in values])
    return line.getvalue()


def _harmless(text: str) -> str:
    """Prefix a cell that begins like a formula with a quote, so that spreadsheets do not run it."""
    if not text.startswith(_FORMULA):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text
