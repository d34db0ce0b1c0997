"""The columns of ``reprise runs list``: their names and values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from reprise.cli import show
from reprise.errors import UsageError
from reprise.schemas import tags

if TYPE_CHECKING:
    from reprise.schemas.entities import Run

DEFAULT = ("RUN", "NAME", "EXPERIMENT", "ENTRY POINT", "STATUS", "STARTED", "TOOK", "METRICS")

_COLUMNS: dict[str, Callable[[Run], str]] = {
    "run": lambda run: run.run_id[:8],
    "run_id": lambda run: run.run_id,
    "name": lambda run: run.run_name,
    "experiment_id": lambda run: run.experiment_id,
    "entry point": lambda run: run.tags.get(tags.ENTRY_POINT, ""),
    "status": lambda run: run.status,
    "user": lambda run: run.user_id,
    "started": lambda run: show.ago(run.start_time),
    "start_time": lambda run: str(run.start_time),
    "end_time": lambda run: "" if run.end_time is None else str(run.end_time),
    "took": show.took,
    "artifact_uri": lambda run: run.artifact_uri,
    "metrics": lambda run: ", ".join(
        f"{key}={metric.value:.4g}" for key, metric in sorted(run.metrics.items())[:3]
    ),
}
_DATA = ("metrics.", "params.", "tags.")
_OTHER_WORDS = {"id": "run_id", "run_name": "name", "entry_point": "entry point", "user_id": "user"}


def parse(text: str | None) -> Sequence[str]:
    """Return the column names in a comma-separated text, or the default columns for None.

    Raises:
        UsageError: a name is not a column.
    """
    if text is None:
        return DEFAULT
    names = [name.strip().removeprefix("attributes.") for name in text.split(",")]
    for name in names:
        known = _known(name) in {*_COLUMNS, "experiment"}
        if not known and not (name.startswith(_DATA) and name.partition(".")[2]):
            words = ", ".join(["experiment", *_COLUMNS])
            hint = f"use {words}, or metrics.NAME, params.NAME, tags.NAME"
            raise UsageError(f'--columns: "{name}" is not a column', hint=hint)
    return names


def row(run: Run, experiments: Mapping[str, str], names: Sequence[str]) -> tuple[str, ...]:
    """Return the values of the columns ``names`` for ``run``; ``experiments`` maps ids to names."""
    return tuple(_cell(run, experiments, name) for name in names)


def _cell(run: Run, experiments: Mapping[str, str], name: str) -> str:
    kind, _, key = name.partition(".")
    if name.startswith(_DATA):
        if kind == "metrics":
            return f"{run.metrics[key].value:.10g}" if key in run.metrics else ""
        return (run.params if kind == "params" else run.tags).get(key, "")
    if _known(name) == "experiment":
        return experiments.get(run.experiment_id, run.experiment_id)
    return _COLUMNS[_known(name)](run)


def _known(name: str) -> str:
    word = name.lower()
    return _OTHER_WORDS.get(word, word)
