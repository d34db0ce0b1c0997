"""``/models/{name}/{version}``: a version of a registered model, and several side by side."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reprise.errors import TrackingError, UsageError
from reprise.named_tuple import NamedTuple
from reprise.runner.models.lineage import trace_lineage
from reprise.runner.models.versions import with_aliases
from reprise.schemas.entities import MODEL_STAGES, ModelVersion
from reprise.server.api.artifacts import store_of
from reprise.tracking.protocols.store import TrackingStore
from reprise.ui.files.preview_models import READ_LIMIT, ModelCard, card
from reprise.ui.html import moment, number, render
from reprise.ui.models.page import run_of, version_row
from reprise.ui.run.origins import quoted
from reprise.ui.stored_file import StoredFile

_MOST = 20  # versions side by side
_MOST_ROWS = 500
_LONGEST = 300  # characters of a cell
_REQUIREMENT = r"\s*([A-Za-z0-9][\w.\-]*(?:\[[^\]]*\])?)\s*(.*)"


class VersionFiles(NamedTuple):
    """The location of the files of a version; ``note`` says why they cannot be shown."""

    owner: str = ""
    path: str = ""
    card: ModelCard | None = None
    note: str = ""


class VersionDifference(NamedTuple):
    """A row of the comparison; a cell is empty if the version has no value."""

    name: str
    cells: tuple[str, ...]

    @property
    def differs(self) -> bool:
        return len(set(self.cells)) > 1


class VersionSection(NamedTuple):
    title: str
    rows: tuple[VersionDifference, ...]


def version(request: Request) -> Response:
    store, name = store_of(request), request.path_params["name"]
    found = store.get_model_version(name, str(request.path_params["version"]))
    address = f"models:/{name}/{found.version}"
    return render(
        request,
        "model_version.html",
        model=store.get_registered_model(name),
        row=version_row(store, found),
        files=files_of(store, found),
        lineage=trace_lineage(store, found),
        serve=f"reprise models serve -m {quoted(address)}",
        load=f"mlflow.pyfunc.load_model({json.dumps(address, ensure_ascii=False)})",
        again=f"reprise reproduce {quoted(address)}",
        stages=MODEL_STAGES,
    )


def compare(request: Request) -> Response:
    """Compare two or more versions of a model: ``?versions=1,2``."""
    store, name = store_of(request), request.path_params["name"]
    model = store.get_registered_model(name)
    wanted = _wanted(request.query_params.get("versions", ""))
    versions = [
        with_aliases(store.get_model_version(name, str(number)), model) for number in wanted[:_MOST]
    ]
    only = request.query_params.get("only") == "differences"
    sections = [
        part._replace(rows=tuple(row for row in part.rows if row.differs or not only)[:_MOST_ROWS])
        for part in _sections(store, versions)
    ]
    return render(
        request,
        "model_compare.html",
        model=model,
        versions=versions,
        sections=[part for part in sections if part.rows],
        beyond=len(wanted) - len(versions),
        only=only,
        all_rows=request.url.remove_query_params("only").query,
        differences=request.url.include_query_params(only="differences").query,
        runs=",".join(dict.fromkeys(item.run_id for item in versions if run_of(store, item.run_id))),
    )


def files_of(store: TrackingStore, found: ModelVersion) -> VersionFiles:
    """Return the card from the version's ``MLmodel``."""
    try:
        owner, path = store.model_location(found.name, str(found.version))
    except TrackingError as error:
        return VersionFiles(note=f"Its files cannot be shown: {error.message}.")
    here = VersionFiles(owner, path)
    try:
        file = StoredFile.at(store.artifacts_of(owner), f"{path}/MLmodel".lstrip("/"))
        described = card(file.head(READ_LIMIT).decode("utf-8", "replace"), file)
    except TrackingError as error:
        return here._replace(note=f"Its MLmodel cannot be read: {error.message}.")
    return here._replace(card=described, note="" if described else "Its MLmodel does not describe a model.")


def _wanted(text: str) -> Sequence[int]:
    found = [
        int(word) for word in text.split(",") if word.isascii() and word.isdecimal() and len(word) < 16
    ]
    if not found:
        raise UsageError("no versions are given", hint="?versions=1,2 compares versions 1 and 2")
    return list(dict.fromkeys(found))


def _sections(store: TrackingStore, versions: Sequence[ModelVersion]) -> Sequence[VersionSection]:
    rows = [version_row(store, found) for found in versions]
    params = [{**(row.run.params if row.run else {}), **row.version.params} for row in rows]
    metrics = [{name: number(value) for name, value in row.metrics.items()} for row in rows]
    cards = [files_of(store, found).card for found in versions]
    return (
        _section("About", [_about(found) for found in versions], in_order=True),
        _section("Metrics", metrics),
        _section("Parameters", params),
        _section("Signature", [_of(found, _signature) for found in cards], in_order=True),
        _section("Requirements", [_of(found, _requirements) for found in cards]),
        _section("MLmodel", [_of(found, _facts) for found in cards], in_order=True),
    )


def _section(title: str, columns: Sequence[Mapping[str, str]], *, in_order: bool = False) -> VersionSection:
    names: Iterable[str] = dict.fromkeys(name for column in columns for name in column)
    shown = names if in_order else sorted(names)
    return VersionSection(
        title,
        tuple(
            VersionDifference(name, tuple(column.get(name, "")[:_LONGEST] for column in columns))
            for name in shown
        ),
    )


def _about(found: ModelVersion) -> Mapping[str, str]:
    return {
        "created": moment(found.creation_time),
        "stage": found.current_stage,
        "aliases": ", ".join(found.aliases),
        "status": found.status,
        "description": found.description,
        "source": found.source,
    }


def _of(found: ModelCard | None, part: Callable[[ModelCard], Mapping[str, str]]) -> Mapping[str, str]:
    return part(found) if found else {}


def _signature(found: ModelCard) -> Mapping[str, str]:
    return {
        f"{field.part} {field.name or at + 1}": field.type if field.required else f"{field.type}, optional"
        for at, field in enumerate(found.signature)
    }


def _requirements(found: ModelCard) -> Mapping[str, str]:
    lines = (re.match(_REQUIREMENT, line) for line in found.requirements.splitlines())
    return {line[1].lower(): line[2] or "any" for line in lines if line}


def _facts(found: ModelCard) -> Mapping[str, str]:
    """Join the values of a field: a model can have several flavors."""
    told: dict[str, str] = {}
    for name, value in found.facts:
        told[name] = f"{told[name]}, {value}" if name in told else value
    return told


ROUTES = (
    Route("/models/{name}/compare", compare),
    Route("/models/{name}/{version:int}", version),
)
