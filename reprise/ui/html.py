"""Pages from templates. Templates escape every value."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from reprise import units
from reprise.legible import escape_hidden, make_legible
from reprise.server.http.access import Role
from reprise.server.http.prefix import prefix_of
from reprise.tracking.protocols.store import TrackingStore
from reprise.tracking.protocols.subjects import Subject
from reprise.ui import assets

if TYPE_CHECKING:
    from jinja2 import Environment

_THEMES = ("light", "dark")
_EXACT = re.compile(r'\b((?:value|href|src|data-[a-z-]+)="[^"]*")')  # the browser sends this back
_TEMPLATES = Path(__file__).parent / "templates"


_SECTIONS = (
    ("/experiments", "Experiments", None),
    ("/models", "Models", Subject.MODELS),
    ("/sweeps", "Sweeps", Subject.SWEEPS),
)


def render(request: Request, template: str, status: int = 200, **values: Any) -> Response:
    """Render the page or fragment ``template`` with ``values``."""
    return HTMLResponse(text(request, template, **values), status)


def text(request: Request, template: str, **values: Any) -> str:
    state = request.scope.get("state", {})
    role = state.get("role", Role.READ)
    shared = {
        "user": state.get("user", ""),
        "may_write": role >= Role.WRITE,
        "may_remove": role >= Role.ADMIN,
        "path": request.url.path,
        "nav_sections": _sections_of(request.app.state.store),
        "root": prefix_of(request.scope),
        "news": state.get("news", ""),
        "theme": theme if (theme := request.cookies.get("reprise-theme")) in _THEMES else "",
    }
    page = _with_hidden_shown(templates().get_template(template).render({**shared, **values}))
    return page.encode("utf-8", "replace").decode()  # text from files may contain lone surrogates


def _sections_of(store: TrackingStore) -> list[tuple[str, str]]:
    """Return the path and the name of each section of the pages; none of what the store leaves out."""
    return [(path, name) for path, name, subject in _SECTIONS if subject not in store.leaves_out]


def _with_hidden_shown(page: str) -> str:
    """Return ``page`` without characters that reverse text or make names look alike."""
    if page.isascii():
        return page
    parts = _EXACT.split(page)
    parts[::2] = map(escape_hidden, parts[::2])
    return "".join(parts)


@cache
def templates() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals["asset"] = assets.url
    environment.globals["plotly"] = assets.plotly_url
    environment.filters.update(
        ago=units.ago,
        duration=units.duration,
        size=units.size,
        counted=units.counted,
        number=number,
        moment=moment,
        lasted=lasted,
        legible=make_legible,
        agreement=agreement,
    )
    return environment


def number(value: float) -> str:
    """Return a metric's value with at most seven significant digits, or NaN, Infinity, -Infinity."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{value:,.0f}" if value == int(value) and abs(value) < 1e15 else f"{value:.7g}"


def agreement(verdict: str) -> str:
    """Return the class of a verdict: ``same``, ``differs``, or "" if it is not known."""
    if verdict in ("identical", "within tolerance"):
        return "same"
    return "differs" if verdict.startswith(("diverged", "failed")) else ""


def moment(milliseconds: int) -> str:
    """Return ``2026-11-21 14:48:12 UTC``; the browser adds the local time."""
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return f"{milliseconds} ms"


def lasted(start: int, end: int | None) -> str:
    """Return the duration of a run, or "" while it is running."""
    return "" if end is None else units.duration((end - start) / 1000)
