"""What the parts of a push share: the server, and which of its things are which of the source."""

from __future__ import annotations

from reprise.tracking.copy.server.ids import Ids
from reprise.tracking.rest.store import RestTracking


class ServerEnd:
    """The server of ``tracking`` as one end of a copy."""

    def __init__(self, tracking: RestTracking) -> None:
        self.tracking = tracking
        self.ids = Ids(tracking)
        self._experiments: dict[str, str] = {}

    @property
    def uri(self) -> str:
        return self.tracking.uri
