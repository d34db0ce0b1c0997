"""The verbs of registered models, over the store's database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reprise.schemas.entities import ModelVersion, Page, RegisteredModel


class RegisteredModels:
    def create_registered_model(
        self, name: str, *, description: str | None = None, tags: Mapping[str, str] | None = None
    ) -> RegisteredModel:
        """``RESOURCE_ALREADY_EXISTS`` when the name is taken."""
        raise NotImplementedError

    def get_registered_model(self, name: str) -> RegisteredModel:
        """``RESOURCE_DOES_NOT_EXIST`` when there is none."""
        raise NotImplementedError

    def update_registered_model(self, name: str, *, description: str) -> RegisteredModel:
        raise NotImplementedError

    def rename_registered_model(self, name: str, new_name: str) -> RegisteredModel:
        """Its versions, tags and aliases go with it."""
        raise NotImplementedError

    def delete_registered_model(self, name: str) -> None:
        """Delete it with its versions, for good."""
        raise NotImplementedError

    def search_registered_models(
        self,
        *,
        filter: str = "",
        order_by: Sequence[str] = (),
        max_results: int = 100,
        page_token: str | None = None,
    ) -> Page[RegisteredModel]:
        """By name unless ``order_by`` says otherwise; prompts only when the filter asks for them."""
        raise NotImplementedError

    def set_registered_model_tag(self, name: str, key: str, value: str) -> None:
        raise NotImplementedError

    def delete_registered_model_tag(self, name: str, key: str) -> None:
        """No such tag is no error."""
        raise NotImplementedError

    def set_registered_model_alias(self, name: str, alias: str, version: str) -> None:
        """Point ``alias`` at an existing version."""
        raise NotImplementedError

    def delete_registered_model_alias(self, name: str, alias: str) -> None:
        """No such alias is no error."""
        raise NotImplementedError

    def get_model_version_by_alias(self, name: str, alias: str) -> ModelVersion:
        """``latest`` is the newest version; an unknown alias is ``INVALID_PARAMETER_VALUE``."""
        raise NotImplementedError

    def get_latest_versions(self, name: str, stages: Sequence[str] = ()) -> Sequence[ModelVersion]:
        """The newest version of each of ``stages``, or of each stage that has one."""
        raise NotImplementedError
