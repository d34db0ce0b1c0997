"""The names that a search for runs knows, and the comparisons of each kind, whatever store answers it."""

from __future__ import annotations

from collections.abc import Mapping

from reprise.named_tuple import NamedTuple

TEXT_OPERATORS = ("=", "!=", "LIKE", "ILIKE", "IN", "NOT IN", "IS NULL", "IS NOT NULL")
NUMBER_OPERATORS = ("=", "!=", "<", "<=", ">", ">=", "IS NULL", "IS NOT NULL")
IS_PROMPT = "mlflow.prompt.is_prompt"
"""The tag that makes a registered model a prompt."""


class RunAttribute(NamedTuple):
    """``name`` is the first of its names: several names mean the same."""

    name: str
    is_number: bool = False


_NAME, _START = RunAttribute("run_name"), RunAttribute("start_time", is_number=True)
RUN_ATTRIBUTES: Mapping[str, RunAttribute] = {
    "run_id": RunAttribute("run_id"),
    "run_name": _NAME,
    "run name": _NAME,
    "Run name": _NAME,
    "Run Name": _NAME,
    "experiment_id": RunAttribute("experiment_id"),
    "user_id": RunAttribute("user_id"),
    "status": RunAttribute("status"),
    "artifact_uri": RunAttribute("artifact_uri"),
    "start_time": _START,
    "created": _START,
    "Created": _START,
    "end_time": RunAttribute("end_time", is_number=True),
    "duration": RunAttribute("duration", is_number=True),
    "models": RunAttribute("models"),
}
DATASET_FIELDS = ("name", "digest", "context")
