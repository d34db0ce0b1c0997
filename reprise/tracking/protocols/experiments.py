"""What a store does with experiments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from reprise.schemas.entities import Experiment, Page, ViewType


class ExperimentStore(Protocol):
    """The verbs of experiments."""

    def create_experiment(
        self, name: str, *, artifact_location: str | None = None, tags: Mapping[str, str] | None = None
    ) -> str:
        """Make an experiment, and return its id. ``RESOURCE_ALREADY_EXISTS`` when the name is taken."""
        ...

    def get_experiment(self, experiment_id: str) -> Experiment:
        """Active or deleted. ``RESOURCE_DOES_NOT_EXIST`` when there is none."""
        ...

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        """Active or deleted; None when there is none."""
        ...

    def search_experiments(
        self,
        *,
        filter: str = "",
        order_by: Sequence[str] = (),
        view_type: ViewType = "ACTIVE_ONLY",
        max_results: int = 1000,
        page_token: str | None = None,
    ) -> Page[Experiment]:
        """Newest first unless ``order_by`` says otherwise."""
        ...

    def rename_experiment(self, experiment_id: str, new_name: str) -> None:
        """``INVALID_STATE`` when it is deleted, ``RESOURCE_ALREADY_EXISTS`` when the name is taken."""
        ...

    def delete_experiment(self, experiment_id: str) -> None:
        """Mark it and its active runs deleted."""
        ...

    def restore_experiment(self, experiment_id: str) -> None:
        """Bring it back, with the runs that were deleted along with it."""
        ...

    def set_experiment_tag(self, experiment_id: str, key: str, value: str) -> None: ...

    def delete_experiment_tag(self, experiment_id: str, key: str) -> None:
        """``RESOURCE_DOES_NOT_EXIST`` when there is no such tag."""
        ...
