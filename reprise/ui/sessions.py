"""Browser sessions: a cookie refers to the credential from the login page.

Sessions are kept in the memory of the server. Every request checks the credential, so that a removed user
loses access at once.
"""

from __future__ import annotations

import re
import secrets
import time
from collections import OrderedDict

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection

from reprise.named_tuple import NamedTuple
from reprise.server.http.access import Access, Bearer

LASTS = 30 * 86400
"""Seconds that a session lasts after its last use."""

_MOST = 10_000


class _Session(NamedTuple):
    authorization: str
    used: float


class Sessions:
    def __init__(self, access: Access, prefix: str = "") -> None:
        """The sessions of a server; ``prefix`` is its path prefix."""
        self._access = access
        self._prefix = prefix
        self._sessions: OrderedDict[str, _Session] = OrderedDict()  # the most recently used last

    async def open(self, authorization: str, address: str) -> str | None:
        """Return the secret of a new session, or None for an unknown credential."""
        if await self._access.bearer(authorization, address) is None:
            return None
        secret = secrets.token_urlsafe(32)
        self._sessions[secret] = _Session(authorization, time.monotonic())
        while len(self._sessions) > _MOST:
            self._sessions.popitem(last=False)
        return secret

    def close(self, headers: Headers) -> None:
        self._sessions.pop(self._secret(headers), None)

    def authorization(self, headers: Headers) -> str:
        """Return the ``Authorization`` header of a request, or that of its session."""
        if given := headers.get("authorization"):
            return given
        secret = self._secret(headers)
        session = self._sessions.get(secret)
        if session is None:
            return ""
        if time.monotonic() - session.used > LASTS:
            del self._sessions[secret]
            return ""
        self._sessions[secret] = session._replace(used=time.monotonic())
        self._sessions.move_to_end(secret)
        return session.authorization

    async def bearer(self, headers: Headers, address: str) -> Bearer | None:
        return await self._access.bearer(self.authorization(headers), address)

    def cookie_name(self, headers: Headers) -> str:
        """Return a cookie name for this port and prefix: browsers send cookies to all ports of a host."""
        port = headers.get("host", "").rpartition("]")[2].partition(":")[2]
        words = re.findall(r"\w+", self._prefix, re.ASCII)
        if port.isdecimal() and port.isascii():
            words = [port, *words]
        return "-".join(("reprise-session", *words))

    def _secret(self, headers: Headers) -> str:
        cookies = HTTPConnection({"type": "http", "headers": headers.raw}).cookies
        return cookies.get(self.cookie_name(headers), "")
