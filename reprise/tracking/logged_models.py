"""The verbs of logged models (MLflow 3), over the store's database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reprise.schemas.entities import LoggedModel, ModelOrder, Page


class LoggedModels:
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
        raise NotImplementedError

    def get_logged_model(self, model_id: str, *, allow_deleted: bool = False) -> LoggedModel:
        """``RESOURCE_DOES_NOT_EXIST`` when there is none."""
        raise NotImplementedError

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
        raise NotImplementedError

    def finalize_logged_model(self, model_id: str, status: str) -> LoggedModel:
        """Set the status: ``LOGGED_MODEL_READY``, ``LOGGED_MODEL_UPLOAD_FAILED`` or ``..._PENDING``."""
        raise NotImplementedError

    def log_logged_model_params(self, model_id: str, params: Mapping[str, str]) -> None:
        raise NotImplementedError

    def set_logged_model_tags(self, model_id: str, tags: Mapping[str, str]) -> None:
        raise NotImplementedError

    def delete_logged_model_tag(self, model_id: str, key: str) -> None:
        """``RESOURCE_DOES_NOT_EXIST`` when there is no such tag."""
        raise NotImplementedError

    def delete_logged_model(self, model_id: str) -> None:
        """Mark it deleted."""
        raise NotImplementedError
