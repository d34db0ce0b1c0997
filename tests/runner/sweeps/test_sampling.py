"""Which settings a sweep tries."""

from __future__ import annotations

import pytest

from reprise.errors import UsageError
from reprise.runner.sweeps.sampling import Method, make_sampler
from reprise.runner.sweeps.space import read_dimension

LR = read_dimension("lr", "1e-5..1e-1:log")
N = read_dimension("n", "1..3")
SOLVER = read_dimension("solver", "a,b")


def test_a_grid_is_every_combination_once() -> None:
    sampler = make_sampler(Method.GRID, (N, SOLVER), None, 0)
    settings = [tuple(sampler.choose_setting(number).items()) for number in range(sampler.trials)]
    assert settings[:3] == [
        (("n", "1"), ("solver", "a")),
        (("n", "1"), ("solver", "b")),
        (("n", "2"), ("solver", "a")),
    ]
    assert len(set(settings)) == sampler.trials == 6


def test_a_random_search_is_the_same_for_the_same_seed_in_any_order() -> None:
    first, again = (make_sampler(Method.RANDOM, (LR, N), 50, 7) for _ in range(2))
    other = make_sampler(Method.RANDOM, (LR, N), 50, 8)
    settings = [first.choose_setting(number) for number in range(50)]
    assert settings == [again.choose_setting(number) for number in reversed(range(50))][::-1]
    assert settings != [other.choose_setting(number) for number in range(50)]
    assert len({setting["lr"] for setting in settings}) == 50
    assert sum(float(setting["lr"]) < 1e-3 for setting in settings) in range(
        10, 41
    )  # of 50, evenly by logarithm


def test_a_number_of_trials_is_needed_where_there_is_no_end_and_refused_where_there_is_one() -> None:
    with pytest.raises(UsageError, match="no end") as refused:
        make_sampler(Method.RANDOM, (LR,), None, 0)
    assert "--trials" in str(refused.value.hint)
    with pytest.raises(UsageError, match="--trials is not for a grid"):
        make_sampler(Method.GRID, (N,), 5, 0)
