"""Artifacts as HTTP answers, wherever they are stored: whole, or one range of bytes."""

from __future__ import annotations

import logging
import re
from collections.abc import Generator, Mapping
from mimetypes import MimeTypes
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from reprise.errors import TrackingError
from reprise.tracking.artifacts.files import Artifacts

log = logging.getLogger(__name__)

_TOKEN = re.compile(r"[\w!#$%&'*+\-.^`|~]+", re.ASCII)
_RANGE = re.compile(r"bytes=(?P<first>\d{0,18})-(?P<last>\d{0,18})")
_PIECE = 1 << 20

ANYTHING = "application/octet-stream"
"""The type of a file when nothing is known."""

_HARMLESS = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox; default-src 'none'"}
"""Headers with which a stored page cannot act as one of ours, even if a browser shows it."""
_TYPES = MimeTypes()  # not those of the machine, so that every server answers the same
_TEXTS = re.compile(
    r"txt|log|err|cfg|conf|cnf|cf|ini|properties|prop|hocon|toml|ya?ml|xml|json|js|py3?|csv|tsv|md|rst|ipynb"
    r"|MLmodel|MLproject",
    re.IGNORECASE,
)
_LOADED_BY_PAGES = {"text/css", "text/javascript", "application/javascript"}


class Pieces(StreamingResponse):
    """A streamed response; its generator closes its files even if the client disconnects early."""

    def __init__(
        self,
        pieces: Generator[bytes],
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = None,
    ) -> None:
        super().__init__(pieces, status_code, headers, media_type)
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except TrackingError as error:  # too late for an error response: closing the connection shows it
            log.warning("%s", error)
        finally:
            self._pieces.close()


def keeping_headers(name: str) -> dict[str, str]:
    """The headers of a file that is for keeping: its type, and what keeps a browser from running it."""
    return {"Content-Type": artifact_type(name), **_HARMLESS, **for_keeping(name)}


def artifact_type(name: str) -> str:
    """The type of a file by its name, as MLflow's server gives it; text for what a page could run."""
    extension = name.rpartition(".")[2]  # of a file without a dot, its name
    kind = "text/plain" if _TEXTS.fullmatch(extension) else _TYPES.guess_type(name)[0] or ANYTHING
    return "text/plain" if kind in _LOADED_BY_PAGES else kind


def for_keeping(name: str) -> dict[str, str]:
    """The header by which a browser keeps a file under ``name`` instead of showing it.

    Not every client reads ``filename*``, so it also has ``filename``, approximated in ASCII.
    """
    plain = re.sub(r'[^ -~]|["\\\\]', "_", name)
    quoted = plain if _TOKEN.fullmatch(plain) else f'"{plain}"'
    exact = "" if plain == name else f"; filename*=UTF-8''{quote(name, safe='')}"
    return {"Content-Disposition": f"attachment; filename={quoted}{exact}"}


async def ranged(
    request: Request, artifacts: Artifacts, path: str, kind: str | None, headers: Mapping[str, str]
) -> Response:
    """Return the file as ``kind``, or the requested range; for several ranges, the file."""
    size = await run_in_threadpool(artifacts.size, path)
    described = {**headers, "Accept-Ranges": "bytes"}
    asked = _RANGE.fullmatch(request.headers.get("range", ""))
    start, stop, status = 0, size, 200
    if asked and (asked["first"] or asked["last"]):
        start, stop = _bounds(asked, size)
        if start >= min(stop, size):
            return Response(status_code=416, headers={"Content-Range": f"bytes */{size}"})
        described["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
        status = 206
    described["Content-Length"] = str(stop - start)
    pieces = _pieces(artifacts, path, start, stop)
    return Pieces(pieces, status, described, media_type=kind)


def _bounds(asked: re.Match[str], size: int) -> tuple[int, int]:
    """Start and end (exclusive) of ``5-9``, ``5-`` or ``-5`` (the last five bytes)."""
    if not asked["first"]:
        return max(0, size - int(asked["last"])), size
    last = int(asked["last"]) if asked["last"] else size - 1
    return int(asked["first"]), min(last + 1, size)


def _pieces(artifacts: Artifacts, path: str, start: int, stop: int) -> Generator[bytes]:
    with artifacts.reading(path) as stream:
        stream.seek(start)
        while start < stop and (piece := stream.read(min(_PIECE, stop - start))):
            start += len(piece)
            yield piece
    if start < stop:
        raise TrackingError(f"The artifact {path!r} became shorter while it was sent")
