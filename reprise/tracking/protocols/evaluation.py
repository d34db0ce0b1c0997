"""What a store does with evaluation datasets and their records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from reprise.schemas.entities import EvaluationDataset, EvaluationRecord, Page
from reprise.tracking.protocols.subjects import Subject, not_kept


class EvaluationStore(Protocol):
    """The verbs of evaluation datasets; a store may leave them out."""

    def create_evaluation_dataset(
        self, name: str, *, experiment_ids: Sequence[str] = (), tags: Mapping[str, str] | None = None
    ) -> EvaluationDataset:
        """Several datasets may have one name. ``RESOURCE_DOES_NOT_EXIST``: there is no such experiment."""
        raise not_kept(Subject.EVALUATION)

    def get_evaluation_dataset(self, dataset_id: str) -> EvaluationDataset:
        """``RESOURCE_DOES_NOT_EXIST`` when there is none."""
        raise not_kept(Subject.EVALUATION)

    def delete_evaluation_dataset(self, dataset_id: str) -> None:
        """With its records; no such dataset is no error."""
        raise not_kept(Subject.EVALUATION)

    def search_evaluation_datasets(
        self,
        experiment_ids: Sequence[str] = (),
        *,
        filter: str = "",
        order_by: Sequence[str] = (),
        max_results: int = 1000,
        page_token: str | None = None,
    ) -> Page[EvaluationDataset]:
        """Newest first unless ``order_by`` says otherwise; without experiments, of all of them."""
        raise not_kept(Subject.EVALUATION)

    def set_evaluation_dataset_tags(self, dataset_id: str, tags: Mapping[str, str | None]) -> None:
        """None removes a tag."""
        raise not_kept(Subject.EVALUATION)

    def delete_evaluation_dataset_tag(self, dataset_id: str, key: str) -> None:
        """No such tag is no error."""
        raise not_kept(Subject.EVALUATION)

    def link_evaluation_dataset(self, dataset_id: str, experiment_ids: Sequence[str]) -> EvaluationDataset:
        """Let a search for datasets of the experiments find it."""
        raise not_kept(Subject.EVALUATION)

    def unlink_evaluation_dataset(
        self, dataset_id: str, experiment_ids: Sequence[str]
    ) -> EvaluationDataset:
        """An experiment that it is not linked to is no error."""
        raise not_kept(Subject.EVALUATION)

    def put_evaluation_records(
        self, dataset_id: str, records: Sequence[Mapping[str, Any]]
    ) -> tuple[int, int]:
        """How many were inserted, and how many updated: those whose inputs are there already."""
        raise not_kept(Subject.EVALUATION)

    def evaluation_records(
        self, dataset_id: str, *, max_results: int = 1000, page_token: str | None = None
    ) -> Page[EvaluationRecord]:
        """In the order in which they were made."""
        raise not_kept(Subject.EVALUATION)

    def delete_evaluation_records(self, dataset_id: str, record_ids: Sequence[str]) -> int:
        """How many there were."""
        raise not_kept(Subject.EVALUATION)
