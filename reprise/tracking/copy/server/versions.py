"""How the versions of registered models are pushed to an MLflow server, which numbers them itself.

They are made in the order of their numbers; a number that the source has deleted is used up there.
"""

from __future__ import annotations

from collections.abc import Mapping

from reprise.errors import TrackingError
from reprise.schemas.entities import ModelVersion
from reprise.schemas.tags import COPIED_FROM
from reprise.tracking.copy import marks
from reprise.tracking.copy.server.base import ServerEnd
from reprise.tracking.merging.fields import changes_of, kept_of, with_tags
from reprise.tracking.merging.merge import merge_fields
from reprise.tracking.protocols.copying import Put, SourceVersion

_PATH = "model-versions"
_NO_STAGE = "None"


class PushedVersions(ServerEnd):
    def put_version(self, given: SourceVersion) -> Put:
        """Make it under its number, or bring the one that was pushed up to date."""
        version = given.version
        here = self._version_there(version.name, version.version)
        if here is None:
            self._make_version(given)
            return Put(str(version.version), is_new=True)
        if here.tags.get(COPIED_FROM) != _identity_of(version):
            raise TrackingError(
                "the server has another version of this number", code="RESOURCE_ALREADY_EXISTS"
            )
        theirs = _fields_of(version)
        merge = merge_fields(theirs, _fields_of(self.original_version(here)), marks.said_before(here.tags))
        changes = changes_of(merge)
        self._set_facts(version, changes.facts)
        self._change_version_tags(version, changes.tags)
        self._change_version_tags(version, marks.state_mark(theirs))
        return Put(str(version.version), kept=kept_of("versions", merge))

    def drop_version(self, version: ModelVersion) -> Put:
        """What the source deleted, and was pushed before."""
        here = self._version_there(version.name, version.version)
        if here is not None and here.tags.get(COPIED_FROM) == _identity_of(version):
            self.tracking.delete_model_version(version.name, str(version.version))
        return Put("")

    def find_version(self, version: ModelVersion) -> ModelVersion | None:
        here = self._version_there(version.name, version.version)
        if here is None or here.tags.get(COPIED_FROM) != _identity_of(version):
            return None
        return self.original_version(here)

    def _version_there(self, name: str, number: int) -> ModelVersion | None:
        quoted = name.replace("'", "''")
        found = self.tracking.search_model_versions(filter=f"name = '{quoted}'").items
        return next((version for version in found if version.version == number), None)

    def _make_version(self, given: SourceVersion) -> None:
        version = given.version
        here = ""
        source, model_id = version.source, None
        if given.place is not None:
            owner, path = given.place
            here, source, model_id = self._source_of(owner, path, version.source)
        made = self._create_version(given, source, here, model_id)
        while made.version < version.version:  # a number that was used up there, too
            self.tracking.delete_model_version(version.name, str(made.version))
            made = self._create_version(given, source, here, model_id)
        if made.version != version.version:
            self.tracking.delete_model_version(version.name, str(made.version))
            raise TrackingError(
                f"the server has given its number already; the next one there is {made.version}",
                code="RESOURCE_ALREADY_EXISTS",
            )
        self._set_facts(version, {"stage": version.current_stage})

    def _create_version(
        self, given: SourceVersion, source: str, run_id: str, model_id: str | None
    ) -> ModelVersion:
        version = given.version
        times = marks.Times(version.creation_time, version.last_update_time)
        return self.tracking.create_model_version(
            version.name,
            source,
            run_id=run_id or None,
            description=version.description or None,
            tags={**version.tags, **marks.marks_of(_identity_of(version), _fields_of(version), times)},
            model_id=model_id,
        )

    def _source_of(self, owner: str, path: str, source: str) -> tuple[str, str, str | None]:
        """The run that the files of a version come from, where they are, and the logged model; there."""
        here = self.ids.find_id(owner)
        if here is None:
            raise TrackingError(f"{owner}, which has its files, was not pushed")
        if source.startswith("models:/"):
            return "", f"models:/{here}{f'/{path}' if path else ''}", here
        if owner.startswith("m-"):
            root = self.tracking.get_logged_model(here).artifact_uri
            return "", f"{root}/{path}".rstrip("/"), here
        return here, f"{self.tracking.get_run(here).artifact_uri}/{path}".rstrip("/"), None

    def _set_facts(self, version: ModelVersion, changes: Mapping[str, str | None]) -> None:
        if "description" in changes:
            body = {
                "name": version.name,
                "version": str(version.version),
                "description": version.description,
            }
            self.tracking.connection.call("PATCH", f"{_PATH}/update", json=body)
        if (stage := changes.get("stage")) and stage != _NO_STAGE:
            self.tracking.transition_model_version_stage(version.name, str(version.version), stage)

    def _change_version_tags(self, version: ModelVersion, changes: Mapping[str, str | None]) -> None:
        about = {"name": version.name, "version": str(version.version)}
        for key, value in changes.items():
            if value is None:
                self.tracking.connection.call("DELETE", f"{_PATH}/delete-tag", json={**about, "key": key})
            else:
                body = {**about, "key": key, "value": value}
                self.tracking.connection.call("POST", f"{_PATH}/set-tag", json=body)

    def original_version(self, here: ModelVersion) -> ModelVersion:
        times = marks.times_of(here.tags) or marks.Times(here.creation_time, here.last_update_time)
        return here._replace(
            tags=marks.without_marks(here.tags),
            run_id=self.ids.run_origin(here.run_id) if here.run_id else "",
            creation_time=times.creation,
            last_update_time=times.last_update,
        )


def _identity_of(version: ModelVersion) -> str:
    return f"{version.name}/{version.version}@{version.creation_time}"


def _fields_of(version: ModelVersion) -> dict[str, str]:
    return with_tags({"description": version.description, "stage": version.current_stage}, version.tags)
