"""A script's own ``set_experiment()`` moves the run it was given, instead of killing the script.

An MLflow client that is given a run (``MLFLOW_RUN_ID``) fetches it in ``start_run()``, and raises when the
run is in another experiment than the one that ``set_experiment()`` selected before. The requests are, in
2.x and 3.x::

    GET experiments/get-by-name          set_experiment(NAME), or
    GET experiments/get-by-name -> 404,  POST experiments/create,  GET experiments/get
    GET experiments/get                  set_experiment(experiment_id=ID)
    ...
    GET runs/get                         start_run(), or the first fluent log_...()
    POST runs/update                     status RUNNING

A script that looks up an experiment for another purpose sends the same GETs, and the requests do not show
the difference. So this is the rule, for each run that a client was given:

- Only until the run is fetched or written for the first time: afterwards the client has the run,
  and a lookup is no longer about it.
- The experiment that was looked up or created last is where the run goes,
- but one whose runs were then searched was looked up for that (``search_runs(experiment_names=[...])``
  sends the two calls): it counts only when there is no other. A wrong guess here would either kill
  a script that selected the experiment, or put the run into the experiment that it was compared with;
  the second can be repaired, the run says in the tag ``reprise.experiment.moved_from`` where it was.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable

from reprise.schemas.entities import ACTIVE
from reprise.schemas.tags import MOVED_FROM
from reprise.tracking.protocols.store import TrackingStore

logger = logging.getLogger(__name__)


class Follow:
    """What the client of one run has looked up so far; safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._attached = False
        self._searched: dict[str, bool] = {}  # by experiment id, in the order of the last lookup

    def looked_up(self, experiment_id: str) -> None:
        with self._lock:
            self._searched.pop(experiment_id, None)
            self._searched[experiment_id] = False

    def searched(self, experiment_ids: Iterable[str]) -> None:
        with self._lock:
            for experiment_id in experiment_ids:
                if experiment_id in self._searched:
                    self._searched[experiment_id] = True

    def written(self) -> None:
        """The client logs to the run without having fetched it."""
        with self._lock:
            self._attached = True

    def fetched(self) -> str | None:
        """Return the experiment in which the client expects the run; None if it did not select one."""
        with self._lock:
            if self._attached:
                return None
            self._attached = True
            chosen = [key for key, searched in self._searched.items() if not searched]
            candidates = chosen or [*self._searched]
            return candidates[-1] if candidates else None


def move(store: TrackingStore, run_id: str, experiment_id: str) -> None:
    """Move the run unless it is there already, or the experiment is deleted."""
    run = store.get_run(run_id)
    experiment = store.get_experiment(experiment_id)
    if run.experiment_id == experiment_id or experiment.lifecycle_stage != ACTIVE:
        return
    store.move_run(run_id, experiment_id)
    store.set_tag(run_id, MOVED_FROM, run.experiment_id)
    logger.info('Moved the run to experiment "%s", selected by the script', experiment.name)
