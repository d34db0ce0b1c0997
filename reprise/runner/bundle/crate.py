"""``ro-crate-metadata.json``: the bundle as an RO-Crate that conforms to the Process Run Crate profile.

Facts of https://w3id.org/ro/crate/1.1 and https://w3id.org/ro/wfrun/process/0.5.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from reprise.runner.bundle import layout
from reprise.runner.bundle.layout import BundleManifest
from reprise.schemas.entities import Run
from reprise.schemas.record.run_record import RunRecord

_CONTEXT = ["https://w3id.org/ro/crate/1.1/context", "https://w3id.org/ro/terms/workflow-run/context"]
_CRATE = "https://w3id.org/ro/crate/1.1"
_PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
_STATUS = "http://schema.org/{}ActionStatus"
_LICENSES = ("license", "licence", "copying", "unlicense")
_KINDS = {
    ".json": "application/json",
    ".jsonl": "application/jsonl",
    ".csv": "text/csv",
    ".txt": "text/plain",
    ".log": "text/plain",
    ".lock": "text/plain",
    ".png": "image/png",
    ".html": "text/html",
}

Entity = dict[str, Any]


def write_crate(folder: Path, manifest: BundleManifest, record: RunRecord, run: Run) -> None:
    """Describe the bundle in ``folder``, which already contains all other files."""
    text = json.dumps(
        {"@context": _CONTEXT, "@graph": _make_graph(folder, manifest, record, run)},
        indent=1,
        ensure_ascii=False,
    )
    (folder / layout.CRATE).write_text(f"{text}\n", encoding="utf-8", errors="backslashreplace")


def _make_graph(folder: Path, manifest: BundleManifest, record: RunRecord, run: Run) -> list[Entity]:
    inputs = [_describe_part(folder, path) for path in manifest.inputs.values()]
    results = [*_describe_results(folder)]
    others = [*_describe_others(folder)]
    source = _describe_source(folder, record)
    license = _describe_license(folder)
    parameters = [*_describe_parameters(record)]
    seeds = [_make_value(f"#seed-{quote(name)}", name, value) for name, value in record.seeds.items()]
    agent = {"@id": "#agent", "@type": "Person", "name": run.user_id or "unknown"}
    parts = [source, *inputs, *results, *others, *([license] if _is_file(license) else [])]
    action = _describe_action(record, run) | {
        "instrument": _refer_to(source),
        "agent": _refer_to(agent),
        **_refer_to_all("object", *inputs, *parameters),
        **_refer_to_all("result", *results),
        **_refer_to_all("environment", *seeds),
    }
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": f"Run {run.run_name}",
        "description": f"Everything needed to reproduce run {record.run_id} of reprise.",
        "datePublished": _format_time(record.ended or run.start_time),
        "license": _refer_to(license),
        "author": _refer_to(agent),
        "conformsTo": {"@id": _PROFILE},
        **_refer_to_all("hasPart", *parts),
        **_refer_to_all("mentions", action),
    }
    profile = {"@id": _PROFILE, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"}
    about = {
        "@id": layout.CRATE,
        "@type": "CreativeWork",
        "about": {"@id": "./"},
        "conformsTo": {"@id": _CRATE},
    }
    contextual = [] if _is_file(license) else [license]
    return [about, root, profile, action, agent, *parts, *contextual, *parameters, *seeds]


def _describe_action(record: RunRecord, run: Run) -> Entity:
    done = record.status == "FINISHED"
    action = {
        "@id": f"#{record.run_id}",
        "@type": "CreateAction",
        "name": f"Run {run.run_name} of the entry point {record.project.entry_point}",
        "description": record.project.command,
        "startTime": _format_time(record.started or run.start_time),
        "endTime": _format_time(record.ended or run.start_time),
        "actionStatus": _STATUS.format("Completed" if done else "Failed"),
    }
    return action if done else action | {"error": record.reason or record.status}


def _describe_source(folder: Path, record: RunRecord) -> Entity:
    where = record.source.url or record.source.uri
    facts = {"codeRepository": where, "url": where} if where.startswith(("http://", "https://")) else {}
    return {
        "@id": f"{layout.SOURCE}/",
        "@type": ["Dataset", "SoftwareSourceCode"],
        "name": record.project.name or Path(record.source.uri.partition("#")[0]).name,
        "description": "The project as it was in the run, including uncommitted changes.",
        "version": record.source.commit or "not in version control",
        **facts,
    }


def _describe_results(folder: Path) -> Iterator[Entity]:
    """The files that the run made, its logged models, and its log."""
    for path in layout.list_files(folder / layout.ARTIFACTS):
        yield _describe_part(folder, path.relative_to(folder).as_posix())
    models = folder / layout.MODELS
    for path in sorted(models.iterdir()) if models.exists() else ():
        yield _describe_part(folder, path.relative_to(folder).as_posix())


def _describe_others(folder: Path) -> Iterator[Entity]:
    yield _describe_file(layout.TRACKING, "Parameters, metrics and tags as they were tracked")
    yield _describe_file(layout.MANIFEST, "The digest of every file")
    yield _describe_file(layout.PROVENANCE, "An in-toto statement of SLSA provenance")
    for name, what in (
        (layout.OBJECTS, "Commits, changes and files of the source, by digest"),
        (layout.PACKAGES, "The packages of the environment"),
    ):
        if (folder / name).is_dir():
            yield {"@id": f"{name}/", "@type": "Dataset", "name": what}


def _describe_license(folder: Path) -> Entity:
    """Return the project's own license, if it has one."""
    for path in sorted((folder / layout.SOURCE).iterdir()):
        if path.is_file() and path.stem.lower() in _LICENSES:
            return _describe_file(path.relative_to(folder).as_posix(), "The license of the project")
    return {
        "@id": "#license",
        "@type": "CreativeWork",
        "name": "No license",
        "description": "The project does not state a license: ask its authors.",
    }


def _is_file(entity: Entity) -> bool:
    return bool(entity["@type"] == "File")


def _describe_parameters(record: RunRecord) -> Iterator[Entity]:
    for item in record.parameters:
        if item.value is not None:  # a secret is in no bundle
            yield _make_value(f"#parameter-{quote(item.name)}", item.name, item.value)


def _make_value(id: str, name: str, value: str) -> Entity:
    return {"@id": id, "@type": "PropertyValue", "name": name, "value": value}


def _describe_part(folder: Path, inside: str) -> Entity:
    """A file or folder of the bundle."""
    path = folder / inside
    if path.is_dir():
        return {"@id": f"{quote(inside)}/", "@type": "Dataset", "name": path.name}
    return _describe_file(inside, path.name) | {"contentSize": str(path.stat().st_size)}


def _describe_file(inside: str, name: str) -> Entity:
    kind = _KINDS.get(Path(inside).suffix.lower(), "application/octet-stream")
    return {
        "@id": quote(inside),
        "@type": "File",
        "name": name,
        "encodingFormat": kind,
    }


def _refer_to_all(name: str, *entities: Entity) -> Entity:
    """Return a property as specified: a single value without a list, no values as an absent property."""
    values = [_refer_to(entity) for entity in entities]
    return {name: values[0] if len(values) == 1 else values} if values else {}


def _refer_to(entity: Entity) -> Entity:
    return {"@id": entity["@id"]}


def _format_time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")
