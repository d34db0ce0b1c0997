"""The facade of a run that is performed again; the store may be here or on a server elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from reprise.server.confined.ledger import Ledger
from reprise.server.loopback import Facade
from reprise.tracking.base import Tracking
from reprise.tracking.embedded import EmbeddedStore

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from reprise.server.confined.registry import RegistryCopy
    from reprise.tracking.rest import RestTracking


class ConfinedLoopback(Facade):
    """Changes nothing in ``tracking`` but the run that ``ledger`` belongs to.

    ``registry`` is where models are registered; it is copied into ``folder`` as it was at ``since`` (ms
    since the epoch) when the run first asks for it.
    """

    def __init__(
        self,
        tracking: EmbeddedStore | RestTracking,
        run_id: str,
        host: str,
        *,
        ledger: Ledger,
        registry: Tracking,
        since: int,
        folder: Path,
    ) -> None:
        super().__init__(run_id, host)
        self._tracking = tracking
        self._ledger = ledger
        self._open_registry: Callable[[], RegistryCopy] = partial(_copy, registry, since, folder)

    @property
    def environ(self) -> dict[str, str]:
        here = (
            {"REPRISE_STORE": str(self._tracking.directory)}
            if isinstance(self._tracking, EmbeddedStore)
            else {}
        )
        return {**super().environ, **here, "MLFLOW_REGISTRY_URI": self.uri}

    def _make_app(self) -> ASGIApp:
        from reprise.server.access import OneSecret
        from reprise.server.app import Guard
        from reprise.server.confined.app import ConfinedApp

        app = ConfinedApp(self._upstream(), self._tracking, self._ledger, self._open_registry)
        return Guard(app, OneSecret(self._secret), hosts=None)

    def _upstream(self) -> ASGIApp:
        if isinstance(self._tracking, EmbeddedStore):
            from reprise.server.access import OneSecret
            from reprise.server.app import create_app

            return create_app(self._tracking, OneSecret(self._secret), hosts=None)
        from reprise.server.confined.upstream import Proxy

        return Proxy(self._tracking.open_async(self._run_id), self._tracking.uri)


def _copy(registry: Tracking, since: int, folder: Path) -> RegistryCopy:
    from reprise.server.confined.registry import RegistryCopy

    return RegistryCopy(registry, since, folder)
