"""The role that each request needs, as the row of its route says."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Iterator

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route, compile_path

from reprise.server.http.access import Role

_LOOKS = ("GET", "HEAD", "OPTIONS")


class RoleRoute(Route):
    """A route whose row says the role that it needs."""

    def __init__(
        self, method: str, path: str, role: Role, endpoint: Callable[[Request], Awaitable[Response]]
    ) -> None:
        super().__init__(path, endpoint, methods=[method])
        self.role = role


class Roles:
    """The roles of an app's routes."""

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self._exact: dict[tuple[str, str], Role] = {}
        self._patterns: dict[str, list[tuple[re.Pattern[str], Role]]] = {}
        for path, route in role_routes(routes):
            for method in route.methods or ():
                self._exact[method, path] = route.role
                self._patterns.setdefault(method, []).append((compile_path(path)[0], route.role))

    def of(self, method: str, path: str) -> Role:
        """The role that a request needs; to look is enough for ``GET`` where no row says otherwise."""
        if (role := self._exact.get((method, path))) is not None:
            return role
        for pattern, role in self._patterns.get(method, ()):  # as the router does, a line break included
            if pattern.match(path):
                return role
        return Role.READ if method in _LOOKS else Role.WRITE


def role_routes(routes: Iterable[BaseRoute], before: str = "") -> Iterator[tuple[str, RoleRoute]]:
    """The routes that have a role, below mounts too, each with its whole path."""
    for route in routes:
        if isinstance(route, Mount):
            yield from role_routes(route.routes, before + route.path)
        elif isinstance(route, RoleRoute):
            yield before + route.path, route
