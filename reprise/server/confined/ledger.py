"""What a confined run has made, and which changes were withheld from the store."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

MOST_NOTES = 50
"""Withheld changes that are listed; the others are counted."""


class Ledger:
    """The ledger of a run; the server's event loop is its only writer.

    ``experiment_id`` is the experiment of the run. A missing experiment that the run requests is mapped to
    it, under the requested name.
    """

    def __init__(self, run_id: str, experiment_id: str) -> None:
        self.experiment_id = experiment_id
        self._ids = {run_id}
        self._experiments: set[str] = set()
        self._withheld: dict[str, None] = {}
        self._more = 0

    def add_own(self, ids: Iterable[str]) -> None:
        self._ids.update(filter(None, ids))

    def owns_any(self, ids: Iterable[str]) -> bool:
        return not self._ids.isdisjoint(ids)

    def add_experiment(self, name: str) -> None:
        self._experiments.add(name)
        self.withhold(f'experiment "{name}" was not created')

    def has_experiment(self, name: str) -> bool:
        return name in self._experiments

    def withhold(self, note: str) -> None:
        if note in self._withheld:
            return
        if len(self._withheld) < MOST_NOTES:
            self._withheld[note] = None
        else:
            self._more += 1

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence for each change that was not made, in the order in which they were asked for."""
        more = (f"{self._more} more changes were not made",) if self._more else ()
        return (*self._withheld, *more)


def describe_change(method: str, verb: str, fields: Mapping[str, Any]) -> str:
    """``alias "champion" of model "iris" was not set``"""

    def quoted(name: str) -> str:
        return json.dumps(str(fields.get(name, ""))[:80], ensure_ascii=False)

    run_id = str(fields.get("run_id") or fields.get("run_uuid") or "")
    match verb:
        case "model-versions/create":
            return f"a version of model {quoted('name')} was not registered"
        case "registered-models/create":
            return f"model {quoted('name')} was not created"
        case "registered-models/alias" if method == "POST":
            return f"alias {quoted('alias')} of model {quoted('name')} was not set"
        case "model-versions/transition-stage":
            version, stage = quoted("version"), quoted("stage")
            return f"version {version} of model {quoted('name')} was not moved to stage {stage}"
        case "experiments/set-experiment-tag":
            return f"tag {quoted('key')} of experiment {quoted('experiment_id')} was not set"
        case "runs/set-tag":
            return f"tag {quoted('key')} of run {run_id[:8]} was not set"
    subject = next((f"{name} {quoted(name)}" for name in _SUBJECTS if fields.get(name)), "")
    return f"{method} {verb} was not done" + (f" ({subject})" if subject else "")


_SUBJECTS = ("name", "run_id", "run_uuid", "experiment_id", "model_id")
