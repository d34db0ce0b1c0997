"""Which run and which logged model of a server is which of the source: a server gives ids of its own."""

from __future__ import annotations

from reprise.errors import TrackingError
from reprise.schemas.entities import LoggedModel, Run
from reprise.schemas.tags import COPIED_FROM
from reprise.tracking.rest import shapes as shapes
from reprise.tracking.rest.fields import parts
from reprise.tracking.rest.store import RestTracking


class Ids:
    """Looks on the server for what it has not seen yet."""

    def __init__(self, tracking: RestTracking) -> None:
        self._tracking = tracking
        self._here: dict[str, str] = {}
        self._origins: dict[str, str] = {}

    def learn_id(self, origin: str, here: str) -> None:
        """Note that ``origin`` of the source is ``here`` on the server."""
        self._here[origin] = here
        self._origins[here] = origin

    def find_run(self, origin: str, experiment_id: str) -> Run | None:
        """The run of the experiment that a run of the source became, deleted or not."""
        if origin in self._here:
            return self._tracking.get_run(self._here[origin])
        found = self._tracking.search_runs(
            [experiment_id], filter=_filter_marked(origin), max_results=1, view_type="ALL"
        ).items
        if not found:
            return None
        self.learn_id(origin, found[0].run_id)
        return self._tracking.get_run(found[0].run_id)

    def find_model(self, origin: str, experiment_id: str) -> LoggedModel | None:
        """The logged model of the experiment that one of the source became."""
        if origin in self._here:
            return self._tracking.get_logged_model(self._here[origin])
        body = {"experiment_ids": [experiment_id], "filter": _filter_marked(origin), "max_results": 1}
        try:
            answer = self._tracking.connection.call("POST", "logged-models/search", json=body)
        except TrackingError as error:
            if error.code == "ENDPOINT_NOT_FOUND":  # MLflow 2 had none
                return None
            raise
        found = [shapes.logged_model(item) for item in parts(answer, "models")]
        if not found:
            return None
        self.learn_id(origin, found[0].model_id)
        return found[0]

    def find_id(self, origin: str) -> str | None:
        """The id on the server of what was pushed or found before."""
        return self._here.get(origin)

    def here_of(self, origin: str, experiment_id: str) -> str | None:
        """The id on the server of a run of the source, if it was pushed."""
        if origin in self._here:
            return self._here[origin]
        found = self.find_run(origin, experiment_id)
        return found and found.run_id

    def run_origin(self, here: str) -> str:
        """The id in the source of a run of the server; its own where it was not pushed."""
        if here not in self._origins:
            try:
                tags = self._tracking.get_run(here).tags
            except TrackingError:
                tags = {}
            self._origins[here] = tags.get(COPIED_FROM, here)
        return self._origins[here]

    def model_origin(self, here: str) -> str:
        """The id in the source of a logged model of the server; its own where it was not pushed."""
        if here not in self._origins:
            try:
                tags = self._tracking.get_logged_model(here).tags
            except TrackingError:
                tags = {}
            self._origins[here] = tags.get(COPIED_FROM, here)
        return self._origins[here]


def _filter_marked(origin: str) -> str:
    quoted = origin.replace("'", "")
    return f"tags.`{COPIED_FROM}` = '{quoted}'"
