"""The verbs of registered models, over the store's database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reprise.errors import TrackingError
from reprise.schemas.entities import ModelVersion, Page, RegisteredModel
from reprise.tracking import validation
from reprise.tracking.names import now
from reprise.tracking.sqlite.model_rows import (
    read_registered,
    read_versions,
    registered_row,
    version_row,
)
from reprise.tracking.sqlite.rows import (
    Connection,
    Verbs,
    drop_pair,
    put_pairs,
)


class RegisteredModels(Verbs):
    def create_registered_model(
        self, name: str, *, description: str | None = None, tags: Mapping[str, str] | None = None
    ) -> RegisteredModel:
        """``RESOURCE_ALREADY_EXISTS`` when the name is taken."""
        validation.registered_model_name(name)
        validation.tags(tags or {}, validation.MAX_REGISTRY_TAG)
        with self._database.writing() as connection:
            _check_free(connection, name)
            time = now()
            row = connection.execute(
                "INSERT INTO registered_model (name, description, creation_time, last_update_time)"
                " VALUES (?, ?, ?, ?)",
                (name, description or "", time, time),
            )
            number = row.lastrowid or 0
            put_pairs(connection, "registered_model_tag", number, tags or {})
            return read_registered(connection, [number])[0]

    def get_registered_model(self, name: str) -> RegisteredModel:
        """``RESOURCE_DOES_NOT_EXIST`` when there is none."""
        with self._database.reading() as connection:
            return read_registered(connection, [registered_row(connection, name).id])[0]

    def update_registered_model(self, name: str, *, description: str) -> RegisteredModel:
        return self._update(name, "description", description)

    def rename_registered_model(self, name: str, new_name: str) -> RegisteredModel:
        """Its versions, tags and aliases go with it."""
        validation.registered_model_name(new_name)
        return self._update(name, "name", new_name)

    def delete_registered_model(self, name: str) -> None:
        """Delete it with its versions, for good."""
        with self._database.writing() as connection:
            row = registered_row(connection, name)
            connection.execute("DELETE FROM registered_model WHERE id = ?", (row.id,))

    def search_registered_models(
        self,
        *,
        filter: str = "",
        order_by: Sequence[str] = (),
        max_results: int = 100,
        page_token: str | None = None,
    ) -> Page[RegisteredModel]:
        """By name unless ``order_by`` says otherwise; prompts only when the filter asks for them."""
        from reprise.tracking.sqlite.search.pages import page
        from reprise.tracking.sqlite.search.searchables import REGISTERED_MODELS, without_prompts
        from reprise.tracking.sqlite.search.sql import Query

        validation.page_size(max_results)
        scope = without_prompts(filter, "registered_model_tag")
        with self._database.reading() as connection:
            query = Query(REGISTERED_MODELS, scope, filter, order_by)
            ids, token = page(connection, query, max_results, page_token)
            return Page(read_registered(connection, ids), token)

    def set_registered_model_tag(self, name: str, key: str, value: str) -> None:
        validation.tags({key: value}, validation.MAX_REGISTRY_TAG)
        with self._database.writing() as connection:
            row = registered_row(connection, name)
            put_pairs(connection, "registered_model_tag", row.id, {key: value})

    def delete_registered_model_tag(self, name: str, key: str) -> None:
        """No such tag is no error."""
        with self._database.writing() as connection:
            row = registered_row(connection, name)
            drop_pair(connection, "registered_model_tag", row.id, key)

    def set_registered_model_alias(self, name: str, alias: str, version: str) -> None:
        """Point ``alias`` at an existing version."""
        validation.alias(alias)
        with self._database.writing() as connection:
            row = version_row(connection, name, version)
            connection.execute(
                "INSERT INTO registered_model_alias VALUES (?, ?, ?)"
                " ON CONFLICT (model, alias) DO UPDATE SET version = excluded.version",
                (row.model, alias, row.version),
            )

    def delete_registered_model_alias(self, name: str, alias: str) -> None:
        """No such alias is no error."""
        with self._database.writing() as connection:
            row = registered_row(connection, name)
            connection.execute(
                "DELETE FROM registered_model_alias WHERE model = ? AND alias = ?", (row.id, alias)
            )

    def get_model_version_by_alias(self, name: str, alias: str) -> ModelVersion:
        """``latest`` is the newest version; an unknown alias is ``INVALID_PARAMETER_VALUE``."""
        with self._database.reading() as connection:
            row = registered_row(connection, name)
            if alias.lower() == "latest":
                sql = "SELECT id FROM model_version WHERE model = ? ORDER BY version DESC LIMIT 1"
                found = connection.execute(sql, (row.id,)).fetchone()
            else:
                found = connection.execute(
                    "SELECT v.id FROM registered_model_alias a JOIN model_version v"
                    " ON v.model = a.model AND v.version = a.version WHERE a.model = ? AND a.alias = ?",
                    (row.id, alias),
                ).fetchone()
            if found is None:
                raise validation.invalid(f"Registered model alias {alias} not found: the model is {name!r}")
            return read_versions(connection, found)[0]

    def get_latest_versions(self, name: str, stages: Sequence[str] = ()) -> Sequence[ModelVersion]:
        """The newest version of each of ``stages``, or of each stage that has one."""
        wanted = {validation.stage(word) for word in stages}
        latest = self.get_registered_model(name).latest_versions
        return [version for version in latest if not wanted or version.current_stage in wanted]

    def _update(self, name: str, column: str, value: str) -> RegisteredModel:
        with self._database.writing() as connection:
            row = registered_row(connection, name)
            if column == "name" and value != name:
                _check_free(connection, value)
            time = now()
            connection.execute(
                f"UPDATE registered_model SET {column} = ?, last_update_time = ? WHERE id = ?",
                (value, time, row.id),
            )
            if column == "name":
                connection.execute(
                    "UPDATE model_version SET last_update_time = ? WHERE model = ?", (time, row.id)
                )
            return read_registered(connection, [row.id])[0]


def _check_free(connection: Connection, name: str) -> None:
    if connection.execute("SELECT 1 FROM registered_model WHERE name = ?", (name,)).fetchone():
        raise TrackingError(
            f"Registered Model (name={name}) already exists", code="RESOURCE_ALREADY_EXISTS"
        )
