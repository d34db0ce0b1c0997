"""``reprise gc`` over HTTP, both ends: the route of ``reprise server``, and how a client calls it."""

from __future__ import annotations

import json
from typing import Any

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from reprise.errors import TrackingError, UsageError
from reprise.runner.maintenance.gc import Collected, KeptItem, collect
from reprise.server.api.wire import invalid
from reprise.server.http.access import Role
from reprise.server.http.bodies import collect_body
from reprise.server.http.roles import RoleRoute
from reprise.tracking.protocols.garbage import Deleted
from reprise.tracking.protocols.store import TrackingStore
from reprise.tracking.rest.connection import RestConnection

_VERB = "reprise/gc"


async def answer_gc(request: Request) -> Response:
    """``POST .../reprise/gc``: ``{"older_than": ms, "dry_run": bool}``; returns what was removed, or
    would be.
    """
    older_than, dry_run = _read_request(await collect_body(request))
    store: TrackingStore = request.app.state.store
    found = await to_thread.run_sync(lambda: collect(store, older_than, dry_run=dry_run))
    return JSONResponse(
        {
            "removed": [item._asdict() for item in found.removed],
            "kept": [{**kept.item._asdict(), "reason": kept.reason} for kept in found.kept],
            "files": found.files,
            "size": found.size,
            "left": found.left,
        }
    )


ROUTES = tuple(
    RoleRoute("POST", f"/{api}/2.0/mlflow/{_VERB}", Role.ADMIN, answer_gc) for api in ("api", "ajax-api")
)


def collect_over_http(connection: RestConnection, older_than: int, *, dry_run: bool) -> Collected:
    """Like :func:`reprise.runner.maintenance.gc.collect`, on the server of ``connection``, for an admin.

    Raises:
        UsageError: it is not a reprise server.
        TrackingError: the user is not an admin, or the server failed.
    """
    body = {"older_than": older_than, "dry_run": dry_run}
    try:
        answer = connection.call("POST", _VERB, json=body, repeatable=False)
    except TrackingError as error:
        if error.code != "ENDPOINT_NOT_FOUND":
            raise
        raise UsageError(
            f"cannot remove anything from {connection.uri}: it is not a reprise server",
            hint="use mlflow gc for MLflow's own stores, on their machine",
        ) from error
    return Collected(
        [Deleted(**item) for item in answer["removed"]],
        [KeptItem(Deleted(**item), reason) for item in answer["kept"] if (reason := item.pop("reason"))],
        answer["files"],
        answer["size"],
        tuple(answer["left"]),
    )


def _read_request(body: bytes) -> tuple[int, bool]:
    try:
        asked: Any = json.loads(body or b"{}")
    except ValueError:
        raise invalid("The body is not JSON") from None
    asked = asked if isinstance(asked, dict) else {"": asked}
    if unknown := asked.keys() - {"older_than", "dry_run"}:
        raise invalid(f"Unknown field {sorted(map(str, unknown))[0]!r}")
    older_than, dry_run = asked.get("older_than", 0), asked.get("dry_run", False)
    if type(older_than) is not int or older_than < 0:
        raise invalid(f"Invalid value {older_than!r} for 'older_than': it must be a number of ms")
    if not isinstance(dry_run, bool):
        raise invalid(f"Invalid value {dry_run!r} for 'dry_run': it must be true or false")
    return older_than, dry_run
