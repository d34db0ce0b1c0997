"""Names of files of two runs: which is which."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from reprise.runner.verdict.words.names import match_names
from tests.runner.verdict.words.test_pairs import ID_A, ID_B, A, B

UUID_A, UUID_B = "c9bf9e57-1685-4c89-bafb-ff5af830be8a", "0f8fad5b-d9cb-469f-a165-70867728950e"


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("preds_20240501_100014.csv", "preds_20240602_153014.csv"),
        ("preds_2024-05-01T10:00:14.csv", "preds_2024-06-02T15:30:14.csv"),
        ("outputs/2024-05-01/12-00-14/config.yaml", "outputs/2024-06-02/11-30-14/config.yaml"),
        ("report-2024-05-01.md", "report-2024-06-02.md"),
        ("model_1714557605.pkl", "model_1717342205.pkl"),
        (f"preds_{ID_A}.csv", f"preds_{ID_B}.csv"),
        (f"{ID_A}/preds.csv", f"{ID_B}/preds.csv"),
        ("out_7278.csv", "out_912.csv"),
        ("log.ann-laptop.txt", "log.node17.cluster.txt"),
        (f"plots/{UUID_A}.png", f"plots/{UUID_B}.png"),
        ("tmpab12cd34/x.csv", "tmpzz98yx76/x.csv"),
        ("media/table_9f3ac1d20b.json", "media/table_01bb8d4a77.json"),
    ],
)
def test_names_that_are_the_same(a: str, b: str) -> None:
    assert pairs([a, "same.txt"], [b, "same.txt"]) == [(a, b), ("same.txt", "same.txt")]
    assert pairs([a], [f"{b}.old"]) == [(a, None), (None, f"{b}.old")]


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("ckpt-30.pt", "ckpt-31.pt"),
        ("best_model.pkl", "last_model.pkl"),
        ("fold1.csv", "fold2.csv"),
        ("preds_20230501.csv", "preds_20230502.csv"),
        ("out_7000.csv", "out_900.csv"),
        ("table_deadbeef.json", "chart_cafe1234.json"),
    ],
)
def test_names_that_are_results(a: str, b: str) -> None:
    assert pairs([a], [b]) == [(a, None), (None, b)]


def test_several_are_matched_in_their_order_or_not_at_all() -> None:
    one = ["p_20240501_100010.csv", "p_20240501_100020.csv"]
    other = ["p_20240602_153011.csv", "p_20240602_153021.csv"]
    assert pairs(one, other) == [*zip(one, other, strict=True)]
    assert pairs(one, other[:1]) == [*((name, None) for name in one), (None, other[0])]
    drawn = [f"{UUID_A}.png", f"{UUID_A[:-1]}0.png"]
    assert pairs(drawn, [f"{UUID_B}.png"])[:2] == [(name, None) for name in drawn]


def pairs(a: Sequence[str], b: Sequence[str]) -> list[tuple[str | None, str | None]]:
    return [*match_names(a, b, A, B)]
