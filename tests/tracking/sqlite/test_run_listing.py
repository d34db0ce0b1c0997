"""What a table of runs asks of the store, beyond the REST API."""

from __future__ import annotations

from pathlib import Path

from reprise.schemas import tags
from reprise.tracking.sqlite.store import EmbeddedStore


def test_reproductions_of_a_run_are_told_newest_first(tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path / "mlruns") as store:
        original = store.create_run("0", start_time=1, user_id="ada").run_id
        told = {tags.REPRODUCES: original}
        old, new, deleted = (
            store.create_run("0", start_time=at, user_id="ada", tags=told).run_id for at in (2, 3, 4)
        )
        store.delete_run(deleted)
        assert [run.run_id for run in store.reproductions(original)] == [new, old]
        assert store.reproductions(new) == []
