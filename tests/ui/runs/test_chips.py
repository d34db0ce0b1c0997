"""Chips change a filter by one comparison."""

from __future__ import annotations

from pathlib import Path

import pytest

from reprise.schemas import tags
from reprise.tracking.sqlite.store import EmbeddedStore
from reprise.ui.runs.chips import chips


@pytest.mark.parametrize(
    ("filter", "title", "after"),
    [
        ("", "running", "status = 'RUNNING'"),
        ("metrics.a > 1", "running", "metrics.a > 1 AND status = 'RUNNING'"),
        ("status = 'RUNNING'", "running", ""),
        ("status = 'RUNNING' and tags.a = 'x AND y'", "running", "tags.a = 'x AND y'"),
        ("attributes.status='FAILED' AND metrics.a > 1", "running", "metrics.a > 1 AND status = 'RUNNING'"),
        ("status != 'FAILED'", "running", "status != 'FAILED' AND status = 'RUNNING'"),
        ("", "entry point it's", "tags.mlflow.project.entryPoint = 'it''s'"),
    ],
)
def test_a_click_adds_a_comparison_or_takes_it_out(
    tmp_path: Path, filter: str, title: str, after: str
) -> None:
    with EmbeddedStore(tmp_path / "mlruns") as store:
        run = store.create_run("0", start_time=1, user_id="", tags={tags.ENTRY_POINT: "it's"})
        (chip,) = [one for one in chips(store, "0", filter) if one.title == title]
        assert chip.filter == after
        assert chip.runs == 1
        assert chip.pressed is ("= 'RUNNING'" in filter)
        store.search_runs(["0"], filter=after)
        store.delete_run(run.run_id)
        assert not chips(store, "0", filter)


def test_a_filter_that_cannot_be_read_has_no_chips(tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path / "mlruns") as store:
        store.create_run("0", start_time=1, user_id="")
        assert not chips(store, "0", "status = ")
