"""The files of a run and its logged models: a tree, and a preview of the selected file."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reprise.errors import RepriseError, TrackingError
from reprise.named_tuple import NamedTuple
from reprise.schemas.entities import Artifact, Run
from reprise.server.api.artifacts import store_of
from reprise.tracking.artifacts.files import Artifacts
from reprise.tracking.protocols.store import TrackingStore
from reprise.ui.files.previews import Preview, preview
from reprise.ui.html import render
from reprise.ui.numbers import counting
from reprise.ui.run.page import head_of
from reprise.ui.stored_file import StoredFile

WINDOW = 500
"""Files in one page of a folder's listing."""

_DEPTH = 40  # depth of folders that are opened at once
_MODELS = 50  # logged models whose files are shown


class TreeEntry(NamedTuple):
    """A file or folder in the tree; ``children`` is None for a closed folder."""

    artifact: Artifact
    children: Listing | None = None

    @property
    def name(self) -> str:
        return self.artifact.path.rpartition("/")[2]


class Listing(NamedTuple):
    """A part of a folder's ``total`` files, folders first."""

    owner: str
    folder: str
    entries: Sequence[TreeEntry]
    start: int
    total: int

    @property
    def before(self) -> int | None:
        """Return the start of the previous part."""
        return max(0, self.start - WINDOW) if self.start else None

    @property
    def after(self) -> int | None:
        end = self.start + len(self.entries)
        return end if end < self.total else None


class Root(NamedTuple):
    """The owner of files: the run (``name`` is empty) or a logged model."""

    owner: str
    name: str
    listing: Listing | None


class ChosenEntry(NamedTuple):
    """The selection of the page: a file with its preview, or a folder with its ``files``.

    ``fault`` is the reason if there is nothing to show.
    """

    owner: str
    path: str
    file: StoredFile | None = None
    preview: Preview | None = None
    sha256: str | None = None
    files: int = 0
    fault: str = ""


def page(request: Request) -> Response:
    """``GET /runs/{run_id}/artifacts?path=&owner=``: ``owner`` is a logged model of the run, or the run."""
    head = head_of(request, request.path_params["run_id"])
    store = store_of(request)
    owners = _owners(store, head.run)
    owner = request.query_params.get("owner", "")
    owner = owner if owner in owners else head.run.run_id
    path = request.query_params.get("path", "").strip("/")
    chosen = choose(store, owner, path)
    roots: list[Root] = []
    if not chosen.fault or path:
        roots = [_root(store, each, name, path if each == owner else None) for each, name in owners.items()]
    return render(request, "artifacts.html", head=head, roots=roots, chosen=chosen)


def files(request: Request) -> Response:
    """``GET /runs/{owner}/files?path=&from=``: a folder of the tree."""
    query = request.query_params
    start = counting(query.get("from", "")) or 0
    artifacts = store_of(request).artifacts_of(request.path_params["owner"])
    listing = listed(artifacts, request.path_params["owner"], query.get("path", ""), start)
    return render(request, "_files.html", listing=listing)


def shown(request: Request) -> Response:
    """``GET /runs/{owner}/preview?path=``: the preview of a file or folder."""
    chosen = choose(store_of(request), request.path_params["owner"], request.query_params.get("path", ""))
    return render(request, "_preview.html", chosen=chosen)


def listed(
    artifacts: Artifacts, owner: str, folder: str, start: int = 0, towards: str = "", depth: int = 0
) -> Listing:
    """Return a part of ``folder``; the part with the path ``towards``, with its folders open."""
    everything = sorted(artifacts.list(folder), key=lambda artifact: not artifact.is_dir)
    on_the_way = {at for at, each in enumerate(everything) if f"{towards}/".startswith(f"{each.path}/")}
    start = min(on_the_way, default=start) // WINDOW * WINDOW
    start = min(start, max(0, len(everything) - 1) // WINDOW * WINDOW)
    entries = []
    for at, artifact in enumerate(everything[start : start + WINDOW], start):
        is_open = at in on_the_way and artifact.is_dir and depth < _DEPTH
        below = listed(artifacts, owner, artifact.path, 0, towards, depth + 1) if is_open else None
        entries.append(TreeEntry(_as_text(artifact), below))
    return Listing(owner, folder, entries, start, len(everything))


def _as_text(artifact: Artifact) -> Artifact:
    """Return a listing item; a file whose name is not UTF-8 is listed but cannot be opened."""
    return artifact._replace(path=artifact.path.encode("utf-8", "replace").decode())


def choose(store: TrackingStore, owner: str, path: str) -> ChosenEntry:
    try:
        artifacts = store.artifacts_of(owner)
        if path and (file := _file(artifacts, path)) is not None:
            digest = artifacts.known_digest(path)
            return ChosenEntry(owner, path, file, preview(file), digest and digest.sha256)
        files = len(artifacts.list(path))
    except RepriseError as error:  # also: stored where this installation has no access
        return ChosenEntry(owner, path, fault=error.message)
    except OSError as error:  # removed, or its permissions changed, meanwhile
        fault = f"cannot read {path or 'the folder'}: {error.strerror or error}"
        return ChosenEntry(owner, path, fault=fault)
    return ChosenEntry(
        owner, path, files=files, fault="" if files or not path else "The file does not exist."
    )


def _file(artifacts: Artifacts, path: str) -> StoredFile | None:
    try:
        return StoredFile.at(artifacts, path)
    except TrackingError as error:
        if error.code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None


def _owners(store: TrackingStore, run: Run) -> dict[str, str]:
    """Return the run and its logged models, with the names of the models."""
    owners = {run.run_id: ""}
    for link in run.model_outputs[:_MODELS]:
        try:
            owners[link.model_id] = store.get_logged_model(link.model_id).name
        except TrackingError:  # a deleted model
            continue
    return owners


def _root(store: TrackingStore, owner: str, name: str, towards: str | None) -> Root:
    """Open the files of the run, and those of a model if the page shows one of them."""
    if name and towards is None:
        return Root(owner, name, None)
    try:
        return Root(owner, name, listed(store.artifacts_of(owner), owner, "", towards=towards or ""))
    except (RepriseError, OSError):
        return Root(owner, name, None)


ROUTES = (
    Route("/runs/{run_id}/artifacts", page),
    Route("/runs/{owner}/files", files),
    Route("/runs/{owner}/preview", shown),
)
