"""The web UI: pages for people, next to the API for programs.

Pages are rendered by the server (jinja2), with small JavaScript modules of our own. All changes go through
the REST API, so that its rules are in one place. Each page is one file: its routes, the data it reads, and
the values for its template of the same name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.datastructures import Headers
    from starlette.responses import Response
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp, Receive, Scope, Send

    from reprise.errors import TrackingError
    from reprise.server.http.access import Access
    from reprise.tracking.protocols.store import TrackingStore

__all__ = ["WebPages"]


class WebPages:
    """The pages of ``store`` for ``reprise.server.app.create_app``, imported at the first request for a
    page.

    A server that only programs use never imports them. ``prefix`` is the path prefix of the server.
    """

    def __init__(self, store: TrackingStore, access: Access, prefix: str = "") -> None:
        from reprise.ui.sessions import Sessions

        self._store = store
        self._sessions = Sessions(access, prefix)
        self._app: ASGIApp | None = None

    @property
    def routes(self) -> Sequence[BaseRoute]:
        from starlette.routing import Mount

        return (Mount("/", app=self),)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._app is None:
            from reprise.ui.app import create

            self._app = create(self._store, self._sessions)
        await self._app(scope, receive, send)

    def authorization(self, headers: Headers) -> str:
        return self._sessions.authorization(headers)

    def is_open(self, path: str) -> bool:
        return path in ("/login", "/logout") or path.startswith("/static/")

    def refused(self, scope: Scope, error: TrackingError) -> Response | None:
        from reprise.ui.login import instead_of

        return instead_of(scope, error)

    def stop(self) -> None:
        if self._app is not None:
            from reprise.ui.app import stop

            stop(self._app)
