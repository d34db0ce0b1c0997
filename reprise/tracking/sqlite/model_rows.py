"""How registered models and their versions are read from the tables."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable

from reprise.errors import missing
from reprise.named_tuple import NamedTuple
from reprise.schemas.entities import ModelVersion, RegisteredModel
from reprise.tracking import validation
from reprise.tracking.names import now
from reprise.tracking.sqlite.rows import Connection, columns, pairs
from reprise.tracking.sqlite.run_rows import IN_IDS


class RegisteredRow(NamedTuple):
    id: int
    name: str
    description: str
    creation_time: int
    last_update_time: int
    last_version: int


class VersionRow(NamedTuple):
    id: int
    model: int
    version: int
    creation_time: int
    last_update_time: int
    description: str
    user_id: str
    current_stage: str
    source: str
    storage_location: str
    run_id: str
    run_link: str
    status: str
    status_message: str
    model_id: str | None


def registered_row(connection: Connection, name: str) -> RegisteredRow:
    """The registered model. ``RESOURCE_DOES_NOT_EXIST`` when there is none."""
    row = connection.execute(
        f"SELECT {columns(RegisteredRow)} FROM registered_model WHERE name = ?", (name,)
    ).fetchone()
    if row is None:
        validation.registered_model_name(name)
        raise missing(f"Registered Model with name={name} not found")
    return RegisteredRow(*row)


def version_row(connection: Connection, name: str, version: str) -> VersionRow:
    """The version of a registered model. ``RESOURCE_DOES_NOT_EXIST`` when there is none."""
    model, number = registered_row(connection, name), validation.version(version)
    row = connection.execute(
        f"SELECT {columns(VersionRow)} FROM model_version WHERE model = ? AND version = ?",
        (model.id, number),
    ).fetchone()
    if row is None:
        raise missing(f"Model Version (name={name}, version={number}) not found")
    return VersionRow(*row)


def read_versions(connection: Connection, ids: Iterable[int]) -> list[ModelVersion]:
    """The versions of ``ids``, in their order."""
    wanted = list(ids)
    among = json.dumps(wanted)
    tags = pairs(connection, "model_version_tag", wanted)
    aliases: dict[int, list[str]] = defaultdict(list)
    for number, alias in connection.execute(
        "SELECT v.id, a.alias FROM model_version v JOIN registered_model_alias a"
        f" ON a.model = v.model AND a.version = v.version WHERE v.id {IN_IDS} ORDER BY a.alias",
        (among,),
    ):
        aliases[number].append(alias)
    found = {}
    for name, *values in connection.execute(
        f"SELECT m.name, {columns(VersionRow, 'v')} FROM model_version v"
        " JOIN registered_model m ON m.id = v.model"
        f" WHERE v.id {IN_IDS}",
        (among,),
    ):
        row = VersionRow(*values)
        found[row.id] = _version(name, row, tags[row.id], aliases[row.id])
    return [found[number] for number in wanted]


def read_registered(connection: Connection, ids: Iterable[int]) -> list[RegisteredModel]:
    """The registered models of ``ids`` with the newest version of each stage, in their order."""
    wanted = list(ids)
    among = json.dumps(wanted)
    tags = pairs(connection, "registered_model_tag", wanted)
    aliases: dict[int, dict[str, int]] = defaultdict(dict)
    for model, alias, version in connection.execute(
        f"SELECT model, alias, version FROM registered_model_alias WHERE model {IN_IDS} ORDER BY alias",
        (among,),
    ):
        aliases[model][alias] = version
    newest = connection.execute(
        f"SELECT id, model, max(version) FROM model_version WHERE model {IN_IDS}"
        " GROUP BY model, current_stage ORDER BY model, version",
        (among,),
    ).fetchall()
    latest: dict[int, list[ModelVersion]] = defaultdict(list)
    for (_, model, _), version in zip(
        newest, read_versions(connection, (row[0] for row in newest)), strict=True
    ):
        latest[model].append(version)
    found = connection.execute(
        f"SELECT {columns(RegisteredRow)} FROM registered_model WHERE id {IN_IDS}", (among,)
    )
    rows = {row.id: row for row in (RegisteredRow(*values) for values in found)}
    return [
        RegisteredModel(
            name=row.name,
            creation_time=row.creation_time,
            last_update_time=row.last_update_time,
            description=row.description,
            tags=tags[row.id],
            aliases=aliases[row.id],
            latest_versions=tuple(latest[row.id]),
        )
        for row in map(rows.__getitem__, wanted)
    ]


def touch(connection: Connection, table: str, number: int) -> None:
    """Note that a registered model or a version changed now."""
    connection.execute(f"UPDATE {table} SET last_update_time = ? WHERE id = ?", (now(), number))


def _version(name: str, row: VersionRow, tags: dict[str, str], aliases: list[str]) -> ModelVersion:
    return ModelVersion(
        name=name,
        version=row.version,
        creation_time=row.creation_time,
        last_update_time=row.last_update_time,
        source=row.source,
        description=row.description,
        user_id=row.user_id,
        current_stage=row.current_stage,
        run_id=row.run_id,
        run_link=row.run_link,
        status=row.status,
        status_message=row.status_message,
        model_id=row.model_id,
        tags=tags,
        aliases=tuple(aliases),
    )
