"""What a store does with logged models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from reprise.schemas.entities import Artifact, LoggedModel, ModelOrder, Page
from reprise.tracking.protocols.subjects import Subject, not_kept


class LoggedModelStore(Protocol):
    """The verbs of logged models; a store may leave them out."""

    def create_logged_model(
        self,
        experiment_id: str,
        *,
        name: str | None = None,
        source_run_id: str | None = None,
        tags: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        model_type: str | None = None,
    ) -> LoggedModel:
        """Begin a model, ``LOGGED_MODEL_PENDING``; without a name it gets a random one."""
        raise not_kept(Subject.MODELS)

    def get_logged_model(self, model_id: str, *, allow_deleted: bool = False) -> LoggedModel:
        """``RESOURCE_DOES_NOT_EXIST`` when there is none."""
        raise not_kept(Subject.MODELS)

    def search_logged_models(
        self,
        experiment_ids: Sequence[str],
        *,
        filter: str = "",
        order_by: Sequence[ModelOrder] = (),
        datasets: Sequence[tuple[str, str | None]] = (),
        max_results: int = 100,
        page_token: str | None = None,
    ) -> Page[LoggedModel]:
        """Newest first; ``datasets`` (name, digest) narrow the metrics that the filter looks at."""
        raise not_kept(Subject.MODELS)

    def deleted_logged_models(self, experiment_id: str) -> Sequence[LoggedModel]:
        """Those of an experiment that were deleted themselves, oldest first."""
        raise not_kept(Subject.MODELS)

    def finalize_logged_model(self, model_id: str, status: str) -> LoggedModel:
        """Set the status: ``LOGGED_MODEL_READY``, ``LOGGED_MODEL_UPLOAD_FAILED`` or ``..._PENDING``."""
        raise not_kept(Subject.MODELS)

    def log_logged_model_params(self, model_id: str, params: Mapping[str, str]) -> None:
        raise not_kept(Subject.MODELS)

    def set_logged_model_tags(self, model_id: str, tags: Mapping[str, str]) -> None:
        raise not_kept(Subject.MODELS)

    def delete_logged_model_tag(self, model_id: str, key: str) -> None:
        """``RESOURCE_DOES_NOT_EXIST`` when there is no such tag."""
        raise not_kept(Subject.MODELS)

    def delete_logged_model(self, model_id: str) -> None:
        """Mark it deleted."""
        raise not_kept(Subject.MODELS)

    def list_model_artifacts(self, model_id: str, path: str = "") -> Sequence[Artifact]:
        """The direct children of ``path`` among the files of a logged model."""
        raise not_kept(Subject.MODELS)
