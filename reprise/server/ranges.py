"""Artifacts as HTTP answers, wherever they are stored: whole, or one range of bytes."""

from __future__ import annotations

import logging
import re
from collections.abc import Generator, Mapping
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from reprise.errors import TrackingError
from reprise.tracking.artifacts import Artifacts

log = logging.getLogger(__name__)

_RANGE = re.compile(r"bytes=(?P<first>\d{0,18})-(?P<last>\d{0,18})")
_PIECE = 1 << 20

ANYTHING = "application/octet-stream"
"""The kind of a file that is for keeping."""


class Pieces(StreamingResponse):
    """An answer in pieces; their generator lets go of its files also when a reader leaves early."""

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
        except TrackingError as error:  # too late for an answer: that the connection breaks off tells it
            log.warning("%s", error)
        finally:
            self._pieces.close()


async def object_response(
    request: Request, artifacts: Artifacts, path: str, headers: Mapping[str, str]
) -> Response:
    """The file for keeping, under its own name, or the range of it that is asked for."""
    name = path.rpartition("/")[2]
    return await ranged(request, artifacts, path, ANYTHING, {**headers, **for_keeping(name)})


def for_keeping(name: str) -> dict[str, str]:
    """The header by which a browser keeps a file under ``name`` instead of showing it."""
    return {"Content-Disposition": f"attachment; filename*=utf-8''{quote(name, safe='')}"}


async def ranged(
    request: Request, artifacts: Artifacts, path: str, kind: str | None, headers: Mapping[str, str]
) -> Response:
    """The file as ``kind``, or the range that is asked for; of several ranges, the file."""
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
