"""A server below a path of its host, as ``--static-prefix`` says: ``https://example.org/ml/...``.

Some proxies pass the prefix on and others take it off, so a path is answered with and without it. What
we send names it always: pages by ``prefix_of``, redirects here.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reprise.errors import UsageError
from reprise.named_tuple import NamedTuple

_SEGMENT = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})+")
_SAFE = "/~!$&'()*+=:@"  # of those that a cookie's path may hold
_OWN = re.compile(
    "ajax-api|api|compare|events|experiments|get-artifact|health|login|logout|metrics|model-versions|models"
    "|notes|ping|runs|static|sweeps|v1|version"
)
"""First segments of our own paths: behind a proxy that strips the prefix they would be taken off again."""


class Prefix(NamedTuple):
    """The prefix as it arrives (``path``, decoded) and as it is sent (``url``); both empty for none."""

    path: str = ""
    url: str = ""


def read_prefix(text: str) -> Prefix:
    """The value of ``--static-prefix``; a slash at its end is left out.

    Raises:
        UsageError: it is not a path, or the first part of the server's own paths.
    """
    hint = "for example --static-prefix /mlflow"
    if not text.startswith("/"):
        raise UsageError(f'--static-prefix "{text}" does not begin with "/"', hint=hint)
    segments = text.removesuffix("/").split("/")[1:]
    decoded = [unquote(segment) for segment in segments]
    for segment, word in zip(segments, decoded, strict=True):
        is_plain = _SEGMENT.fullmatch(segment) and word.isprintable() and not set(word) & set('/\\?#"<>')
        if not is_plain or word in (".", "..") or "\ufffd" in word:
            raise UsageError(f'--static-prefix "{text}" is not a path: see "{segment}"', hint=hint)
    if decoded and _OWN.fullmatch(decoded[0]):
        raise UsageError(f'--static-prefix "{text}": the server has paths below /{decoded[0]}', hint=hint)
    path = "".join(f"/{word}" for word in decoded)
    return Prefix(path, quote(path, safe=_SAFE))


def prefix_of(scope: Scope) -> str:
    """Return the path prefix for links in the response to ``scope``."""
    found: str = scope.get("state", {}).get("prefix", "")
    return found


class Prefixed:
    """``app`` below ``prefix``: it sees paths without it, and its redirects lead below it."""

    def __init__(self, app: ASGIApp, prefix: Prefix) -> None:
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        host = Headers(scope=scope).get("host", "")

        async def send_below(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._lead_below(message, host)
            await send(message)

        state = {**scope.get("state", {}), "prefix": self._prefix.url}
        await self._app({**scope, **self._without(scope), "state": state}, receive, send_below)

    def _without(self, scope: Scope) -> dict[str, str | bytes]:
        """The path without the prefix, where it has it."""
        path, prefix = scope["path"], self._prefix.path
        if path != prefix and not path.startswith(f"{prefix}/"):
            return {}
        raw = scope.get("raw_path") or quote(path).encode()
        skipped = b"/".join(raw.split(b"/")[prefix.count("/") + 1 :])
        return {"path": path[len(prefix) :] or "/", "raw_path": b"/" + skipped}

    def _lead_below(self, message: Message, host: str) -> None:
        headers = MutableHeaders(scope=message)
        if (location := headers.get("location")) is None:
            return
        parts = urlsplit(location)
        if parts.path.startswith("/") and parts.netloc in ("", host):
            there = f"{parts.path}?{parts.query}" if parts.query else parts.path
            headers["location"] = self._prefix.url + there
