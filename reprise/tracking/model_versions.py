"""The verbs of model versions, over the store's database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reprise.schemas.entities import ModelVersion, Page


class ModelVersions:
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
        """The next version of a registered model. ``source`` may be ``models:/m-…`` or ``models:/name/1``."""
        raise NotImplementedError

    def get_model_version(self, name: str, version: str) -> ModelVersion:
        """``RESOURCE_DOES_NOT_EXIST`` when there is none."""
        raise NotImplementedError

    def update_model_version(self, name: str, version: str, *, description: str) -> ModelVersion:
        raise NotImplementedError

    def transition_model_version_stage(
        self, name: str, version: str, stage: str, *, archive_existing_versions: bool = False
    ) -> ModelVersion:
        """Move it to ``stage`` (any letter case), and the others of that stage to ``Archived``."""
        raise NotImplementedError

    def delete_model_version(self, name: str, version: str) -> None:
        """Delete it, its tags and the aliases that point at it; its number is not given again."""
        raise NotImplementedError

    def search_model_versions(
        self,
        *,
        filter: str = "",
        order_by: Sequence[str] = (),
        max_results: int = 10_000,
        page_token: str | None = None,
    ) -> Page[ModelVersion]:
        """Last changed first unless ``order_by`` says otherwise."""
        raise NotImplementedError

    def set_model_version_tag(self, name: str, version: str, key: str, value: str) -> None:
        raise NotImplementedError

    def delete_model_version_tag(self, name: str, version: str, key: str) -> None:
        """No such tag is no error."""
        raise NotImplementedError

    def model_version_download_uri(self, name: str, version: str) -> str:
        """The URI that the version's files are read from."""
        raise NotImplementedError
