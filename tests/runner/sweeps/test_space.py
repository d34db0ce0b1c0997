"""What ``-S`` means."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reprise.errors import UsageError
from reprise.runner.sweeps.space import Choices, dimension_of, draw_value, list_values, read_dimension
from reprise.schemas.project import Parameter


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0.01,0.1,1", ("0.01", "0.1", "1")),
        ("lbfgs, saga", ("lbfgs", "saga")),
        ("single", ("single",)),
        ('["a,b", "", 3, true, [1, 2]]', ("a,b", "", "3", "true", "[1, 2]")),
        ("1..4", ("1", "2", "3", "4")),
        ("-2..2:2", ("-2", "0", "2")),
        ("0..1:0.25", ("0", "0.25", "0.5", "0.75", "1")),
        ("0.1..0.35:0.1", ("0.1", "0.2", "0.3")),
        ("1e-3..3e-3:1e-3", ("0.001", "0.002", "0.003")),
        ("a..b", ("a..b",)),
        ("../data", ("../data",)),
    ],
)
def test_the_values_of_a_grid(text: str, values: tuple[str, ...]) -> None:
    assert list_values(read_dimension("x", text)) == values


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,,b", "empty value"),
        ("", "empty value"),
        ("a,b,a", "'a' is given twice"),
        ("[1, 2", "no JSON list"),
        ("[]", "the list is empty"),
        ("3..1", "does not go up"),
        ("1..1", "does not go up"),
        ("0..1:log", "begins above 0"),
        ("0..1:0", "above 0"),
    ],
)
def test_what_cannot_be_varied_is_refused(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as refused:
        read_dimension("lr", text)
    assert "-S lr" in refused.value.message


@pytest.mark.parametrize("text", ["0..1.0", "0.5..1.5", "1e-5..1e-1:log", "1..1000:log", "0..1e9:0.001"])
def test_a_grid_of_what_has_no_end_names_what_helps(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        list_values(read_dimension("lr", text))
    assert "-S lr" in refused.value.message


@given(
    st.sampled_from(["0..1", "-3.5..2", "1e-5..1e-1:log", "1..1000:log", "1..7", "0..1:0.1", "a,b,c"]),
    st.integers(),
)
def test_what_is_drawn_lies_in_the_space(text: str, seed: int) -> None:
    dimension = read_dimension("x", text)
    value = draw_value(dimension, random.Random(seed))
    if isinstance(dimension, Choices):
        assert value in dimension.values
        return
    assert float(dimension.low) <= float(value) <= float(dimension.high)
    if dimension.is_whole:
        assert value == str(int(value))
    if dimension.step is not None:
        assert value in list_values(dimension)


def test_a_range_of_a_declared_float_is_of_all_numbers() -> None:
    with pytest.raises(UsageError, match="no end"):
        list_values(read_dimension("C", "0..1", is_float=True))
    assert list_values(read_dimension("n", "0..1")) == ("0", "1")


def test_a_declared_parameter_is_its_own_space() -> None:
    solver = Parameter("solver", enum=("lbfgs", "saga"))
    assert list_values(dimension_of(solver)) == ("lbfgs", "saga")
    assert list_values(dimension_of(Parameter("n", "int", minimum=2, maximum=4))) == ("2", "3", "4")
    drawn = draw_value(dimension_of(Parameter("C", "float", minimum=0.5, maximum=1)), random.Random(1))
    assert 0.5 <= float(drawn) <= 1
    with pytest.raises(UsageError, match="declares no enum"):
        dimension_of(Parameter("free", "float", minimum=0))
