"""Uploads in parts (``mlflow-artifacts/mpu``), which ``MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD`` asks for.

MLflow's own server hands out URLs of a cloud store for the parts; ours are of this server, and each part
is sent with the credential that the upload was begun with.
"""

from __future__ import annotations

import re
from typing import Annotated

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from reprise.server.api import wire
from reprise.server.api.artifacts import json_response, receive, store_of
from reprise.server.api.wire import Word, read_body
from reprise.server.http.access import Role
from reprise.server.http.bodies import collect_body
from reprise.server.http.roles import RoleRoute
from reprise.tracking.artifacts.names import normalize_path
from reprise.tracking.artifacts.parts import MOST_PARTS, UploadPart

_LARGEST_BODY = 4 << 20


class Begin(wire.Request):
    path: Word
    num_parts: Annotated[int, msgspec.Meta(ge=1, le=MOST_PARTS)] = 1


class SentPart(msgspec.Struct):
    part_number: int
    etag: str = ""


class Complete(wire.Request):
    path: Word
    upload_id: Word
    parts: Annotated[tuple[SentPart, ...], msgspec.Meta(min_length=1)]


class Abort(wire.Request):
    path: Word
    upload_id: Word


async def begin(request: Request) -> Response:
    asked = read_body(await collect_body(request, _LARGEST_BODY), Begin, {})
    path = _path(request, asked.path)
    upload_id = await run_in_threadpool(store_of(request).partial_uploads.begin, path)
    before, _, _ = str(request.url.replace(query="")).partition("/mpu/create")
    authorization = request.headers.get("authorization")
    credentials = [
        {
            "url": f"{before}/mpu/part/{upload_id}/{number}",
            "part_number": number,
            "headers": {"Authorization": authorization} if authorization else {},
        }
        for number in range(1, asked.num_parts + 1)
    ]
    return json_response({"upload_id": upload_id, "credentials": credentials})


async def send(request: Request) -> Response:
    """``PUT .../mpu/part/{upload_id}/{number}``"""
    uploads = store_of(request).partial_uploads
    upload_id, number = request.path_params["upload_id"], request.path_params["number"]
    await receive(request, uploads.writing(upload_id, number))
    tag = await run_in_threadpool(uploads.etag, upload_id, number)
    return Response(headers={"ETag": f'"{tag}"'})


async def complete(request: Request) -> Response:
    asked = read_body(await collect_body(request, _LARGEST_BODY), Complete, {})
    store = store_of(request)
    parts = [UploadPart(part.part_number, part.etag) for part in asked.parts]
    path = _path(request, asked.path)
    await run_in_threadpool(store.partial_uploads.complete, asked.upload_id, path, parts, store.artifacts)
    return json_response({})


async def abort(request: Request) -> Response:
    asked = read_body(await collect_body(request, _LARGEST_BODY), Abort, {})
    await run_in_threadpool(store_of(request).partial_uploads.abort, asked.upload_id)
    return json_response({})


def _path(request: Request, local_file: str) -> str:
    """The artifact in question: the URL says its folder, and the body where the client has the file."""
    folder, name = request.path_params["path"].rstrip("/"), re.split(r"[/\\]", local_file)[-1]
    return normalize_path(f"{folder}/{name}" if folder else name)


ROUTES = (
    RoleRoute("POST", "/mlflow-artifacts/mpu/create/{path:path}", Role.WRITE, begin),
    RoleRoute("POST", "/mlflow-artifacts/mpu/complete/{path:path}", Role.WRITE, complete),
    RoleRoute("POST", "/mlflow-artifacts/mpu/abort/{path:path}", Role.WRITE, abort),
    RoleRoute("PUT", "/mlflow-artifacts/mpu/part/{upload_id}/{number:int}", Role.WRITE, send),
)
"""Below ``/api/2.0``."""
