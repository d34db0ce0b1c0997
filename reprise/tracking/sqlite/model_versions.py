"""The verbs of model versions, over the store's database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reprise.schemas.entities import MODEL_STAGES, ModelVersion, Page
from reprise.tracking import validation
from reprise.tracking.names import now
from reprise.tracking.sqlite.logged_models import model_row, read_models
from reprise.tracking.sqlite.model_rows import (
    read_versions,
    registered_row,
    touch,
    version_row,
)
from reprise.tracking.sqlite.rows import (
    Connection,
    Verbs,
    drop_pair,
    put_pairs,
)

_ARCHIVED = MODEL_STAGES[-1]
_ACTIVE_STAGES = ("Staging", "Production")


class ModelVersions(Verbs):
    def create_model_version(
        self,
        name: str,
        source: str,
        *,
        run_id: str | None = None,
        run_link: str | None = None,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        model_id: str | None = None,
    ) -> ModelVersion:
        """The next version of a registered model.

        ``source`` is an artifact URI, ``models:/m-…`` or ``models:/name/1``.
        """
        validation.tags(tags or {}, validation.MAX_REGISTRY_TAG)
        with self._database.writing() as connection:
            model = registered_row(connection, name)
            storage, from_model = _storage(connection, source)
            model_id = model_id or from_model
            if model_id and not run_id:
                run_id = model_row(connection, model_id).source_run_id
            time = now()
            connection.execute(
                "UPDATE registered_model SET last_version = last_version + 1, last_update_time = ?"
                " WHERE id = ?",
                (time, model.id),
            )
            row = connection.execute(
                "INSERT INTO model_version (model, version, creation_time, last_update_time, description,"
                " user_id, current_stage, source, storage_location, run_id, run_link, status,"
                " status_message, model_id)"
                " VALUES (?, ?, ?, ?, ?, '', ?, ?, ?, ?, ?, 'READY', '', ?)",
                (
                    model.id,
                    model.last_version + 1,
                    time,
                    time,
                    description or "",
                    MODEL_STAGES[0],
                    source,
                    storage,
                    run_id or "",
                    run_link or "",
                    model_id,
                ),
            )
            number = row.lastrowid or 0
            put_pairs(connection, "model_version_tag", number, tags or {})
            return read_versions(connection, [number])[0]

    def get_model_version(self, name: str, version: str) -> ModelVersion:
        """With the params and metrics of its logged model; ``RESOURCE_DOES_NOT_EXIST`` without it."""
        with self._database.reading() as connection:
            row = version_row(connection, name, version)
            found = read_versions(connection, [row.id])[0]
            if not row.model_id:
                return found
            model = read_models(connection, [model_row(connection, row.model_id).id])[0]
            return found._replace(params=model.params, metrics=model.metrics)

    def update_model_version(self, name: str, version: str, *, description: str) -> ModelVersion:
        with self._database.writing() as connection:
            row = version_row(connection, name, version)
            connection.execute(
                "UPDATE model_version SET description = ? WHERE id = ?", (description, row.id)
            )
            touch(connection, "model_version", row.id)
            return read_versions(connection, [row.id])[0]

    def transition_model_version_stage(
        self, name: str, version: str, stage: str, *, archive_existing_versions: bool = False
    ) -> ModelVersion:
        """Move it to ``stage`` (any letter case), and the others of that stage to ``Archived``."""
        stage = validation.stage(stage)
        if archive_existing_versions and stage not in _ACTIVE_STAGES:
            raise validation.invalid(
                f"versions are archived when one moves to Staging or Production, not {stage}"
            )
        with self._database.writing() as connection:
            row = version_row(connection, name, version)
            time = now()
            if archive_existing_versions:
                connection.execute(
                    "UPDATE model_version SET current_stage = ?, last_update_time = ?"
                    " WHERE model = ? AND current_stage = ? AND id != ?",
                    (_ARCHIVED, time, row.model, stage, row.id),
                )
            connection.execute(
                "UPDATE model_version SET current_stage = ?, last_update_time = ? WHERE id = ?",
                (stage, time, row.id),
            )
            touch(connection, "registered_model", row.model)
            return read_versions(connection, [row.id])[0]

    def delete_model_version(self, name: str, version: str) -> None:
        """Delete it, its tags and the aliases that point at it; its number is not given again."""
        with self._database.writing() as connection:
            row = version_row(connection, name, version)
            connection.execute("DELETE FROM model_version WHERE id = ?", (row.id,))
            touch(connection, "registered_model", row.model)

    def search_model_versions(
        self,
        *,
        filter: str = "",
        order_by: Sequence[str] = (),
        max_results: int = 10_000,
        page_token: str | None = None,
    ) -> Page[ModelVersion]:
        """Last changed first unless ``order_by`` says otherwise; a tag or an alias is no change."""
        from reprise.tracking.sqlite.search.pages import page
        from reprise.tracking.sqlite.search.searchables import MODEL_VERSIONS, without_prompts
        from reprise.tracking.sqlite.search.sql import Query

        validation.page_size(max_results, limit=200_000)
        scope = without_prompts(filter, "model_version_tag")
        with self._database.reading() as connection:
            query = Query(MODEL_VERSIONS, scope, filter, order_by)
            ids, token = page(connection, query, max_results, page_token)
            return Page(read_versions(connection, ids), token)

    def set_model_version_tag(self, name: str, version: str, key: str, value: str) -> None:
        validation.tags({key: value}, validation.MAX_REGISTRY_TAG)
        with self._database.writing() as connection:
            row = version_row(connection, name, version)
            put_pairs(connection, "model_version_tag", row.id, {key: value})

    def delete_model_version_tag(self, name: str, version: str, key: str) -> None:
        """No such tag is no error."""
        with self._database.writing() as connection:
            row = version_row(connection, name, version)
            drop_pair(connection, "model_version_tag", row.id, key)

    def model_version_download_uri(self, name: str, version: str) -> str:
        """The URI that the version's files are read from."""
        with self._database.reading() as connection:
            return version_row(connection, name, version).storage_location


def _storage(connection: Connection, source: str) -> tuple[str, str | None]:
    """Return the place of the files of ``source``, and its logged model, if it is one."""
    if not source.startswith("models:/"):
        return source, None
    name, _, version = source.removeprefix("models:/").strip("/").partition("/")
    if not version:
        return model_row(connection, name).artifact_uri, name
    row = version_row(connection, name, version)
    return row.storage_location, row.model_id
