"""Scripts and styles: our own, and plotly's bundle from its installed package.

Their addresses contain a digest of their contents, so that browsers can cache them forever.
"""

from __future__ import annotations

import gzip
import hashlib
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

STATIC = Path(__file__).parent / "static"
_KINDS = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
NO_PLOTLY = "The charts need a script that is not installed: pip install --force-reinstall reprise-ml"
_FOR_EVER = "public, max-age=31536000, immutable"


def url(name: str) -> str:
    """Return the address of one of our files; modules import each other relative to it."""
    return f"/static/{_digest()}/{name}"


def plotly_url() -> str:
    return f"/static/plotly-{_plotly_digest()}.js"


def ours(request: Request) -> Response:
    name = request.path_params["name"]
    if "/" in name or Path(name).suffix not in _KINDS or not (STATIC / name).is_file():
        raise HTTPException(404)
    return _answer(request, *_packed(STATIC / name))


def plotly(request: Request) -> Response:
    if (bundle := find_plotly()) is None:
        raise HTTPException(503, NO_PLOTLY)
    if request.url.path != plotly_url():
        raise HTTPException(404)
    return _answer(request, *_packed(bundle))


@cache
def find_plotly() -> Path | None:
    """The script in the installed package, which for an editable install is not the folder of our code."""
    try:
        bundle = Path(str(distribution("reprise-ml").locate_file("reprise/ui/bundled/plotly.min.js")))
    except PackageNotFoundError:
        return None
    return bundle if bundle.is_file() else None


@cache
def _plotly_digest() -> str:
    bundle = find_plotly()
    return "none" if bundle is None else hashlib.sha256(bundle.read_bytes()).hexdigest()[:12]


@cache
def _packed(file: Path) -> tuple[bytes, bytes, str]:
    content = file.read_bytes()
    return content, gzip.compress(content, 6, mtime=0), _KINDS[file.suffix]


def _answer(request: Request, content: bytes, packed: bytes, kind: str) -> Response:
    headers = {"Cache-Control": _FOR_EVER, "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(packed, headers={**headers, "Content-Encoding": "gzip"}, media_type=kind)
    return Response(content, headers=headers, media_type=kind)


@cache
def _digest() -> str:
    found = hashlib.sha256()
    for file in sorted(STATIC.iterdir()):
        found.update(file.name.encode() + b"\0" + file.read_bytes())
    return found.hexdigest()[:12]


ROUTES = (
    Route("/static/{digest}/{name}", ours),
    Route("/static/{name}", plotly),
)
