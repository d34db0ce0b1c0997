"""How the versions of registered models are copied into the embedded store."""

from __future__ import annotations

from reprise.errors import TrackingError
from reprise.schemas.entities import MODEL_STAGES, ModelVersion
from reprise.tracking.merging.fields import changes_of, kept_of, with_tags
from reprise.tracking.merging.merge import merge_fields
from reprise.tracking.protocols.copying import KeptAsItWas, Put, SourceVersion
from reprise.tracking.sqlite.copied.origins import CopyOrigin, change_tags, read_origin, write_origin
from reprise.tracking.sqlite.copied.registry import found_model
from reprise.tracking.sqlite.model_rows import RegisteredRow, VersionRow, read_versions
from reprise.tracking.sqlite.rows import (
    Connection,
    Verbs,
    columns,
    pairs,
    put_pairs,
)

KIND = "model version"
_FACTS = {
    "description": "description",
    "stage": "current_stage",
    "status": "status",
    "status message": "status_message",
}
"""Fields of a version that may change, and their columns."""


class CopiedVersions(Verbs):
    def put_version(self, given: SourceVersion) -> Put:
        """A version keeps its number, and points at the files of its run or model in this store."""
        version = given.version
        with self._database.writing() as connection:
            model = found_model(connection, version.name)
            if model is None:
                raise TrackingError("its registered model is not here", code="RESOURCE_DOES_NOT_EXIST")
            row = _find_row(connection, model, version.version)
            origin = read_origin(connection, KIND, _identity_of(version))
            kept: list[KeptAsItWas] = []
            if row is None:
                row = _insert_row(connection, model, given)
                put_pairs(connection, "model_version_tag", row.id, version.tags)
            elif (row.creation_time, row.run_id) != (version.creation_time, version.run_id):
                raise TrackingError(
                    "another version of this number is there already", code="RESOURCE_ALREADY_EXISTS"
                )
            else:
                kept += _bring_up_to_date(connection, row, version, origin)
            fields = _fields_of(version)
            write_origin(connection, KIND, _identity_of(version), row.id, fields, is_new=origin is None)
        return Put(str(version.version), origin is None, kept=kept, notes=_describe_outside(given))

    def drop_version(self, version: ModelVersion) -> Put:
        """Of one that the source deleted, what a copy had brought, unless it was changed here.

        Its number is not given again.
        """
        with self._database.writing() as connection:
            model = found_model(connection, version.name)
            if model is None:
                return Put("")
            _note_number(connection, model, version.version)
            row = _find_row(connection, model, version.version)
            origin = read_origin(connection, KIND, _identity_of(version))
            if row is None or origin is None or origin.here != row.id:
                return Put("")
            ours = _row_fields(connection, row)
            if len(merge_fields({}, ours, origin.said).changes) < len(ours):
                text = "was deleted in the source, and changed here: it stays"
                return Put("", notes=[f"version {version.version} of {version.name!r} {text}"])
            connection.execute("DELETE FROM model_version WHERE id = ?", (row.id,))
        return Put("")

    def find_version(self, version: ModelVersion) -> ModelVersion | None:
        with self._database.reading() as connection:
            model = found_model(connection, version.name)
            row = model and _find_row(connection, model, version.version)
            return read_versions(connection, [row.id])[0] if row else None


def _identity_of(version: ModelVersion) -> str:
    return f"{version.name}/{version.version}@{version.creation_time}"


def _is_inside(source: str) -> bool:
    return source.startswith(("models:/", "runs:/"))


def _describe_outside(given: SourceVersion) -> list[str]:
    """What is said of a version that has its files nowhere in the store."""
    version = given.version
    if given.place is not None or not version.source or _is_inside(version.source):
        return []
    text = f"has its files at {version.source}, outside of any run; they stay there"
    return [f"version {version.version} of {version.name!r} {text}"]


def _find_row(connection: Connection, model: RegisteredRow, number: int) -> VersionRow | None:
    row = connection.execute(
        f"SELECT {columns(VersionRow)} FROM model_version WHERE model = ? AND version = ?",
        (model.id, number),
    ).fetchone()
    return None if row is None else VersionRow(*row)


def _note_number(connection: Connection, model: RegisteredRow, number: int) -> None:
    sql = "UPDATE registered_model SET last_version = max(last_version, ?) WHERE id = ?"
    connection.execute(sql, (number, model.id))


def _insert_row(connection: Connection, model: RegisteredRow, given: SourceVersion) -> VersionRow:
    version = given.version
    storage = _storage_of(connection, given)
    connection.execute(
        "INSERT INTO model_version (model, version, creation_time, last_update_time, description,"
        " user_id, current_stage, source, storage_location, run_id, run_link, status,"
        " status_message, model_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            model.id,
            version.version,
            version.creation_time,
            version.last_update_time,
            version.description,
            version.user_id,
            _canonical_stage(version.current_stage),
            version.source if _is_inside(version.source) else storage,
            storage,
            version.run_id,
            version.run_link,
            version.status,
            version.status_message,
            _model_of(given),
        ),
    )
    _note_number(connection, model, version.version)
    row = _find_row(connection, model, version.version)
    assert row is not None, "it was inserted"
    return row


def _bring_up_to_date(
    connection: Connection, row: VersionRow, version: ModelVersion, origin: CopyOrigin | None
) -> list[KeptAsItWas]:
    merge = merge_fields(_fields_of(version), _row_fields(connection, row), origin and origin.said)
    changes = changes_of(merge)
    change_tags(connection, "model_version_tag", row.id, changes.tags)
    for field, value in changes.facts.items():
        sql = f"UPDATE model_version SET {_FACTS[field]} = ? WHERE id = ?"
        connection.execute(sql, (value or "", row.id))
    if merge.changes:
        sql = "UPDATE model_version SET last_update_time = max(last_update_time, ?) WHERE id = ?"
        connection.execute(sql, (version.last_update_time, row.id))
    return kept_of("versions", merge)


def _storage_of(connection: Connection, given: SourceVersion) -> str:
    """Return the place of a version's files here, or the original place if they were not copied."""
    if given.place is None:
        return given.version.source
    owner, path = given.place
    for table, column in (("run", "run_id"), ("logged_model", "model_id")):
        sql = f"SELECT artifact_uri FROM {table} WHERE {column} = ?"
        if found := connection.execute(sql, (owner,)).fetchone():
            return f"{found[0]}/{path}".rstrip("/")
    return given.version.source


def _model_of(given: SourceVersion) -> str | None:
    """The logged model that a version is, if it is one."""
    if given.version.model_id:
        return given.version.model_id
    return given.place[0] if given.place and given.place[0].startswith("m-") else None


def _canonical_stage(word: str) -> str:
    """The stage in its canonical letters; a word that MLflow does not know any more as it is."""
    return next((known for known in MODEL_STAGES if known.lower() == word.lower()), word)


def _fields_of(version: ModelVersion) -> dict[str, str]:
    facts = {
        "description": version.description,
        "stage": _canonical_stage(version.current_stage),
        "status": version.status,
        "status message": version.status_message,
    }
    return with_tags(facts, version.tags)


def _row_fields(connection: Connection, row: VersionRow) -> dict[str, str]:
    values = row._asdict()
    facts = {field: values[column] for field, column in _FACTS.items()}
    return with_tags(facts, pairs(connection, "model_version_tag", [row.id])[row.id])
