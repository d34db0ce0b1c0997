"""Notes in Markdown (the tag ``mlflow.note.content``), rendered as safe HTML."""

from __future__ import annotations

import re
from collections.abc import MutableMapping, Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from markupsafe import Markup, escape
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from reprise.errors import TrackingError
from reprise.tracking.validation import MAX_VALUE

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.renderer import RendererHTML
    from markdown_it.token import Token
    from markdown_it.utils import OptionsDict

NOTE = "mlflow.note.content"
LONGEST = MAX_VALUE
"""Maximum number of characters of the tag."""

MOST_RENDERED = 20_000
"""Maximum number of characters to render; a longer note is shown as plain text."""

_SCHEME = re.compile(r"[^/?#]*?:")
_ALLOWED = ("http:", "https:", "mailto:")
_STYLES = {f"text-align:{side}": f"to-{side}" for side in ("left", "center", "right")}


@lru_cache(maxsize=64)
def html_of(text: str) -> Markup:
    """Return the note as HTML: no raw HTML, no images, only links to the web, mail and our pages."""
    if len(text) > MOST_RENDERED:
        return Markup("<pre>{}</pre>").format(text)
    return Markup(_markdown().render(text))


def first_words(text: str) -> str:
    """Return the note as one line without markup."""
    return html_of(text[:2000]).striptags()[:300]


async def preview(request: Request) -> Response:
    """``POST /notes/preview``: the Markdown in the body as HTML."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > 4 * LONGEST:
            raise TrackingError(f"A note has at most {LONGEST:,} characters", code="REQUEST_TOO_LARGE")
    return HTMLResponse(await run_in_threadpool(html_of, body.decode("utf-8", "replace")))


def may_link(url: str) -> bool:
    """Return whether a link is allowed: to the web, to mail, or relative to the page."""
    scheme = _SCHEME.match(unquote(url).strip())
    return scheme is None or scheme[0].lower() in _ALLOWED


@cache
def _markdown() -> MarkdownIt:
    from markdown_it import MarkdownIt

    made = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    made.validateLink = may_link  # type: ignore[method-assign]
    made.add_render_rule("link_open", _link)
    made.add_render_rule("image", _image)
    for cell in ("th_open", "td_open"):
        made.add_render_rule(cell, _cell)
    return made


def _link(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    at: int,
    options: OptionsDict,
    env: MutableMapping[str, Any],
) -> str:
    tokens[at].attrSet("rel", "noopener noreferrer nofollow")
    return renderer.renderToken(tokens, at, options, env)


def _image(renderer: RendererHTML, tokens: Sequence[Token], at: int, *_: object) -> str:
    """Render an image as its text: loading it would reveal the reader to its server."""
    return str(escape(f"[image: {tokens[at].content}]"))


def _cell(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    at: int,
    options: OptionsDict,
    env: MutableMapping[str, Any],
) -> str:
    """Render the alignment as a class: our content security policy forbids inline styles."""
    side = _STYLES.get(str(tokens[at].attrs.pop("style", "")))
    if side:
        tokens[at].attrSet("class", side)
    return renderer.renderToken(tokens, at, options, env)


ROUTES = (Route("/notes/preview", preview, methods=["POST"]),)
