"""What can come next in a filter."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reprise.schemas.entities import Metric
from reprise.tracking.sqlite.store import EmbeddedStore
from reprise.ui.runs.completion import completion


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    with EmbeddedStore(tmp_path / "mlruns") as opened:
        run = opened.create_run("0", start_time=1, user_id="ada", tags={"team": "it's"})
        opened.log_batch(
            run.run_id,
            metrics=[Metric("acc", 0.5, 1), Metric("val acc", 0.5, 1)],
            params={"kind": "forest", "max depth": "3"},
        )
        other = opened.create_run("0", start_time=1, user_id="ada")
        opened.log_batch(other.run_id, params={"kind": "tree"})
        elsewhere = opened.create_run(opened.create_experiment("other"), start_time=1, user_id="ada")
        opened.log_batch(elsewhere.run_id, params={"kind": "fire", "hidden": "1"})
        yield opened


@pytest.mark.parametrize(
    ("typed", "whole"),
    [
        ("met", "metrics.acc"),
        ("params.k", "params.kind"),
        ("depth", "params.`max depth`"),
        ("params.`max d", "params.`max depth`"),
        ("stat", "status"),
        ("metrics.acc ", "metrics.acc >= "),
        ("metrics.acc !", "metrics.acc != "),
        ("params.kind I", "params.kind ILIKE "),
        ("params.kind = ", "params.kind = 'forest' "),
        ("params.kind = 'f", "params.kind = 'forest' "),
        ("params.kind IN ('tree', ", "params.kind IN ('tree', 'forest' "),
        ("tags.team = 'it''", "tags.team = 'it''s' "),
        ("status = 'FA", "status = 'FAILED' "),
        ("status = 'FAILED' ", "status = 'FAILED' AND "),
        ("metrics.acc > 0.5 a", "metrics.acc > 0.5 AND "),
        ("status = 'x AND y' AND par", "status = 'x AND y' AND params.kind"),
        ("status = 'FAILED' AND params.kind = 't", "status = 'FAILED' AND params.kind = 'tree' "),
    ],
)
def test_a_filter_is_completed(store: EmbeddedStore, typed: str, whole: str) -> None:
    found = completion(store, "0", typed)
    assert whole in [typed.removesuffix(found.word) + option for option in found.options]


@pytest.mark.parametrize(
    ("typed", "rest", "whole"),
    [
        ("params.ki", "nd = 'x'", "params.kind = 'x'"),
        ("params.`max d", "epth` = '3'", "params.`max depth` = '3'"),
        ("params.kind = 'fo", "rum' AND status = 'x'", "params.kind = 'forest'  AND status = 'x'"),
        ("params.kind = 'fo", "", "params.kind = 'forest' "),
        ("params.kind = ", "'tree' AND x = 'y'", "params.kind = 'forest'  AND x = 'y'"),
        ("params.kind = 'tr", "' AND tags.team = 'x'", "params.kind = 'tree'  AND tags.team = 'x'"),
        ("sta", " = 'FAILED'", "status = 'FAILED'"),
        ("tags.team = '🌸' AND par", "ams.kind = 'x'", "tags.team = '🌸' AND params.kind = 'x'"),
    ],
)
def test_a_word_is_completed_in_the_middle_of_a_filter(
    store: EmbeddedStore, typed: str, rest: str, whole: str
) -> None:
    found = completion(store, "0", typed, rest)
    assert rest.startswith(found.tail)
    behind = rest.removeprefix(found.tail)
    assert whole in [typed.removesuffix(found.word) + option + behind for option in found.options]


@pytest.mark.parametrize(
    "typed",
    ["params.kind = 'fi", "params.hid", "metrics.acc > 0", "params.kind = 'forest'", "((", "a 'b' c"],
)
def test_nothing_is_offered_that_does_not_fit(store: EmbeddedStore, typed: str) -> None:
    assert list(completion(store, "0", typed).options) == []


def test_a_long_text_is_read_in_no_time(store: EmbeddedStore) -> None:
    for typed in (
        "a AND " * 5000,
        "'" * 9999,
        "`" * 9999,
        " " * 9999,
        "x" * 9999,
        "a IN (" + "'b'," * 3000,
    ):
        completion(store, "0", typed)
