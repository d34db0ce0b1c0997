"""``/runs/{run_id}/provenance``: the full provenance of a run, and its verdicts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from reprise.errors import EnvError, TrackingError
from reprise.named_tuple import NamedTuple
from reprise.runner.record.contents import open_content
from reprise.runner.record.records import read_record
from reprise.runner.verdict.recorded import open_both
from reprise.runner.verdict.trees import NOT_AT_HAND, open_trees
from reprise.schemas import tags
from reprise.schemas.environment import Lock
from reprise.schemas.record.run_record import Content, EnvironmentRecord, FileRecord
from reprise.schemas.work_tree import Standing
from reprise.server.api.artifacts import store_of
from reprise.server.http.ranges import for_keeping
from reprise.tracking.protocols.store import TrackingStore
from reprise.ui import raw
from reprise.ui.compare.run_diffs import Diff, parted
from reprise.ui.html import render
from reprise.ui.run.origins import RunOrigin, origin
from reprise.ui.run.page import head_of
from reprise.ui.run.verdicts import attempt, attempts
from reprise.ui.stored_file import StoredFile

_PATCH = 2_000_000  # bytes of a patch that are read
_LOCK = 16_000_000  # bytes of a lock that are read
_PACKAGES = 5000
_PIECE = 1 << 16


class SourceChanges(NamedTuple):
    """The uncommitted changes; ``note`` says why they cannot be shown.

    ``content`` is the patch of a run recorded by an earlier version; now the files themselves are kept.
    """

    content: Content | None = None
    diff: Diff = Diff((), is_cut=False)
    note: str = ""


class PackageRow(NamedTuple):
    name: str
    version: str
    origin: str


class Packages(NamedTuple):
    """The packages of the environment; ``note`` says why they are not known."""

    rows: tuple[PackageRow, ...] = ()
    note: str = ""


def page(request: Request) -> Response:
    store, head = store_of(request), head_of(request, request.path_params["run_id"])
    found = origin(store, head.run)
    return render(
        request,
        "provenance.html",
        head=head,
        origin=found,
        changes=_changes(store, found),
        packages=_packages(store, found),
        own=attempt(store, head.run) if tags.REPRODUCES in head.run.tags else None,
        attempts=attempts(store, head.run.run_id),
    )


def kept(request: Request) -> Response:
    """``GET /runs/{run_id}/kept/{digest}``: a stored patch or file of the run's source, as text."""
    store, run_id = store_of(request), request.path_params["run_id"]
    digest = request.path_params["digest"]
    try:
        record = read_record(store, run_id)
    except TrackingError as error:
        raise TrackingError(error.message, code="RESOURCE_DOES_NOT_EXIST") from error
    contents = record.source.kept_contents if record else ()
    if digest not in (content.digest for content in contents):
        raise HTTPException(404)
    stream = open_content(store, run_id, digest)
    keep = (
        for_keeping(f"{digest.removeprefix('sha256:')[:12]}.txt")
        if "download" in request.query_params
        else {}
    )
    return StreamingResponse(
        _pieces(stream), headers={**raw.HEADERS, **keep}, media_type="text/plain; charset=utf-8"
    )


def _pieces(stream: IO[bytes]) -> Iterator[bytes]:
    with stream:
        while piece := stream.read(_PIECE):
            yield piece


def _changes(store: TrackingStore, found: RunOrigin) -> SourceChanges | None:
    source = found.record.source
    patch = source.patch
    if patch is None:
        if source.commit is None or not (source.absent or any(map(_is_changed, source.files))):
            return None
        return _compared(store, found)
    try:
        with open_content(store, found.run.run_id, patch.digest) as stream:
            text = stream.read(_PATCH).decode("utf-8", "replace")
    except (TrackingError, OSError) as error:
        return SourceChanges(patch, note=f"They cannot be shown: {error}")
    return SourceChanges(patch, parted(text, is_cut=patch.size > _PATCH))


def _is_changed(file: FileRecord) -> bool:
    return file.standing in (Standing.CHANGED, Standing.HIDDEN, Standing.ADDED)


def _compared(store: TrackingStore, found: RunOrigin) -> SourceChanges:
    """Return the stored source compared with its commit."""
    try:
        # A user who can write a tag could otherwise read any repository of this machine.
        with (
            open_both(store, found.run, found.run, opens_folders=False) as (run, _),
            open_trees(run) as made,
        ):
            text = made.diff_trees(made.make_committed_tree(run), made.make_tree(run), most=_PATCH)
    except NOT_AT_HAND as error:
        return SourceChanges(note=f"They cannot be shown: {error}")
    return SourceChanges(diff=parted(text, is_cut=len(text) >= _PATCH))


def _packages(store: TrackingStore, found: RunOrigin) -> Packages:
    environment = found.record.environment
    if environment is None:
        return Packages(note="No environment is recorded.")
    if environment.packages:
        rows = (
            PackageRow(
                item.name, item.version, f"{item.origin} (editable)" if item.editable else item.origin
            )
            for item in environment.packages[:_PACKAGES]
        )
        return Packages(tuple(rows))
    if environment.lock is None:
        return Packages(note="Its packages are not recorded.")
    try:
        return Packages(tuple(_locked(store, found.run.run_id, environment, environment.lock)))
    except (TrackingError, EnvError, OSError, ValueError, KeyError, TypeError, AttributeError):
        return Packages(note="Its lock cannot be read.")


def _locked(
    store: TrackingStore, run_id: str, environment: EnvironmentRecord, lock: str
) -> Iterator[PackageRow]:
    from reprise.envs import registry

    file = StoredFile.at(store.artifacts_of(run_id), lock)
    if file.size > _LOCK:
        raise ValueError("the lock is too large")
    text = file.head(_LOCK).decode()
    for item in registry.MANAGERS[environment.manager].packages(Lock(environment.manager, text))[
        :_PACKAGES
    ]:
        yield PackageRow(item.name, f"{item.version} {item.build}".strip(), item.origin or item.kind)


ROUTES = (
    Route("/runs/{run_id}/provenance", page),
    Route("/runs/{run_id}/kept/{digest}", kept),
)
