"""The output of a run: the page, lines by number, search, and new lines as they arrive."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

from anyio import CapacityLimiter, to_thread
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reprise.errors import TrackingError
from reprise.schemas import tags
from reprise.schemas.job import RunStatus
from reprise.server.http.ranges import for_keeping, ranged
from reprise.ui import events, raw
from reprise.ui.html import render
from reprise.ui.log import rows
from reprise.ui.log.tails import Tail, Tails, Which
from reprise.ui.numbers import counting
from reprise.ui.run.page import RunHead, head_of

LINES = 500
"""Lines per request of a page."""

_BEHIND = 2000  # lines; a reader who is further behind gets the end, and fetches the rest on demand
_MOST = 2000
_QUERY_LIMIT = 1000  # characters of a search text
_searches = CapacityLimiter(2)  # searches read whole logs: many at once would use the threads of all pages


def page(request: Request) -> Response:
    head = head_of(request, request.path_params["run_id"])
    which = _which(request)
    window = _tail(request).window(None, LINES)
    has_lines = window is not None and window.total > 0
    return render(
        request,
        "log.html",
        head=head,
        which=which,
        window=window,
        rows=rows.rows_of(window) if window else [],
        follows=head.is_going_on and which == "output",
        reason="" if has_lines else _absence(head, which),
        query=request.query_params.get("q", "")[:_QUERY_LIMIT],
        wraps=request.query_params.get("wrap") != "no",
    )


def lines(request: Request) -> Response:
    """``GET .../log/lines?first=&before=&count=``: lines by number, from 0, or the last lines."""
    query = request.query_params
    tail, count = _tail(request), min(counting(query.get("count", "")) or LINES, _MOST)
    before = counting(query.get("before", ""))
    first = counting(query.get("first", ""))
    window = tail.window(first, count) if before is None else tail.before(before, count)
    if window is None:
        raise TrackingError("This run does not have this log", code="RESOURCE_DOES_NOT_EXIST")
    return JSONResponse(rows.told(window))


async def search(request: Request) -> Response:
    """``GET .../log/search?q=``: the numbers of the matching lines."""
    text = request.query_params.get("q", "")[:_QUERY_LIMIT]
    if not text:
        return JSONResponse({"lines": [], "is_all": True})
    found = await to_thread.run_sync(_tail(request).search, text, limiter=_searches)
    return JSONResponse(found._asdict())


async def text(request: Request) -> Response:
    """``GET .../log/text``: the log as a download."""
    file = await run_in_threadpool(_tail(request).file)
    if file is None:
        raise TrackingError("This run does not have this log", code="RESOURCE_DOES_NOT_EXIST")
    name = f"{request.path_params['run_id']}-{file.name}"
    headers = {**raw.HEADERS, **for_keeping(name)}
    return await ranged(request, file.artifacts, file.path, raw.kind_of(".log"), headers)


async def stream(request: Request) -> Response:
    """``GET .../log/stream?line=``: events ``lines`` with new lines, then ``end`` with a status.

    The id of an event is the line to continue with; an incomplete last line is sent again.
    """
    tail = _tail(request)
    asked = request.headers.get("last-event-id") or request.query_params.get("line", "0")
    await run_in_threadpool(tail.file)  # a missing run is an error before the response begins
    news: events.News = request.app.state.news
    return events.streamed(news, _events(tail, counting(asked) or 0, news))


async def _events(tail: Tail, line: int, news: events.News) -> AsyncIterator[str]:
    yield "retry: 1000\n\n"
    size = -1
    status = None
    async for state in tail.states(news):
        if state is None:
            yield ": still here\n\n"
            continue
        status = state.status
        while state.size > size and (told := await tail.told(line, LINES, state)):
            window = told.window
            if window.total - line > _BEHIND:
                line = window.total - LINES
                continue
            end = window.first + len(window.lines)
            is_all = end >= window.total or not window.lines
            line = end - (is_all and window.is_open)
            yield f"event: lines\nid: {line}\ndata: {told.json}\n\n"
            size = window.size if is_all else size
    if status is not None and status.has_ended:
        yield f"event: end\ndata: {json.dumps(status)}\n\n"


def _tail(request: Request) -> Tail:
    tails: Tails = request.app.state.tails
    return tails.of(request.path_params["run_id"], _which(request))


def _which(request: Request) -> Which:
    return "environment" if request.query_params.get("which") == "environment" else "output"


def _absence(head: RunHead, which: Which) -> str:
    """Return why there is nothing to show."""
    run = head.run
    if which == "environment":
        if tags.JOB in run.tags:
            return "Its environment already existed, or it used the current environment of the user."
        return "Only runs started by reprise have their own environment."
    if tags.JOB not in run.tags:
        return "Only runs started with reprise run have a log."
    if RunStatus(run.status).has_ended:
        return "This run printed nothing, or its output was not stored."
    return "Nothing was printed yet, or it runs on another machine, whose output arrives at the end."


ROUTES = (
    Route("/runs/{run_id}/log", page),
    Route("/runs/{run_id}/log/lines", lines),
    Route("/runs/{run_id}/log/search", search),
    Route("/runs/{run_id}/log/stream", stream),
    Route("/runs/{run_id}/log/text", text),
)
