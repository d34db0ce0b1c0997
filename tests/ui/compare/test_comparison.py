"""What the table of a comparison is handed."""

from __future__ import annotations

import pytest

from reprise.schemas.entities import Run
from reprise.tracking.sqlite.store import EmbeddedStore
from tests.ui.asking import Ask


def _run(store: EmbeddedStore, experiment: str = "0") -> Run:
    return store.create_run(experiment, start_time=1_790_000_000_000, user_id="ada", run_name="first")


@pytest.mark.parametrize("layout", ["rows", "columns"])
def test_a_table_of_which_all_runs_are_hidden_says_so(store: EmbeddedStore, ask: Ask, layout: str) -> None:
    ids = f"{_run(store).run_id},{_run(store).run_id}"
    for page in ("/compare", "/compare/view"):
        answer = ask(f"{page}?runs={ids}&hidden={ids}&layout={layout}")
        assert answer.status_code == 200
        assert "All runs are hidden" in answer.text and "<td" not in answer.text


def test_experiments_have_names(store: EmbeddedStore, ask: Ask) -> None:
    other = store.create_experiment("of <b>old")
    text = ask(f"/compare/view?runs={_run(store).run_id},{_run(store, other).run_id}").text
    row = text.partition("<bdi>experiment</bdi>")[2].partition("</tr>")[0]
    assert "<td>Default</td>" in row and "<td>of &lt;b&gt;old</td>" in row
