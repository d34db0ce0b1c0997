"""Named tuples of the package behave as those of `typing` do."""

from __future__ import annotations

import copy
import pickle
from typing import Any, Generic, TypeVar, get_type_hints

import pytest

from reprise.named_tuple import NamedTuple

T = TypeVar("T")


class Point(NamedTuple):
    """A place on a map."""

    x: int
    name: str = "somewhere"

    @property
    def twice(self) -> int:
        return 2 * self.x


class Listing(NamedTuple, Generic[T]):
    items: list[T]


class Corner(Point):
    pass


def test_values_are_made_by_position_by_name_and_by_default() -> None:
    assert Point(1) == Point(x=1) == Point(1, "somewhere") == (1, "somewhere")
    assert Point(name="a", x=2).twice == 4
    assert Listing([1]).items == Listing[int](items=[1]).items == [1]


def test_values_are_the_same_however_many_are_made() -> None:
    class Pair(NamedTuple):
        first: int
        second: list[int] | None = None

    make: Any = Pair
    for number in range(20):
        assert make(number) == (number, None)
        assert make(second=[], first=number) == (number, [])
        for values, named in (((), {}), ((1,), {"first": 2}), ((1,), {"third": 2}), ((1, 2, 3), {})):
            with pytest.raises(TypeError):
                make(*values, **named)


@pytest.mark.parametrize("values", [(), (1, "a", 3)])
def test_a_wrong_number_of_values_is_refused(values: tuple[object, ...]) -> None:
    with pytest.raises(TypeError, match="Point"):
        Point(*values)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="2 values"):
        Point._make(values)


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(TypeError, match="y"):
        Point(1, y=2)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="y"):
        Point(1)._replace(y=2)  # type: ignore[call-arg]


def test_a_value_cannot_be_changed() -> None:
    point = Point(1)
    for name in ("x", "other"):
        with pytest.raises(AttributeError):
            setattr(point, name, 2)
    assert point._replace(x=2) == (2, "somewhere")
    assert point == (1, "somewhere")


@pytest.mark.parametrize("point", [Point(1, "a"), Corner(1, "a"), Listing(["a"])])
def test_copies_keep_class_and_values(point: Point) -> None:
    for twin in (pickle.loads(pickle.dumps(point)), copy.copy(point), copy.deepcopy(point)):
        assert twin == point
        assert type(twin) is type(point)


def test_what_a_class_says_of_itself() -> None:
    assert repr(Point(1, "a")) == "Point(x=1, name='a')"
    assert repr(Corner(1)) == "Corner(x=1, name='somewhere')"
    assert Point(1)._asdict() == {"x": 1, "name": "somewhere"}
    assert Point._fields == ("x", "name")
    assert get_type_hints(Point) == {"x": int, "name": str}
    assert Point.__doc__ == "A place on a map."
    match Point(1, "a"):
        case Point(x, name):
            assert (x, name) == (1, "a")
