"""Requests that two readers would read in two ways, as a proxy and we might: they are refused."""

from __future__ import annotations

from collections.abc import Iterable

from reprise.errors import TrackingError

_SINGLE = frozenset(
    (
        b"authorization",
        b"content-length",
        b"content-type",
        b"host",
        b"if-range",
        b"origin",
        b"range",
        b"sec-fetch-mode",
        b"sec-fetch-site",
        b"transfer-encoding",
    )
)
"""Headers that decide something: of two, a reader may take the first or the last."""


def refuse_ambiguity(headers: Iterable[tuple[bytes, bytes]]) -> TrackingError | None:
    """Why a request with these ``headers`` is refused, or None.

    A body with two lengths may hide a second request from one of the two.
    """
    names = [name for name, _ in headers if name in _SINGLE]
    if len(names) > len(set(names)):
        twice = next(name for name in names if names.count(name) > 1).decode()
        return TrackingError(f"The header {twice} is given twice", code="MALFORMED_REQUEST")
    if b"content-length" in names and b"transfer-encoding" in names:
        return TrackingError("The length of the body is given twice", code="MALFORMED_REQUEST")
    return None
