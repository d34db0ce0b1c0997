"""The model registry and the logged models of a store that the MLflow library understands."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from reprise.errors import TrackingError
from reprise.redact import redact
from reprise.schemas.entities import (
    LoggedModel,
    Metric,
    ModelMetric,
    ModelVersion,
    Page,
    RegisteredModel,
)

P = ParamSpec("P")
T = TypeVar("T")


def told_plainly(verb: Callable[P, T]) -> Callable[P, T]:
    """What the library raises becomes a ``TrackingError`` with the same error code."""

    @wraps(verb)
    def told(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return verb(*args, **kwargs)
        except MlflowException as error:
            raise TrackingError(redact(str(error)), code=error.error_code) from error
        except TrackingError:
            raise
        except Exception as error:  # a database driver that is missing, a file that cannot be opened, ...
            what = f"{type(error).__name__}: {redact(str(error))}"
            raise TrackingError(f"the MLflow library cannot use this tracking URI: {what}") from error

    return told


class MlflowModels(ABC):
    """``Registry`` over ``MlflowClient``."""

    _client: MlflowClient

    @abstractmethod
    def _artifact_uri(self, owner: str) -> str: ...

    @told_plainly
    def search_logged_models(
        self, experiment_ids: Sequence[str], *, max_results: int = 100, page_token: str | None = None
    ) -> Page[LoggedModel]:
        if not hasattr(self._client, "search_logged_models"):  # MLflow 2
            return Page([])
        found = self._client.search_logged_models(
            list(experiment_ids), max_results=max_results, page_token=page_token
        )
        return Page([_logged_model(item) for item in found], found.token or None)

    @told_plainly
    def get_logged_model(self, model_id: str) -> LoggedModel:
        return _logged_model(self._client.get_logged_model(model_id))

    @told_plainly
    def create_registered_model(self, name: str, *, description: str | None = None) -> RegisteredModel:
        return _registered_model(self._client.create_registered_model(name, description=description))

    @told_plainly
    def get_registered_model(self, name: str) -> RegisteredModel:
        return _registered_model(self._client.get_registered_model(name))

    @told_plainly
    def delete_registered_model(self, name: str) -> None:
        self._client.delete_registered_model(name)

    @told_plainly
    def search_registered_models(
        self, *, filter: str = "", max_results: int = 100, page_token: str | None = None
    ) -> Page[RegisteredModel]:
        found = self._client.search_registered_models(filter or None, max_results, page_token=page_token)
        return Page([_registered_model(item) for item in found], found.token or None)

    @told_plainly
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
        about = {"model_id": model_id} if model_id else {}
        made = self._client.create_model_version(
            name,
            source,
            run_id,
            tags=dict(tags or {}),
            description=description,
            await_creation_for=0,
            **about,  # MLflow 2 has no such argument
        )
        return _model_version(made)

    @told_plainly
    def delete_model_version(self, name: str, version: str) -> None:
        self._client.delete_model_version(name, version)

    @told_plainly
    def search_model_versions(
        self, *, filter: str = "", max_results: int = 10_000, page_token: str | None = None
    ) -> Page[ModelVersion]:
        found = self._client.search_model_versions(filter or None, max_results, page_token=page_token)
        return Page([_model_version(item) for item in found], found.token or None)

    @told_plainly
    def transition_model_version_stage(
        self, name: str, version: str, stage: str, *, archive_existing_versions: bool = False
    ) -> ModelVersion:
        import warnings

        with warnings.catch_warnings():  # stages are deprecated there; the caller requested one
            warnings.simplefilter("ignore", FutureWarning)
            moved = self._client.transition_model_version_stage(
                name, version, stage, archive_existing_versions
            )
        return _model_version(moved)

    @told_plainly
    def set_registered_model_alias(self, name: str, alias: str, version: str) -> None:
        self._client.set_registered_model_alias(name, alias, version)

    @told_plainly
    def delete_registered_model_alias(self, name: str, alias: str) -> None:
        self._client.delete_registered_model_alias(name, alias)

    @told_plainly
    def model_location(self, name: str, selector: str) -> tuple[str, str]:
        if not selector:
            return str(self._client.get_logged_model(name).model_id), ""
        version = self._version(name, selector)
        source = str(version.source)
        if source.startswith("models:/"):
            inner, _, rest = source.removeprefix("models:/").partition("/")
            return self.model_location(inner, rest)
        if source.startswith("runs:/"):
            run_id, _, path = source.removeprefix("runs:/").partition("/")
            return run_id, path
        root = self._artifact_uri(version.run_id).rstrip("/") if version.run_id else ""
        if version.run_id and f"{source}/".startswith(f"{root}/"):
            return version.run_id, source[len(root) :].strip("/")
        raise TrackingError(
            f"version {version.version} of {name!r} has its files at {redact(source)}, outside its run",
            code="RESOURCE_DOES_NOT_EXIST",
        )

    @told_plainly
    def model_versions(self, run_id: str) -> Sequence[ModelVersion]:
        found = self._client.search_model_versions(f"run_id = '{run_id}'")
        return [_model_version(version) for version in found]

    def _version(self, name: str, selector: str) -> Any:
        if selector.startswith("@"):
            return self._client.get_model_version_by_alias(name, selector[1:])
        if selector.isdecimal():
            return self._client.get_model_version(name, selector)
        versions = [
            version
            for version in self._client.get_registered_model(name).latest_versions
            if selector.lower() in {"latest", version.current_stage.lower()}
        ]
        if not versions:
            raise TrackingError(f"{name!r} has no version {selector!r}", code="RESOURCE_DOES_NOT_EXIST")
        return max(versions, key=lambda version: int(version.version))


def is_model(owner: str) -> bool:
    """Whether the owner of artifacts is a logged model, and no run."""
    return owner.startswith("m-")


def _model_version(found: Any) -> ModelVersion:
    return ModelVersion(
        name=found.name,
        version=int(found.version),
        creation_time=found.creation_timestamp or 0,
        last_update_time=found.last_updated_timestamp or 0,
        source=found.source or "",
        description=found.description or "",
        user_id=found.user_id or "",
        current_stage=found.current_stage or "None",
        run_id=found.run_id or "",
        run_link=found.run_link or "",
        status=found.status or "READY",
        status_message=found.status_message or "",
        model_id=getattr(found, "model_id", None),
        tags=dict(found.tags or {}),
        aliases=tuple(found.aliases or ()),
    )


def _registered_model(found: Any) -> RegisteredModel:
    return RegisteredModel(
        name=found.name,
        creation_time=found.creation_timestamp or 0,
        last_update_time=found.last_updated_timestamp or 0,
        description=found.description or "",
        tags=dict(found.tags or {}),
        aliases={alias: int(version) for alias, version in found.aliases.items()},
        latest_versions=tuple(_model_version(version) for version in found.latest_versions or ()),
    )


def _logged_model(found: Any) -> LoggedModel:
    return LoggedModel(
        model_id=found.model_id,
        experiment_id=str(found.experiment_id),
        name=found.name,
        artifact_uri=found.artifact_location,
        status=f"LOGGED_MODEL_{found.status.name}"
        if found.status.name != "FAILED"
        else "LOGGED_MODEL_UPLOAD_FAILED",
        creation_time=found.creation_timestamp,
        last_update_time=found.last_updated_timestamp,
        model_type=found.model_type or None,
        source_run_id=found.source_run_id or None,
        status_message=found.status_message or None,
        tags=dict(found.tags or {}),
        params=dict(found.params or {}),
        metrics=tuple(
            ModelMetric(
                found.model_id,
                point.run_id or "",
                Metric(
                    point.key,
                    point.value,
                    point.timestamp,
                    point.step,
                    None,
                    point.dataset_name,
                    point.dataset_digest,
                ),
            )
            for point in found.metrics or ()
        ),
    )
