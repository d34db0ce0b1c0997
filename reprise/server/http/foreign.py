"""Requests of web pages that are not ours: refused, but for the origins of ``--cors-allowed-origins``."""

from __future__ import annotations

import re
from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from reprise.errors import UsageError
from reprise.named_tuple import NamedTuple

_ORIGIN = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<host>[^/?#@\s,\"']+?)(?P<port>:(?:[0-9]{1,5}|\*))?"
)
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


class Origins(NamedTuple):
    """Origins whose pages may ask; ``any`` admits all, whose browsers then send no credentials."""

    words: tuple[str, ...] = ()

    @property
    def any(self) -> bool:
        return "*" in self.words

    @property
    def pattern(self) -> re.Pattern[str]:
        texts = (".*".join(map(re.escape, word.split("*"))) for word in self.words)
        return re.compile("|".join(texts) or r"(?!)")

    def admit(self, origin: str) -> bool:
        return self.any or self.pattern.fullmatch(origin) is not None


def read_origins(words: Iterable[str]) -> Origins:
    """Origins of ``--cors-allowed-origins``: ``https://app.example.org``, patterns with ``*``, or ``*``.

    Raises:
        UsageError: a word is not an origin of a web page.
    """
    given = list(words)
    names = [name.strip() for word in given for name in word.split(",") if name.strip()]
    if given and not names:
        raise _refuse("")
    return Origins(tuple("*" if name == "*" else _read_origin(name) for name in names))


def _read_origin(word: str) -> str:
    parts = _ORIGIN.fullmatch(word.lower().removesuffix("/"))
    if parts is None:
        raise _refuse(word)
    origin = f"{parts['scheme']}://{parts['host']}"
    is_default = parts["port"] in (None, _DEFAULT_PORTS.get(parts["scheme"]))  # browsers leave it out
    return origin if is_default else f"{origin}{parts['port']}"


def _refuse(word: str) -> UsageError:
    return UsageError(
        f'--cors-allowed-origins "{word}" is not an origin of a web page',
        hint='give scheme and host as in "https://app.example.org" or "http://localhost:3000", or "*"',
    )


def is_foreign(headers: Headers, method: str, origins: Origins) -> bool:
    """Return whether the browser sent the request for a page of another site, which may only link to
    ours.
    """
    origin = headers.get("origin")
    if origin and origins.admit(origin):
        return False
    if origin and origin.partition("://")[2] != headers.get("host", ""):
        return True
    is_link = method == "GET" and headers.get("sec-fetch-mode") == "navigate"
    return headers.get("sec-fetch-site") in ("cross-site", "same-site") and not is_link


def answer_origins(app: ASGIApp, origins: Origins) -> ASGIApp:
    """``app``, whose answers the pages of ``origins`` may read; their preflights are answered as well."""
    if not origins.words:
        return app
    return CORSMiddleware(
        app,
        allow_origins=("*",) if origins.any else (),
        allow_origin_regex=None if origins.any else origins.pattern.pattern,
        allow_credentials=not origins.any,
        allow_methods=_METHODS,
        allow_headers=("*",),
        expose_headers=("*",),
    )
