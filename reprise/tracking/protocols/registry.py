"""What a store does with registered models and their versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from reprise.schemas.entities import ModelVersion, Page, RegisteredModel
from reprise.tracking.protocols.subjects import Subject, not_kept


class ModelRegistry(Protocol):
    """The verbs of the model registry; a store may leave them out."""

    def create_registered_model(
        self, name: str, *, description: str | None = None, tags: Mapping[str, str] | None = None
    ) -> RegisteredModel:
        """``RESOURCE_ALREADY_EXISTS`` when the name is taken."""
        raise not_kept(Subject.MODELS)

    def get_registered_model(self, name: str) -> RegisteredModel:
        """``RESOURCE_DOES_NOT_EXIST`` when there is none."""
        raise not_kept(Subject.MODELS)

    def update_registered_model(self, name: str, *, description: str) -> RegisteredModel:
        raise not_kept(Subject.MODELS)

    def rename_registered_model(self, name: str, new_name: str) -> RegisteredModel:
        """Its versions, tags and aliases go with it."""
        raise not_kept(Subject.MODELS)

    def delete_registered_model(self, name: str) -> None:
        """Delete it with its versions, for good."""
        raise not_kept(Subject.MODELS)

    def search_registered_models(
        self,
        *,
        filter: str = "",
        order_by: Sequence[str] = (),
        max_results: int = 100,
        page_token: str | None = None,
    ) -> Page[RegisteredModel]:
        """By name unless ``order_by`` says otherwise; prompts only when the filter asks for them."""
        raise not_kept(Subject.MODELS)

    def set_registered_model_tag(self, name: str, key: str, value: str) -> None:
        raise not_kept(Subject.MODELS)

    def delete_registered_model_tag(self, name: str, key: str) -> None:
        """No such tag is no error."""
        raise not_kept(Subject.MODELS)

    def set_registered_model_alias(self, name: str, alias: str, version: str) -> None:
        """Point ``alias`` at an existing version."""
        raise not_kept(Subject.MODELS)

    def delete_registered_model_alias(self, name: str, alias: str) -> None:
        """No such alias is no error."""
        raise not_kept(Subject.MODELS)

    def get_model_version_by_alias(self, name: str, alias: str) -> ModelVersion:
        """``latest`` is the newest version; an unknown alias is ``INVALID_PARAMETER_VALUE``."""
        raise not_kept(Subject.MODELS)

    def get_latest_versions(self, name: str, stages: Sequence[str] = ()) -> Sequence[ModelVersion]:
        """The newest version of each of ``stages``, or of each stage that has one."""
        raise not_kept(Subject.MODELS)

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
        raise not_kept(Subject.MODELS)

    def get_model_version(self, name: str, version: str) -> ModelVersion:
        """With the params and metrics of its logged model; ``RESOURCE_DOES_NOT_EXIST`` without it."""
        raise not_kept(Subject.MODELS)

    def update_model_version(self, name: str, version: str, *, description: str) -> ModelVersion:
        raise not_kept(Subject.MODELS)

    def transition_model_version_stage(
        self, name: str, version: str, stage: str, *, archive_existing_versions: bool = False
    ) -> ModelVersion:
        """Move it to ``stage`` (any letter case), and the others of that stage to ``Archived``."""
        raise not_kept(Subject.MODELS)

    def delete_model_version(self, name: str, version: str) -> None:
        """Delete it, its tags and the aliases that point at it; its number is not given again."""
        raise not_kept(Subject.MODELS)

    def search_model_versions(
        self,
        *,
        filter: str = "",
        order_by: Sequence[str] = (),
        max_results: int = 10000,
        page_token: str | None = None,
    ) -> Page[ModelVersion]:
        """Last changed first unless ``order_by`` says otherwise; a tag or an alias is no change."""
        raise not_kept(Subject.MODELS)

    def set_model_version_tag(self, name: str, version: str, key: str, value: str) -> None:
        raise not_kept(Subject.MODELS)

    def delete_model_version_tag(self, name: str, version: str, key: str) -> None:
        """No such tag is no error."""
        raise not_kept(Subject.MODELS)

    def model_version_download_uri(self, name: str, version: str) -> str:
        """The URI that the version's files are read from."""
        raise not_kept(Subject.MODELS)

    def model_location(self, name: str, selector: str) -> tuple[str, str]:
        """As :meth:`reprise.tracking.base.Tracking.model_location`."""
        raise not_kept(Subject.MODELS)

    def model_versions(self, run_id: str) -> Sequence[ModelVersion]:
        """The versions of registered models that came from the run."""
        raise not_kept(Subject.MODELS)
