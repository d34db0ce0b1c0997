"""The artifact proxy ``mlflow-artifacts``: files in and out, streamed, never whole in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from reprise.errors import TrackingError
from reprise.server import shapes
from reprise.server.wire import Answer, encode
from reprise.tracking.embedded import EmbeddedStore

PIECE = 1 << 20
"""Bytes that are gathered before the disk is asked to take them."""


async def upload(request: Request) -> Response:
    """``PUT .../artifacts/{path}``: the body becomes the file when all of it has arrived."""
    store, path = _store(request), request.path_params["path"]
    pieces, loop = _pieces(request.stream()), asyncio.get_running_loop()

    async def following() -> bytes:
        return await anext(pieces, b"")

    def wait_for_next() -> bytes:
        return asyncio.run_coroutine_threadsafe(following(), loop).result()

    await run_in_threadpool(_receive, store, path, wait_for_next)
    return _json({})


def _receive(store: EmbeddedStore, path: str, wait_for_next: Callable[[], bytes]) -> None:
    """Write in a worker thread what the event loop receives; a lost client leaves no file."""
    with store.artifacts.writing(path) as file:
        while piece := wait_for_next():
            file.write(piece)


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
    file = await run_in_threadpool(_store(request).artifacts.file, request.path_params["path"])
    return FileResponse(file, filename=file.name)


async def list_files(request: Request) -> Response:
    """``GET .../artifacts?path=``: the children of a folder, each by its own name."""
    files = await run_in_threadpool(_store(request).artifacts.list, request.query_params.get("path", ""))
    infos = [
        {**info, "path": file.path.rpartition("/")[2]}
        for file, info in zip(files, shapes.file_infos(files), strict=True)
    ]
    return _json(shapes.given(files=infos))


async def delete(request: Request) -> Response:
    """``DELETE .../artifacts/{path}``: a file, or a folder with all in it."""
    await run_in_threadpool(_store(request).artifacts.delete, request.path_params["path"])
    return _json({})


async def refuse_multipart(request: Request) -> Response:
    """Uploads in parts and presigned URLs are for cloud storage; clients then send the file plainly."""
    raise TrackingError("Multipart transfer is not supported", code="NOT_IMPLEMENTED")


def _store(request: Request) -> EmbeddedStore:
    store: EmbeddedStore = request.app.state.store
    return store


def _json(answer: Answer) -> Response:
    return Response(encode(answer), media_type="application/json")


ROUTES = (
    Route("/mlflow-artifacts/artifacts", list_files, methods=["GET"]),
    Route("/mlflow-artifacts/artifacts/{path:path}", upload, methods=["PUT"]),
    Route("/mlflow-artifacts/artifacts/{path:path}", download, methods=["GET"]),
    Route("/mlflow-artifacts/artifacts/{path:path}", delete, methods=["DELETE"]),
    Route("/mlflow-artifacts/mpu/{path:path}", refuse_multipart, methods=["POST"]),
    Route("/mlflow-artifacts/presigned/{path:path}", refuse_multipart, methods=["GET"]),
)
