"""What a sweep varies: the values of one parameter each, as ``-S`` or the MLproject says."""

from __future__ import annotations

import json
import math
import random
import re
from decimal import Decimal
from enum import StrEnum

from reprise.errors import UsageError
from reprise.named_tuple import NamedTuple
from reprise.schemas.project import Parameter

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_RANGE = re.compile(rf"({_NUMBER})\.\.({_NUMBER})(?::(log|{_NUMBER}))?")
_MOST_VALUES = 1_000_000
_FORMS = (
    "write -S NAME=a,b,c for values, 1..8 or 0..1:0.1 for a range, 1e-5..1e-1:log for a logarithmic one"
)


class Scale(StrEnum):
    LINEAR = "linear"
    LOG = "log"


class Choices(NamedTuple):
    """A parameter that takes one of some values, each as it would be typed after ``-P NAME=``."""

    name: str
    values: tuple[str, ...]


class Range(NamedTuple):
    """A parameter that takes numbers from ``low`` to ``high``, both included.

    ``is_whole``: integers only. ``step``: only numbers that are a multiple of it above ``low``.
    """

    name: str
    low: Decimal
    high: Decimal
    is_whole: bool
    scale: Scale = Scale.LINEAR
    step: Decimal | None = None


Dimension = Choices | Range


def read_dimension(name: str, text: str, *, is_float: bool = False) -> Dimension:
    """Return what ``-S NAME=TEXT`` says.

    Args:
        is_float: the parameter is declared as one, so that ``0..1`` means all numbers in between.

    Raises:
        UsageError: the text is no list of values and no range.
    """
    if found := _RANGE.fullmatch(text.strip()):
        read = _read_range(name, *found.groups())
        return read._replace(is_whole=read.is_whole and not is_float)
    values = _read_values(name, text)
    if repeated := next((value for value in values if values.count(value) > 1), None):
        raise UsageError(f"-S {name}: the value {repeated!r} is given twice", hint="give it once")
    return Choices(name, values)


def dimension_of(parameter: Parameter) -> Dimension:
    """Return the space that the MLproject declares for a parameter: its ``enum``, or minimum to maximum.

    Raises:
        UsageError: it declares neither.
    """
    if parameter.enum:
        return Choices(parameter.name, parameter.enum)
    if parameter.minimum is None or parameter.maximum is None:
        raise UsageError(
            f"-S {parameter.name}: the MLproject declares no enum and no minimum and maximum for it",
            hint=_FORMS,
        )
    low, high = (Decimal(repr(number)) for number in (parameter.minimum, parameter.maximum))
    return Range(parameter.name, low, high, parameter.type == "int")


def list_values(dimension: Dimension) -> tuple[str, ...]:
    """Return every value of a dimension, as a grid needs them.

    Raises:
        UsageError: there is no end of them.
    """
    if isinstance(dimension, Choices):
        return dimension.values
    step = dimension.step or (Decimal(1) if dimension.is_whole else None)
    if step is None or dimension.scale is Scale.LOG:
        raise UsageError(
            f"-S {dimension.name}: a grid needs single values, and {_show(dimension)} has no end of them",
            hint=f"add a step, as in -S {dimension.name}={dimension.low}..{dimension.high}:STEP, list "
            "values, or use --sampler random --trials N",
        )
    count = int((dimension.high - dimension.low) / step) + 1
    if count > _MOST_VALUES:
        raise UsageError(f"-S {dimension.name}: {count} values are too many for a grid")
    return tuple(_write(dimension.low + number * step) for number in range(count))


def list_samples(dimension: Dimension) -> tuple[str, ...]:
    """Return the values, or the ends of a range."""
    if isinstance(dimension, Choices):
        return dimension.values
    return _write(dimension.low), _write(dimension.high)


def draw_value(dimension: Dimension, draws: random.Random) -> str:
    """Return a random value: evenly distributed, or evenly in its logarithm."""
    if isinstance(dimension, Choices):
        return draws.choice(dimension.values)
    step = dimension.step or (Decimal(1) if dimension.is_whole else None)
    if dimension.scale is Scale.LINEAR and step is not None:
        count = int((dimension.high - dimension.low) / step) + 1
        return _write(dimension.low + draws.randrange(count) * step)
    low, high = float(dimension.low), float(dimension.high)
    if dimension.scale is Scale.LOG:
        value = math.exp(draws.uniform(math.log(low), math.log(high)))
    else:
        value = draws.uniform(low, high)
    value = min(max(value, low), high)
    return str(round(value)) if dimension.is_whole else repr(value)


def _read_range(name: str, first: str, last: str, more: str | None) -> Range:
    low, high = Decimal(first), Decimal(last)
    scale = Scale.LOG if more == "log" else Scale.LINEAR
    step = None if more in (None, "log") else Decimal(more)
    is_whole = not any(
        mark in text for text in (first, last, more or "") for mark in ".eE" if text != "log"
    )
    if low >= high:
        raise UsageError(f"-S {name}: the range {first}..{last} does not go up", hint=_FORMS)
    if scale is Scale.LOG and low <= 0:
        raise UsageError(f"-S {name}: a logarithmic range begins above 0, and this one at {first}")
    if step is not None and step <= 0:
        raise UsageError(f"-S {name}: a step is above 0, and this one is {more}")
    return Range(name, low, high, is_whole, scale, step)


def _read_values(name: str, text: str) -> tuple[str, ...]:
    """A JSON list, whose items may hold commas, or words between commas."""
    if text.lstrip().startswith("["):
        try:
            items = json.loads(text)
        except json.JSONDecodeError as error:
            raise UsageError(f"-S {name}: {text} is no JSON list: {error}", hint=_FORMS) from error
        values = tuple(item if isinstance(item, str) else json.dumps(item) for item in items)
    else:
        values = tuple(word.strip() for word in text.split(","))
        if "" in values:
            raise UsageError(
                f"-S {name}={text} has an empty value",
                hint=f"""{_FORMS}; an empty text is -S {name}='[""]'""",
            )
    if not values:
        raise UsageError(f"-S {name}: the list is empty", hint=_FORMS)
    return values


def _write(number: Decimal) -> str:
    """A number as a person types it: 0.3, not 0.30 or 3E-1."""
    number = number.normalize()
    return format(number, "f") if -7 < number.adjusted() < 16 else str(number)


def _show(dimension: Range) -> str:
    end = f":{dimension.scale}" if dimension.scale is Scale.LOG else ""
    return f"{_write(dimension.low)}..{_write(dimension.high)}{end}"
