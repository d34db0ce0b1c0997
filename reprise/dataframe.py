"""Runs as a pandas table; pandas is not a dependency."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from reprise.errors import UsageError

if TYPE_CHECKING:
    from reprise.schemas.entities import Run

_FIXED = ("run_id", "experiment_id", "status", "artifact_uri", "start_time", "end_time")


def to_dataframe(runs: Iterable[Run]) -> Any:
    """Make a pandas DataFrame of runs, with the columns of ``mlflow.search_runs``.

    Args:
        runs: as :func:`reprise.runs` returns them.

    Returns:
        A ``pandas.DataFrame``: a row for each run; ``run_id``, ``experiment_id``, ``status``,
        ``artifact_uri``, ``start_time`` and ``end_time`` (UTC), ``metrics.*``, ``params.*``, ``tags.*``.

    Raises:
        UsageError: pandas is not installed.

    Example:
        >>> import reprise
        >>> submitted = reprise.run(".", parameters={"C": 2}, env_manager="local")
        >>> table = reprise.to_dataframe(reprise.runs())
        >>> list(table["params.C"]), list(table["status"])
        (['2'], ['FINISHED'])
    """
    try:
        import pandas  # type: ignore[import-untyped]
    except ImportError as error:
        hint = "pip install pandas"
        raise UsageError("to_dataframe needs pandas, which is not installed", hint=hint) from error
    table = pandas.DataFrame([_make_row(run) for run in runs])
    for column in _FIXED:
        if column not in table:
            table[column] = None
    for column in ("start_time", "end_time"):
        table[column] = pandas.to_datetime(table[column], unit="ms", utc=True)
    return table


def _make_row(run: Run) -> dict[str, Any]:
    return {
        **{name: getattr(run, name) for name in _FIXED},
        **{f"metrics.{key}": metric.value for key, metric in run.metrics.items()},
        **{f"params.{key}": value for key, value in run.params.items()},
        **{f"tags.{key}": value for key, value in run.tags.items()},
    }
