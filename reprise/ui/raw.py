"""Raw files of runs. They are not trusted, so they never act as our pages.

Each is sent as a document without an origin or network access (``POLICY``): its scripts see no cookies,
pages or responses of this server.
"""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reprise.server.api.artifacts import store_of
from reprise.server.http.ranges import (
    ANYTHING,
    Pieces,
    for_keeping,
    ranged,
)
from reprise.ui.archive import zipped

POLICY = (
    "sandbox allow-scripts; default-src 'unsafe-inline' 'unsafe-eval' data: blob:;"
    " form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_TEXT = "text/plain; charset=utf-8"
_KINDS = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".svg": "image/svg+xml",
    ".html": "text/html; charset=utf-8",
    ".htm": "text/html; charset=utf-8",
    ".pdf": "application/pdf",
    ".mp3": "audio/mpeg",
    ".wav": "audio/wav",
    ".ogg": "audio/ogg",
    ".flac": "audio/flac",
    ".mp4": "video/mp4",
    ".webm": "video/webm",
    **dict.fromkeys((".txt", ".log", ".md", ".json", ".csv", ".tsv", ".yaml", ".yml", ".py"), _TEXT),
}
"""Content types by suffix; other files can only be downloaded."""


def kind_of(suffix: str) -> str:
    return _KINDS.get(suffix, ANYTHING)


async def raw(request: Request) -> Response:
    """``GET /runs/{owner}/raw?path=``, or ``/raw/{path}``: the file, or with ``&download`` as a
    download.
    """
    path = _path(request)
    artifacts = await run_in_threadpool(store_of(request).artifacts_of, request.path_params["owner"])
    name = path.rpartition("/")[2]
    stem, _, ending = name.rpartition(".")
    kind = kind_of(f".{ending.lower()}" if stem else "")
    keep = for_keeping(name) if kind == ANYTHING or "download" in request.query_params else {}
    return await ranged(request, artifacts, path, kind, {**HEADERS, **keep})


def folder(request: Request) -> Response:
    """``GET /runs/{owner}/zip?path=``: a folder as a .zip file; all files without a path."""
    owner, path = request.path_params["owner"], _path(request)
    artifacts = store_of(request).artifacts_of(owner)
    artifacts.list(path)  # check the path before the response begins
    headers = {**HEADERS, **for_keeping(f"{path.rpartition('/')[2] or owner}.zip")}
    return Pieces(zipped(artifacts, path), headers=headers, media_type="application/zip")


def _path(request: Request) -> str:
    """Return the path from the route or the query; a name with a line break only fits into the query."""
    return str(request.path_params.get("path") or request.query_params.get("path", ""))


ROUTES = (
    Route("/runs/{owner}/raw", raw),
    Route("/runs/{owner}/raw/{path:path}", raw),
    Route("/runs/{owner}/zip", folder),
)
