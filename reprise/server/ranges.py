"""Files that are objects of a cloud store, as HTTP answers: whole, or one range of bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from mimetypes import guess_type
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from reprise.tracking.artifact_objects import ArtifactObjects
from reprise.tracking.artifacts import Artifacts

_RANGE = re.compile(r"bytes=(?P<first>\d{0,18})-(?P<last>\d{0,18})")
_PIECE = 1 << 20


async def object_response(
    request: Request, artifacts: Artifacts, path: str, headers: Mapping[str, str]
) -> Response:
    """The file, or the range that is asked for; of several ranges, the file."""
    assert isinstance(artifacts, ArtifactObjects)
    size = await run_in_threadpool(artifacts.size, path)
    name = path.rpartition("/")[2]
    described = {
        **headers,
        "Accept-Ranges": "bytes",
        "Content-Disposition": f"attachment; filename*=utf-8''{quote(name)}",
    }
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
    return StreamingResponse(pieces, status, described, media_type=guess_type(name)[0])


def _bounds(asked: re.Match[str], size: int) -> tuple[int, int]:
    """Start and end (exclusive) of ``5-9``, ``5-`` or ``-5`` (the last five bytes)."""
    if not asked["first"]:
        return max(0, size - int(asked["last"])), size
    last = int(asked["last"]) if asked["last"] else size - 1
    return int(asked["first"]), min(last + 1, size)


def _pieces(artifacts: ArtifactObjects, path: str, start: int, stop: int) -> Iterator[bytes]:
    with artifacts.reading(path) as stream:
        stream.seek(start)
        while start < stop and (piece := stream.read(min(_PIECE, stop - start))):
            start += len(piece)
            yield piece
