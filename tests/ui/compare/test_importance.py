"""Which parameter mattered, on made-up functions of which it is known."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping

import pytest

from reprise.ui.compare.importance import FEW, Importance, importance
from reprise.ui.numbers import finite

Params = Mapping[str, str]


def _runs(count: int) -> list[dict[str, str]]:
    chance = random.Random(3)
    return [
        {
            "depth": str(chance.randint(1, 12)),
            "rate": f"{10 ** chance.uniform(-6, 0):.3g}",
            "kind": chance.choice(["adam", "sgd", "rmsprop"]),
            "seed": str(chance.randint(0, 10_000)),
            "same": "1",
        }
        for _ in range(count)
    ]


def _found(count: int, function: Callable[[Params], float]) -> Importance:
    runs = _runs(count)
    return importance(runs, [function(run) for run in runs])


def _log_rate(run: Params) -> float:
    return math.log10(float(run["rate"]))


def _peak(run: Params) -> float:
    return -((_log_rate(run) + 3) ** 2)


def _adam_above_all(run: Params) -> float:
    return 3.0 * (run["kind"] == "adam") + 0.05 * int(run["depth"])


@pytest.mark.parametrize(
    ("function", "first", "direction"),
    [
        (lambda run: 2.0 * int(run["depth"]) + 0.1 * _log_rate(run), "depth", "the larger, the higher"),
        (lambda run: -_log_rate(run), "rate", "the larger, the lower"),
        (_peak, "rate", "no clear direction"),
        (_adam_above_all, "kind", "highest with adam"),
        (lambda run: math.exp(40 * int(run["depth"])), "depth", "the larger, the higher"),
    ],
)
def test_the_parameter_that_decides_is_the_first(
    function: Callable[[Params], float], first: str, direction: str
) -> None:
    found = _found(60, function)
    top = found.params[0]
    assert (top.name, top.direction) == (first, direction)
    assert top.share > 0.5
    assert found.explained > 0.5


def test_two_that_decide_come_before_all_others_in_their_order() -> None:
    found = _found(150, lambda run: 3 * int(run["depth"]) + 2 * _log_rate(run))
    assert [one.name for one in found.params[:2]] == ["depth", "rate"]
    assert found.params[1].share > 5 * found.params[2].share


def test_shares_sum_to_what_is_foretold_and_come_out_the_same_each_time() -> None:
    found = _found(40, _adam_above_all)
    assert sum(one.share for one in found.params) == pytest.approx(found.explained)
    assert found == _found(40, _adam_above_all)


def test_noise_is_told_to_be_noise() -> None:
    chance = random.Random(5)
    found = _found(60, lambda run: chance.random())
    assert found.explained < 0.1
    assert all(one.share < 0.1 for one in found.params)
    assert any("may be chance" in doubt for doubt in found.doubts)


def test_twins_of_the_parameter_that_decides_take_nothing_from_it() -> None:
    runs = _runs(100)
    for run in runs:
        run |= {f"warm{times}": str(times * float(run["rate"])) for times in range(2, 9)}
        run |= {"opposite": str(-float(run["rate"])), "beta": {"adam": "0.9"}.get(run["kind"], run["kind"])}
    found = importance(runs, [_log_rate(run) + 0.3 * int(run["depth"]) for run in runs])
    first, second, *others = found.params
    assert (first.name, second.name) == ("opposite", "depth")
    assert {"rate", *(f"warm{times}" for times in range(2, 9))} == set(first.alike)
    assert first.share > 2 * second.share > 20 * max(one.share for one in others)
    assert [one.alike for one in others if one.name == "beta"] == [("kind",)]


@pytest.mark.slow
def test_of_hundreds_of_parameters_the_last_can_decide() -> None:
    chance = random.Random(2)
    runs = [{f"p{at:03}": str(chance.random()) for at in range(300)} for _ in range(100)]
    found = importance(runs, [float(run["p299"]) for run in runs])
    assert found.params[0].name == "p299"
    assert found.params[0].share > 10 * found.params[1].share


def test_a_constant_parameter_is_counted_and_not_ranked() -> None:
    found = _found(30, _adam_above_all)
    assert found.constant == 1
    assert "same" not in {one.name for one in found.params}


def test_a_parameter_that_only_some_runs_have_can_decide() -> None:
    runs = _runs(40)
    for at, run in enumerate(runs):
        if at % 2:
            run["dropout"] = "0.5"
    found = importance(runs, [float("dropout" in run) for run in runs])
    assert found.params[0].name == "dropout"


def test_runs_without_a_finite_value_are_left_out_and_told() -> None:
    runs = _runs(30)
    metric: list[float | None] = [float(run["depth"]) for run in runs]
    metric[:4] = [None, math.nan, math.inf, -math.inf]
    found = importance(runs, metric)
    assert found.runs == 26
    assert found.params[0].name == "depth"
    assert any("4 runs are left out" in doubt for doubt in found.doubts)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_too_few_runs_have_no_answer_but_a_sentence(count: int) -> None:
    found = _found(count, _adam_above_all)
    assert found.params == ()
    assert "At least 4 runs" in found.doubts[0]


def test_few_runs_are_a_hint() -> None:
    found = _found(FEW - 1, _adam_above_all)
    assert found.params
    assert "only 9 runs" in found.doubts[0]


def test_a_metric_that_never_varies_has_no_importance() -> None:
    found = _found(8, lambda run: 0.5)
    assert found.params == ()
    assert "This metric is the same in all of these runs." in found.doubts


def test_parameters_that_never_vary_have_no_importance() -> None:
    found = importance([{"a": "1"}] * 5, [0.1, 0.2, 0.3, 0.4, 0.5])
    assert found.params == ()
    assert "No param varies among these runs." in found.doubts


def test_numbers_of_any_size_and_hostile_texts_do_no_harm() -> None:
    texts = ["1e308", "-1e308", "0", "nan", "<b>", "\u202e", "9" * 400, ""]
    runs = [{"x": text, "y": number} for text, number in zip(texts, ["1e308", "-1e308"] * 4, strict=True)]
    found = importance(runs, [float(at) for at in range(8)])
    assert {one.name for one in found.params} == {"x", "y"}


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1e-3", 0.001),
        (" 5 ", 5.0),
        ("nan", None),
        ("inf", None),
        ("1_000", None),
        ("adam", None),
        ("1e999", None),
    ],
)
def test_what_counts_as_a_number(text: str, number: float | None) -> None:
    assert finite(text) == number
