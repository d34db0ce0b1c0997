"""How registered models and their aliases are copied into the embedded store."""

from __future__ import annotations

from collections.abc import Sequence

from reprise.schemas.entities import RegisteredModel
from reprise.tracking import validation
from reprise.tracking.merging.fields import changes_of, kept_of, with_tags
from reprise.tracking.merging.merge import merge_fields
from reprise.tracking.protocols.copying import KeptAsItWas, Put
from reprise.tracking.sqlite.copied.origins import change_tags, read_origin, write_origin
from reprise.tracking.sqlite.model_rows import RegisteredRow, read_registered
from reprise.tracking.sqlite.rows import (
    Connection,
    Verbs,
    columns,
    pairs,
    put_pairs,
)

MODEL, ALIASES = "registered model", "aliases"


class CopiedRegistry(Verbs):
    def put_registered_model(self, model: RegisteredModel) -> Put:
        """Under its own name; one of that name that is here already is brought up to date."""
        if not model.name.strip():
            raise validation.invalid("a registered model with a blank name cannot be requested")
        with self._database.writing() as connection:
            row = found_model(connection, model.name)
            origin = None if row is None else read_origin(connection, MODEL, _identity_of(model))
            theirs = with_tags({"description": model.description}, model.tags)
            kept: list[KeptAsItWas] = []
            if row is None:
                row = _insert_row(connection, model)
                put_pairs(connection, "registered_model_tag", row.id, model.tags)
            else:
                tags = pairs(connection, "registered_model_tag", [row.id])[row.id]
                ours = with_tags({"description": row.description}, tags)
                merge = merge_fields(theirs, ours, origin and origin.said)
                changes = changes_of(merge)
                change_tags(connection, "registered_model_tag", row.id, changes.tags)
                if changes.facts:
                    connection.execute(
                        "UPDATE registered_model SET description = ? WHERE id = ?",
                        (model.description, row.id),
                    )
                if merge.changes:
                    connection.execute(
                        "UPDATE registered_model SET last_update_time = max(last_update_time, ?)"
                        " WHERE id = ?",
                        (model.last_update_time, row.id),
                    )
                kept += kept_of("models", merge)
            write_origin(connection, MODEL, _identity_of(model), row.id, theirs, is_new=origin is None)
        return Put(model.name, origin is None, kept=kept)

    def find_registered_model(self, model: RegisteredModel) -> RegisteredModel | None:
        with self._database.reading() as connection:
            row = found_model(connection, model.name)
            return None if row is None else read_registered(connection, [row.id])[0]

    def put_aliases(self, model: RegisteredModel) -> Sequence[KeptAsItWas]:
        """Those whose version is here; after the versions."""
        with self._database.writing() as connection:
            row = found_model(connection, model.name)
            if row is None:
                return ()
            origin = read_origin(connection, ALIASES, _identity_of(model))
            theirs = {alias: str(version) for alias, version in model.aliases.items()}
            here = read_registered(connection, [row.id])[0].aliases
            ours = {alias: str(version) for alias, version in here.items()}
            merge = merge_fields(theirs, ours, origin and origin.said)
            kept = [KeptAsItWas("aliases", alias, reason) for alias, reason in merge.kept.items()]
            for alias, version in merge.changes.items():
                if version is None:
                    sql = "DELETE FROM registered_model_alias WHERE model = ? AND alias = ?"
                    connection.execute(sql, (row.id, alias))
                elif not _has_version(connection, row.id, version):
                    kept.append(KeptAsItWas("aliases", alias, f"version {version} is not here"))
                else:
                    sql = "INSERT OR REPLACE INTO registered_model_alias VALUES (?, ?, ?)"
                    connection.execute(sql, (row.id, alias, int(version)))
            write_origin(connection, ALIASES, _identity_of(model), row.id, theirs, is_new=False)
        return kept


def found_model(connection: Connection, name: str) -> RegisteredRow | None:
    row = connection.execute(
        f"SELECT {columns(RegisteredRow)} FROM registered_model WHERE name = ?", (name,)
    ).fetchone()
    return None if row is None else RegisteredRow(*row)


def _identity_of(model: RegisteredModel) -> str:
    return f"{model.name}@{model.creation_time}"


def _insert_row(connection: Connection, model: RegisteredModel) -> RegisteredRow:
    connection.execute(
        "INSERT INTO registered_model (name, description, creation_time, last_update_time)"
        " VALUES (?, ?, ?, ?)",
        (model.name, model.description, model.creation_time, model.last_update_time),
    )
    row = found_model(connection, model.name)
    assert row is not None, "it was inserted"
    return row


def _has_version(connection: Connection, model: int, number: str) -> bool:
    sql = "SELECT 1 FROM model_version WHERE model = ? AND version = ?"
    return connection.execute(sql, (model, int(number))).fetchone() is not None
