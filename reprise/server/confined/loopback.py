"""The facade of a run that is performed again; the store may be here or on a server elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from reprise.server.confined.ledger import Ledger
from reprise.server.loopback import PRINTS_NO_URL, Facade, name_store
from reprise.tracking.base import Tracking

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from reprise.server.confined.registry import RegistryCopy
    from reprise.server.http.access import OneSecret
    from reprise.tracking.protocols.store import TrackingStore
    from reprise.tracking.rest.store import RestTracking


class ConfinedLoopback(Facade):
    """Changes nothing in ``tracking`` but the run that ``ledger`` belongs to.

    ``registry`` is where models are registered; it is copied into ``folder`` as it was at ``since`` (ms
    since the epoch) when the run first asks for it. ``aliases`` are where aliases pointed then, as far as
    that is known.
    """

    def __init__(
        self,
        tracking: TrackingStore | RestTracking,
        run_id: str,
        host: str,
        *,
        ledger: Ledger,
        registry: Tracking,
        since: int,
        aliases: Mapping[str, str],
        folder: Path,
    ) -> None:
        super().__init__(run_id, host)
        self._tracking = tracking
        self._ledger = ledger
        self._held = AsyncExitStack()
        self._open_registry: Callable[[], RegistryCopy] = partial(_copy, registry, since, aliases, folder)

    @property
    def environ(self) -> dict[str, str]:
        environ = {**super().environ, "MLFLOW_REGISTRY_URI": self.uri}
        if (store := self._tracking.own_store) is not None:
            return {**environ, **name_store(store)}
        del environ[PRINTS_NO_URL]  # the original run printed where it can be seen
        return environ

    def _make_app(self) -> ASGIApp:
        from reprise.server.app import RequestGuard
        from reprise.server.confined.app import ConfinedApp
        from reprise.server.http.access import OneSecret

        access = OneSecret(self._secret)
        app = ConfinedApp(self._make_upstream(access), self._tracking, self._ledger, self._open_registry)
        self._held.callback(app.close)
        return RequestGuard(app, access, hosts=None)

    def _make_upstream(self, access: OneSecret) -> ASGIApp:
        from reprise.tracking.rest.store import RestTracking

        if isinstance(self._tracking, RestTracking):
            from reprise.server.confined.upstream import UpstreamProxy

            client = self._tracking.open_async(self._run_id)
            self._held.push_async_callback(client.aclose)
            return UpstreamProxy(client, self._tracking.uri)
        from reprise.server.app import create_app

        return create_app(self._tracking, access, hosts=None)

    async def _release(self) -> None:
        await self._held.aclose()


def _copy(registry: Tracking, since: int, aliases: Mapping[str, str], folder: Path) -> RegistryCopy:
    from reprise.server.confined.registry import RegistryCopy

    return RegistryCopy(registry, since, aliases, folder)
