"""What a store does with runs: their life, and finding them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from reprise.schemas.entities import DatasetSummary, Page, Run, ViewType


class RunStore(Protocol):
    """The verbs of runs."""

    def create_run(
        self,
        experiment_id: str,
        *,
        start_time: int,
        user_id: str,
        run_name: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Run:
        """Start a run; without a name (nor a tag ``mlflow.runName``) it gets a random one."""
        ...

    def get_run(self, run_id: str) -> Run:
        """Active or deleted, with its data. ``RESOURCE_DOES_NOT_EXIST`` when there is none."""
        ...

    def update_run(
        self,
        run_id: str,
        *,
        status: str | None = None,
        end_time: int | None = None,
        run_name: str | None = None,
    ) -> None:
        """None leaves a value as it is."""
        ...

    def delete_run(self, run_id: str, *, with_children: bool = False) -> None:
        """Mark it deleted, and the active runs in it where asked: they are restored with it."""
        ...

    def restore_run(self, run_id: str) -> None:
        """Mark it active, and the runs that were deleted with it."""
        ...

    def move_run(self, run_id: str, experiment_id: str) -> None:
        """Move a run to another active experiment; its artifacts stay where they are."""
        ...

    def search_runs(
        self,
        experiment_ids: Sequence[str],
        *,
        filter: str = "",
        order_by: Sequence[str] = (),
        max_results: int = 1000,
        page_token: str | None = None,
        view_type: ViewType = "ACTIVE_ONLY",
    ) -> Page[Run]:
        """Newest first unless ``order_by`` says otherwise; unknown experiments hold no runs."""
        ...

    def search_datasets(self, experiment_ids: Sequence[str]) -> Sequence[DatasetSummary]:
        """The datasets that active runs of these experiments used."""
        ...
