"""The artifact proxy ``mlflow-artifacts``: files in and out, streamed, never whole in memory."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from reprise.errors import TrackingError
from reprise.server.api import shapes
from reprise.server.api.wire import Answer, encode, invalid
from reprise.server.http.access import Role
from reprise.server.http.bodies import collect_body
from reprise.server.http.ranges import keeping_headers, ranged
from reprise.server.http.roles import RoleRoute
from reprise.tracking.artifacts.files import ArtifactFolder, Artifacts, Sink
from reprise.tracking.artifacts.names import normalize_path
from reprise.tracking.protocols.store import TrackingStore

_LARGEST_OF_PAGES = 10 << 20
_SPANS_OF_TRACE = re.compile(r"(?:[^/]+/)*traces/(?P<trace_id>[^/]+)/artifacts/traces\.json")

PIECE = 1 << 20
"""Bytes that are buffered before they are written to disk."""


async def upload(request: Request) -> Response:
    """``PUT .../artifacts/{path}``: the body becomes the file when all of it has arrived."""
    store, path = store_of(request), request.path_params["path"]
    await receive(request, store.artifacts.writing(path))
    if of_trace := _SPANS_OF_TRACE.fullmatch(path):
        await run_in_threadpool(store.index_trace, of_trace["trace_id"])
    return json_response({})


async def receive(request: Request, target: AbstractContextManager[Sink]) -> None:
    """Stream the body into ``target``; a lost client leaves no file.

    Worker threads touch the file, but none waits for the client: a few slow uploads would take them all.
    """
    file = await run_in_threadpool(target.__enter__)
    try:
        async for piece in _pieces(request.stream()):
            await run_in_threadpool(file.write, piece)
    except BaseException as error:
        await run_in_threadpool(target.__exit__, type(error), error, error.__traceback__)
        raise
    await run_in_threadpool(target.__exit__, None, None, None)


async def _pieces(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    gathered = bytearray()
    async for chunk in stream:
        gathered += chunk
        if len(gathered) >= PIECE:
            yield bytes(gathered)
            gathered.clear()
    if gathered:
        yield bytes(gathered)


async def download(request: Request) -> Response:
    """``GET .../artifacts/{path}``: the file, or the ranges of it that are asked for."""
    return await artifact_response(request, store_of(request).artifacts, request.path_params["path"])


async def artifact_response(request: Request, artifacts: Artifacts, path: str) -> Response:
    """Return the file as a download: whatever its name is, pages cannot use it as our script or style."""
    if isinstance(artifacts, ArtifactFolder):
        file = await run_in_threadpool(artifacts.file, path)
        return FileResponse(file, headers=keeping_headers(file.name))
    headers = keeping_headers(normalize_path(path).rpartition("/")[2])
    return await ranged(request, artifacts, path, None, headers)


async def list_files(request: Request) -> Response:
    """``GET .../artifacts?path=``: the children of a folder, each by its own name."""
    path = request.query_params.get("path", "")
    files = await run_in_threadpool(store_of(request).artifacts.list, path)
    infos = [
        {**info, "path": file.path.rpartition("/")[2]}
        for file, info in zip(files, shapes.file_infos(files), strict=True)
    ]
    return json_response(shapes.given(files=infos))


async def delete(request: Request) -> Response:
    """``DELETE .../artifacts/{path}``: a file, or a folder with all in it."""
    path = request.path_params["path"]
    if not normalize_path(path):
        raise invalid("Missing value for required parameter 'path': not all artifacts are deleted at once")
    await run_in_threadpool(store_of(request).artifacts.delete, path)
    return json_response({})


async def of_run(request: Request) -> Response:
    """``GET /get-artifact?run_id=&path=``, by which MLflow's pages and some clients download a file."""
    query = request.query_params
    owner = query.get("run_id") or query.get("run_uuid")
    if not owner or not query.get("path"):
        raise invalid("Missing value for required parameter 'run_id' or 'path'")
    artifacts = await run_in_threadpool(store_of(request).artifacts_of, owner)
    return await artifact_response(request, artifacts, query["path"])


async def of_version(request: Request) -> Response:
    """``GET /model-versions/get-artifact?name=&version=&path=``: a file of a registered model."""
    query = request.query_params
    if not (query.get("name") and query.get("version") and query.get("path")):
        raise invalid("Missing value for required parameter 'name', 'version' or 'path'")
    path = normalize_path(query["path"])
    store = store_of(request)
    owner, folder = await run_in_threadpool(store.model_location, query["name"], query["version"])
    artifacts = await run_in_threadpool(store.artifacts_of, owner)
    return await artifact_response(request, artifacts, "/".join(filter(None, (folder, path))))


async def upload_small(request: Request) -> Response:
    """``POST mlflow/upload-artifact?run_uuid=&path=``: a file that a page has made."""
    query = request.query_params
    for name in ("run_uuid", "path"):
        if not query.get(name):
            raise invalid(f"Request must specify {name}.")
    path = normalize_path(query["path"])
    body = await collect_body(request, _LARGEST_OF_PAGES)
    if not body:
        raise invalid("Request must specify data.")
    artifacts = await run_in_threadpool(store_of(request).artifacts_of, query["run_uuid"])

    def write() -> None:
        with artifacts.writing(path) as file:
            file.write(body)

    await run_in_threadpool(write)
    return json_response({})


async def of_model(request: Request) -> Response:
    """``GET mlflow/logged-models/ID/artifacts/files?artifact_file_path=``"""
    path = request.query_params.get("artifact_file_path")
    if not path:
        raise invalid('Request must include the "artifact_file_path" query parameter.')
    model_id = request.path_params["model_id"]
    model = await run_in_threadpool(store_of(request).get_logged_model, model_id)
    artifacts = await run_in_threadpool(store_of(request).artifacts_of, model.model_id)
    return await artifact_response(request, artifacts, path)


async def refuse_presigned(request: Request) -> Response:
    """Presigned URLs are for cloud storage; clients then ask the proxy plainly."""
    raise TrackingError("Presigned URLs are not supported", code="NOT_IMPLEMENTED")


def store_of(request: Request) -> TrackingStore:
    store: TrackingStore = request.app.state.store
    return store


def json_response(answer: Answer) -> Response:
    return Response(encode(answer), media_type="application/json")


ROUTES = (
    RoleRoute("GET", "/mlflow-artifacts/artifacts", Role.READ, list_files),
    RoleRoute("PUT", "/mlflow-artifacts/artifacts/{path:path}", Role.WRITE, upload),
    RoleRoute("GET", "/mlflow-artifacts/artifacts/{path:path}", Role.READ, download),
    RoleRoute("DELETE", "/mlflow-artifacts/artifacts/{path:path}", Role.ADMIN, delete),
    RoleRoute("GET", "/mlflow-artifacts/presigned/{path:path}", Role.READ, refuse_presigned),
)
"""Below ``/api/2.0``."""

OF_BROWSERS = (
    RoleRoute("POST", "/mlflow/upload-artifact", Role.WRITE, upload_small),
    RoleRoute("GET", "/mlflow/logged-models/{model_id}/artifacts/files", Role.READ, of_model),
)
"""Below ``/ajax-api/2.0``."""

PAGES = (
    RoleRoute("GET", "/get-artifact", Role.READ, of_run),
    RoleRoute("GET", "/model-versions/get-artifact", Role.READ, of_version),
)
"""At the root."""
