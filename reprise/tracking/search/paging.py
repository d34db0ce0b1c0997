"""The pages of a search, and their tokens: the sort values of the last row, and the search."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from reprise.schemas.entities import Page
from reprise.schemas.json_text import read_json
from reprise.tracking.validation import invalid

T = TypeVar("T")

Scalar = str | int | float | None


def encode(last: Sequence[Scalar], scope: str) -> str:
    """The token that continues after the row with the sort values ``last``."""
    return base64.urlsafe_b64encode(json.dumps([_digest(scope), *last]).encode()).decode()


def decode(token: str, scope: str, length: int) -> list[Scalar]:
    """The sort values in ``token``; refused when it is not ours, or of another search."""
    try:
        given: object
        last: list[Scalar]
        given, *last = read_json(base64.urlsafe_b64decode(token.encode()))
    except (ValueError, TypeError, binascii.Error):
        raise invalid(f"page_token {token!r} is not a token of this store") from None
    plain = all(isinstance(value, str | int | float | None) for value in last)
    if given != _digest(scope) or len(last) != length or not plain:
        raise invalid("page_token belongs to another search")
    return last


def _digest(scope: str) -> int:
    return zlib.crc32(scope.encode("utf-8", "surrogatepass"))


def pages(ask: Callable[[str | None], Page[T]]) -> Iterator[T]:
    """What a search finds, of all pages; ``ask`` gets the token of each."""
    token: str | None = None
    while True:
        page = ask(token)
        yield from page.items
        if page.next_token is None or page.next_token == token:
            return
        token = page.next_token
