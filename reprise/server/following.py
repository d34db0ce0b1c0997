"""Performing a verb, while following what the client of a run does (see ``follow.py``)."""

from __future__ import annotations

import threading
from collections.abc import Mapping, MutableMapping
from typing import Any

from reprise.server.api.experiments import CreateExperiment, GetExperiment, GetExperimentByName
from reprise.server.api.logged_models import SearchLoggedModels
from reprise.server.api.registered_models import GetModelVersionByAlias
from reprise.server.api.runs import GetRun, SearchRuns
from reprise.server.api.wire import Answer, Request, Verb
from reprise.server.follow import Follow, move
from reprise.tracking.protocols.store import TrackingStore


class Follows:
    """One ``Follow`` for each run that a client was given, made when its client first calls.

    ``aliases`` gets the version that the first question for each alias was answered with, by its address.
    """

    def __init__(self, aliases: MutableMapping[str, str] | None = None) -> None:
        self.aliases = {} if aliases is None else aliases
        self._lock = threading.Lock()
        self._by_run: dict[str, tuple[str, Follow]] = {}

    def of(self, scope: Mapping[str, Any]) -> tuple[str, Follow] | None:
        """The run id that the client's token names, and its ``Follow``."""
        run_id = scope.get("state", {}).get("run_id")
        if run_id is None:
            return None
        with self._lock:
            return self._by_run.setdefault(run_id, (run_id, Follow()))


def perform(
    store: TrackingStore,
    verb: Verb[Any],
    message: Request,
    following: tuple[str, Follow] | None,
    aliases: MutableMapping[str, str],
) -> Answer:
    """The answer of ``verb``; what a client of a run learns of an alias is noted in ``aliases``."""
    if following is None:
        return verb.answer(store, message)
    run_id, follow = following
    if getattr(message, "run_id", None) == run_id:
        if not isinstance(message, GetRun):
            follow.written()
        elif (chosen := follow.fetched()) is not None:
            move(store, run_id, chosen)
    answer = verb.answer(store, message)
    _note(follow, message, answer, aliases)
    return answer


def _note(follow: Follow, message: Request, answer: Any, aliases: MutableMapping[str, str]) -> None:
    match message:
        case GetModelVersionByAlias():
            version = str(answer["model_version"]["version"])
            aliases.setdefault(f"models:/{message.name}@{message.alias}", version)
        case GetExperiment():
            follow.looked_up(message.experiment_id)
        case CreateExperiment():
            follow.looked_up(answer["experiment_id"])
        case GetExperimentByName():
            follow.looked_up(answer["experiment"]["experiment_id"])
        case SearchRuns() | SearchLoggedModels():
            follow.searched(message.experiment_ids)
