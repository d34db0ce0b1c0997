"""Observability of the long-running server: a log line per request, and figures for Prometheus."""

from __future__ import annotations

import json
import time
from typing import TextIO

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class ServerFigures:
    """Counters of one server, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        words = ("method", "endpoint")
        self.requests = Counter(
            "reprise_requests", "Requests answered.", (*words, "status"), registry=self._registry
        )
        self.seconds = Histogram(
            "reprise_request_seconds", "Time to answer.", words, buckets=_SECONDS, registry=self._registry
        )
        self.received = Counter("reprise_received_bytes", "Bytes of bodies.", registry=self._registry)
        self.sent = Counter("reprise_sent_bytes", "Bytes of answers.", registry=self._registry)
        self.going_on = Gauge("reprise_requests_going_on", "Requests in flight.", registry=self._registry)

    def page(self) -> Response:
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)


class Observed:
    """``app``, with every request counted, and written to ``log`` as one line of JSON."""

    def __init__(self, app: ASGIApp, log: TextIO | None) -> None:
        self._app = app
        self._log = log
        self._figures = ServerFigures()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})["figures"] = self._figures.page
        started = time.perf_counter()
        seen = _Seen(receive, send)
        with self._figures.going_on.track_inprogress():
            try:
                await self._app(scope, seen.receive, seen.send)
            finally:
                self._note(scope, seen, time.perf_counter() - started)

    def _note(self, scope: Scope, seen: _Seen, seconds: float) -> None:
        endpoint = _endpoint(scope) if seen.status not in (401, 404) else ""
        self._figures.requests.labels(scope["method"], endpoint, str(seen.status)).inc()
        self._figures.seconds.labels(scope["method"], endpoint).observe(seconds)
        self._figures.received.inc(seen.received)
        self._figures.sent.inc(seen.sent)
        if self._log is not None:
            line = {
                "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "client": (scope.get("client") or [""])[0],
                "user": scope["state"].get("user", ""),
                "method": scope["method"],
                "path": scope["path"],
                "status": seen.status,
                "ms": round(seconds * 1000, 1),
                "received": seen.received,
                "sent": seen.sent,
            }
            print(json.dumps(line), file=self._log, flush=True)


class _Seen:
    """What passes between a client and the app. The status is 499 when nothing was answered."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self.status = 499
        self.received = self.sent = 0

    async def receive(self) -> Message:
        message = await self._receive()
        self.received += len(message.get("body", b""))
        return message

    async def send(self, message: Message) -> None:
        self.status = message.get("status", self.status)
        self.sent += len(message.get("body", b""))
        await self._send(message)


def _endpoint(scope: Scope) -> str:
    """The path without what names one artifact or model: a label must not grow with the data."""
    path: str = scope["path"]
    for name, value in scope.get("path_params", {}).items():
        if value:
            path = path.replace(str(value), f"{{{name}}}", 1)
    return path
