"""``provenance.intoto.jsonl``: how a run made its artifacts, as an in-toto statement of SLSA provenance.

See https://in-toto.io/Statement/v1 and https://slsa.dev/provenance/v1. Its subjects are the artifacts, the
log and the manifest; the manifest has the digests of all other files, so one signature covers everything.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reprise.errors import SourceError
from reprise.runner.bundle import layout
from reprise.runner.bundle.layout import BundleManifest
from reprise.runner.record import digests
from reprise.runner.record.records import RECORD_ARTIFACT
from reprise.runner.runs.lifecycle import ENV_LOCK_ARTIFACT
from reprise.schemas.record.run_record import RunRecord

_TYPE = "https://in-toto.io/Statement/v1"
_PREDICATE = "https://slsa.dev/provenance/v1"
_BUILD_TYPE = "urn:reprise:run:v1"
_BUILDER = "urn:reprise:runner"
_OURS = f"{layout.ARTIFACTS}/reprise/"
_MADE = (f"{layout.ARTIFACTS}/", f"{layout.MODELS}/")


def make_statement(folder: Path, manifest: BundleManifest, record: RunRecord) -> dict[str, Any]:
    """The statement on the bundle in ``folder``, whose manifest is written."""
    by_path = {entry.path: entry.sha256 for entry in manifest.files}
    return {
        "_type": _TYPE,
        "subject": [
            _describe_file(path, sha256) for path, sha256 in list_subjects(folder, manifest).items()
        ],
        "predicateType": _PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": _BUILD_TYPE,
                "externalParameters": _describe_request(record),
                "internalParameters": {"seeds": dict(record.seeds), "command": record.project.command},
                "resolvedDependencies": _describe_used(record, manifest, by_path),
            },
            "runDetails": {
                "builder": {"id": _BUILDER, "version": {"reprise": record.reprise}},
                "metadata": {
                    "invocationId": record.run_id,
                    **_format_times(startedOn=record.started, finishedOn=record.ended),
                },
                "byproducts": [
                    _describe_file(path, sha256)
                    for path, sha256 in by_path.items()
                    if path == f"{layout.ARTIFACTS}/{RECORD_ARTIFACT}"
                ],
            },
        },
    }


def list_subjects(folder: Path, manifest: BundleManifest) -> dict[str, str]:
    """Path to SHA-256, in hex, of what the statement is about."""
    made = {
        entry.path: entry.sha256
        for entry in manifest.files
        if entry.path.startswith(_MADE)
        and (not entry.path.startswith(_OURS) or entry.path == f"{_OURS}output.log")
    }
    return {**made, layout.MANIFEST: digests.of_bytes(folder / layout.MANIFEST).sha256}


def check_statement(data: Mapping[str, Any], folder: Path, manifest: BundleManifest) -> None:
    """Raises SourceError where the statement is not about the bundle in ``folder``."""
    try:
        said = {item["name"]: item["digest"]["sha256"] for item in data["subject"]}
        kinds = (data["_type"], data["predicateType"])
        invoked = data["predicate"]["runDetails"]["metadata"]["invocationId"]
    except (KeyError, TypeError) as error:
        raise SourceError(f"{layout.PROVENANCE} is not a provenance statement: {error}") from error
    if kinds != (_TYPE, _PREDICATE):
        raise SourceError(f"{layout.PROVENANCE} is of another kind: {', '.join(map(str, kinds))}")
    expected = list_subjects(folder, manifest)
    wrong = sorted(name for name in {*said, *expected} if said.get(name) != expected.get(name))
    if wrong:
        raise SourceError(f"{layout.PROVENANCE} is not about these files: {', '.join(wrong[:5])}")
    if invoked != manifest.run_id:
        raise SourceError(f"{layout.PROVENANCE} is of run {invoked}, and the bundle of {manifest.run_id}")


def _describe_request(record: RunRecord) -> dict[str, Any]:
    """What the user gave; secrets are not recorded."""
    return {
        "source": record.source.uri,
        "version": record.source.version,
        "entryPoint": record.project.entry_point,
        "parameters": {item.name: item.value for item in record.parameters if item.value is not None},
        "environmentManager": record.environment.manager if record.environment else None,
    }


def _describe_used(
    record: RunRecord, manifest: BundleManifest, by_path: Mapping[str, str]
) -> list[dict[str, Any]]:
    source = record.source
    used: list[dict[str, Any]] = []
    if source.commit:
        used.append({"uri": source.url or source.uri, "digest": {"gitCommit": source.commit}})
    if source.patch:
        used.append(_describe_file("uncommitted changes", source.patch.digest.removeprefix("sha256:")))
    lock = f"{layout.ARTIFACTS}/{ENV_LOCK_ARTIFACT}"
    if lock in by_path:
        used.append(_describe_file(lock, by_path[lock]))
    for item in record.inputs:
        if item.kind == "file" and item.digest:
            used.append(_describe_file(item.name, item.digest.removeprefix("sha256:")))
    packages = (path for path in by_path if path.startswith(f"{layout.PACKAGES}/"))
    return [*used, *(_describe_file(path, by_path[path]) for path in packages)]


def _describe_file(name: str, sha256: str) -> dict[str, Any]:
    return {"name": name, "digest": {"sha256": sha256}}


def _format_times(**moments: int | None) -> dict[str, str]:
    """Return times in RFC 3339 format; unknown times are left out."""
    return {
        name: datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        for name, at in moments.items()
        if at is not None
    }


def to_bytes(data: Mapping[str, Any]) -> bytes:
    return json.dumps(data, ensure_ascii=False, sort_keys=True).encode(
        errors="backslashreplace"
    )  # of a surrogate, the escape of JSON
