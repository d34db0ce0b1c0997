"""The front of the workers: access, limits, timeouts, and errors if no worker responds.

Requests are passed to MLflow's scoring server unchanged, and so are its responses, except for tracebacks,
which only go to the log. Errors have MLflow's format.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import closing
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reprise.errors import TrackingError
from reprise.runner.jobs.signals import interruptible
from reprise.runner.models.folder import ModelFolder
from reprise.runner.models.http_client import Broken, Lines, Unreached, WorkerAnswer
from reprise.runner.models.request_limit import Admission
from reprise.runner.models.served_versions import Fleet, WantedService
from reprise.schemas.json_text import read_json
from reprise.server.api.wire import invalid
from reprise.server.app import RequestGuard, application
from reprise.server.http.access import Everyone, Role
from reprise.server.http.roles import RoleRoute, Roles
from reprise.server.serving import Serving, ServingAddress, serve_app

logger = logging.getLogger(__name__)

MODEL_HEADER = "Reprise-Model"
"""In every answer of a model: ``models:/iris/3``."""

_PASSED_ON = (b"content-type", b"accept")
_PING_SECONDS = 5.0
_PAUSE = 0.05


class Front:
    """The endpoints of MLflow's scoring server over ``fleet``; a request may take ``timeout`` seconds."""

    def __init__(self, fleet: Fleet, admission: Admission, timeout: float) -> None:
        self._fleet = fleet
        self._admission = admission
        self._timeout = timeout
        self._lines = Lines()

    @property
    def routes(self) -> list[Route]:
        probes = [Route(path, self._probe_worker) for path in ("/ping", "/health", "/version")]
        return [
            Route("/", self._describe_model),
            RoleRoute("POST", "/invocations", Role.READ, self._ask_worker),
            *probes,
        ]

    async def _describe_model(self, request: Request) -> Response:
        model = self._fleet.model
        since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._fleet.since))
        return JSONResponse(
            {
                "model": model.address,
                "name": model.name,
                "version": model.version,
                "run_id": model.run_id,
                "model_id": model.model_id,
                "since": since,
            }
        )

    async def _probe_worker(self, request: Request) -> Response:
        """Answered by the worker at once or not at all: a probe does not wait for a worker to come back."""
        with self._fleet.take_current() as served:
            try:
                async with asyncio.timeout(_PING_SECONDS):
                    answer = await self._lines.ask(served.worker.address, "GET", request.url.path, [])
            except (Unreached, Broken, TimeoutError):
                raise _none_answers(served.model) from None
            return _make_response(answer, served.model)

    async def _ask_worker(self, request: Request) -> Response:
        headers = [(name, value) for name, value in request.headers.raw if name in _PASSED_ON]
        if "content-type" not in request.headers:  # over which MLflow stumbles
            raise invalid("The request has no Content-Type; use for example application/json or text/csv")
        # The whole body first: a slow client then keeps no worker, and what reached none is sent again.
        async with self._admission.read_body(request) as body:
            return await self._in_time(body, headers)

    async def _in_time(self, body: bytes, headers: list[tuple[bytes, bytes]]) -> Response:
        try:
            async with asyncio.timeout(self._timeout):
                return await self._send_request(body, headers)
        except TimeoutError:
            with self._fleet.take_current() as served:
                if not served.worker.alive:
                    raise _none_answers(served.model) from None
            raise TrackingError(
                f"The model did not answer within {self._timeout:g} seconds", code="DEADLINE_EXCEEDED"
            ) from None

    async def _send_request(self, body: bytes, headers: list[tuple[bytes, bytes]]) -> Response:
        while True:
            with self._fleet.take_current() as served:
                worker, began = served.worker, time.monotonic()
                try:
                    answer = await self._lines.ask(worker.address, "POST", "/invocations", headers, body)
                    worker.pulse.note_answer()
                    return _make_response(answer, served.model)
                except asyncio.CancelledError:  # the time is over
                    worker.pulse.note_missed(began)
                    raise
                except Unreached:
                    pass  # the next worker may see the request
                except Broken:  # it died over it: another might too
                    raise _none_answers(served.model) from None
            await asyncio.sleep(_PAUSE)


def serve_model(
    wanted: WantedService, how: Serving, here: ServingAddress, most: int, watch: float | None = None
) -> None:
    """Serve until SIGINT or SIGTERM, at most ``most`` requests at once.

    Requests still pending at the end keep their full timeout.

    Args:
        watch: seconds between polls for another version.

    Raises:
        RepriseError: the model does not exist, its environment or server cannot be started, or the
            address is in use.
    """
    timeout = wanted.settings.timeout
    with interruptible(), closing(Fleet(wanted, watch)) as fleet:
        _warn_of_a_way_round(fleet, how)
        front = Front(fleet, Admission(most, how.largest_body), timeout)
        app = RequestGuard(application(front.routes), how.access, how.hosts, roles=Roles(front.routes))
        serve_app(app, how, here, fleet.model.shown, patience=timeout)


def _warn_of_a_way_round(fleet: Fleet, how: Serving) -> None:
    with fleet.take_current() as served:
        if isinstance(served.worker.address, int) and not isinstance(how.access, Everyone):
            logger.warning(
                "other users of this machine can use the model without credentials, at 127.0.0.1:%d: "
                "its process listens on no socket (MLflow before 2.21, or a cache that can have none)",
                served.worker.address,
            )


def _make_response(answer: WorkerAnswer, model: ModelFolder) -> Response:
    headers = {MODEL_HEADER: quote(model.address, safe="/:@")}  # a name may be of any script
    if answer.status < 400:
        return Response(answer.content, answer.status, headers, media_type=answer.content_type)
    return JSONResponse(_make_fault(answer), answer.status, headers)


def _make_fault(answer: WorkerAnswer) -> dict[str, str]:
    """MLflow's error without its traceback, which is written to our log instead."""
    try:
        told: Any = read_json(answer.content)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        code = "INTERNAL_ERROR" if answer.status >= 500 else "BAD_REQUEST"
        return {"error_code": code, "message": answer.content.decode(errors="replace").strip()}
    if trace := told.pop("stack_trace", None):
        logger.debug("The model answered %d:\n%s", answer.status, trace)
    return {"error_code": str(told.get("error_code", "")), "message": str(told.get("message", ""))}


def _none_answers(model: ModelFolder) -> TrackingError:
    message = f"The server of {model.address} ended; another is being started"
    return TrackingError(message, code="TEMPORARILY_UNAVAILABLE")
