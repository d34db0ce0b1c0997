"""The verbs of the model registry and of logged models on an MLflow server."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from reprise.errors import TrackingError
from reprise.schemas.entities import LoggedModel, ModelVersion, Page, RegisteredModel, Run
from reprise.tracking.rest import shapes as shapes
from reprise.tracking.rest.connection import RestConnection, page_query
from reprise.tracking.rest.fields import next_page_token, parts, text


class RestModels(ABC):
    """Satisfies ``Registry``."""

    _connection: RestConnection

    @abstractmethod
    def get_run(self, run_id: str) -> Run: ...

    def search_logged_models(
        self, experiment_ids: Sequence[str], *, max_results: int = 100, page_token: str | None = None
    ) -> Page[LoggedModel]:
        body = {
            "experiment_ids": list(experiment_ids),
            "max_results": max_results,
            **page_query(page_token),
        }
        try:
            answer = self._connection.call("POST", "logged-models/search", json=body)
        except TrackingError as error:
            if error.code == "ENDPOINT_NOT_FOUND":  # MLflow 2 had none
                return Page([])
            raise
        models = [shapes.logged_model(item) for item in parts(answer, "models")]
        return Page(models, next_page_token(answer))

    def get_logged_model(self, model_id: str) -> LoggedModel:
        return shapes.logged_model(self._connection.call("GET", logged_model_path(model_id))["model"])

    def create_registered_model(self, name: str, *, description: str | None = None) -> RegisteredModel:
        body = {"name": name, **_given(description=description)}
        answer = self._connection.call("POST", "registered-models/create", json=body, repeatable=False)
        return shapes.registered_model(answer["registered_model"])

    def get_registered_model(self, name: str) -> RegisteredModel:
        answer = self._connection.call("GET", "registered-models/get", query={"name": name})
        return shapes.registered_model(answer["registered_model"])

    def delete_registered_model(self, name: str) -> None:
        self._connection.call("DELETE", "registered-models/delete", json={"name": name})

    def search_registered_models(
        self, *, filter: str = "", max_results: int = 100, page_token: str | None = None
    ) -> Page[RegisteredModel]:
        query = {"filter": filter, "max_results": max_results, **page_query(page_token)}
        answer = self._connection.call("GET", "registered-models/search", query=query)
        models = [shapes.registered_model(item) for item in parts(answer, "registered_models")]
        return Page(models, next_page_token(answer))

    def create_model_version(
        self,
        name: str,
        source: str,
        *,
        run_id: str | None = None,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        model_id: str | None = None,
    ) -> ModelVersion:
        about = _given(run_id=run_id, description=description, model_id=model_id)
        body = {"name": name, "source": source, "tags": shapes.pairs(tags or {}), **about}
        answer = self._connection.call("POST", "model-versions/create", json=body, repeatable=False)
        return shapes.model_version(answer["model_version"])

    def delete_model_version(self, name: str, version: str) -> None:
        self._connection.call("DELETE", "model-versions/delete", json={"name": name, "version": version})

    def search_model_versions(
        self, *, filter: str = "", max_results: int = 10_000, page_token: str | None = None
    ) -> Page[ModelVersion]:
        query = {"filter": filter, "max_results": max_results, **page_query(page_token)}
        answer = self._connection.call("GET", "model-versions/search", query=query)
        versions = [shapes.model_version(item) for item in parts(answer, "model_versions")]
        return Page(versions, next_page_token(answer))

    def transition_model_version_stage(
        self, name: str, version: str, stage: str, *, archive_existing_versions: bool = False
    ) -> ModelVersion:
        body = {
            "name": name,
            "version": version,
            "stage": stage,
            "archive_existing_versions": archive_existing_versions,
        }
        answer = self._connection.call("POST", "model-versions/transition-stage", json=body)
        return shapes.model_version(answer["model_version"])

    def set_registered_model_alias(self, name: str, alias: str, version: str) -> None:
        body = {"name": name, "alias": alias, "version": version}
        self._connection.call("POST", "registered-models/alias", json=body)

    def delete_registered_model_alias(self, name: str, alias: str) -> None:
        self._connection.call("DELETE", "registered-models/alias", json={"name": name, "alias": alias})

    def model_location(self, name: str, selector: str) -> tuple[str, str]:
        if not selector:
            return self.get_logged_model(name).model_id, ""
        version = self._version(name, selector)
        source = version.source
        if source.startswith("models:/"):
            target, _, inner = source.removeprefix("models:/").partition("/")
            return self.model_location(target, inner)
        if source.startswith("runs:/"):
            run_id, _, path = source.removeprefix("runs:/").partition("/")
            return run_id, path
        return self._owner(version)

    def model_versions(self, run_id: str) -> Sequence[ModelVersion]:
        query = {"filter": f"run_id = '{run_id}'"}
        found = self._connection.items("model-versions/search", query, "model_versions")
        return [shapes.model_version(item) for item in found]

    def _version(self, name: str, selector: str) -> ModelVersion:
        """The version that ``@alias``, ``latest``, a stage or a number means."""
        if selector.startswith("@"):
            query: dict[str, str] = {"name": name, "alias": selector[1:]}
            answer = self._connection.call("GET", "registered-models/alias", query=query)
            return shapes.model_version(answer["model_version"])
        if selector.isdecimal():
            query = {"name": name, "version": selector}
            answer = self._connection.call("GET", "model-versions/get", query=query)
            return shapes.model_version(answer["model_version"])
        query = {"name": name}
        if selector.lower() != "latest":
            query["stages"] = selector
        newest = self._connection.call("GET", "registered-models/get-latest-versions", query=query)
        versions = [shapes.model_version(item) for item in parts(newest, "model_versions")]
        if not versions:
            raise TrackingError(
                f'The registered model "{name}" has no version "{selector}"',
                code="RESOURCE_DOES_NOT_EXIST",
            )
        return max(versions, key=lambda version: version.version)

    def _owner(self, version: ModelVersion) -> tuple[str, str]:
        """The run whose artifact root holds the files of a model version."""
        query = {"name": version.name, "version": str(version.version)}
        answer = self._connection.call("GET", "model-versions/get-download-uri", query=query)
        uri = text(answer, "artifact_uri")
        root = self.get_run(version.run_id).artifact_uri.rstrip("/") if version.run_id else ""
        if not version.run_id or not f"{uri}/".startswith(f"{root}/"):
            raise TrackingError(
                f"Version {version.version} of {version.name} is in {uri}, outside of any run",
                code="NOT_IMPLEMENTED",
                hint="give the address of its files instead of models:/",
            )
        return version.run_id, uri[len(root) :].strip("/")


def logged_model_path(model_id: str) -> str:
    return f"logged-models/{quote(model_id, safe='')}"


def is_model(owner: str) -> bool:
    """Whether the owner of artifacts is a logged model, and no run."""
    return owner.startswith("m-")


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
