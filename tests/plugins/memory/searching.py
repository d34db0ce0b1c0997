"""MLflow's search language over values in memory."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from reprise.schemas.entities import Experiment, Page, Run
from reprise.tracking.search.language import Comparison, Name, Order, parse_filter, parse_order
from reprise.tracking.validation import invalid, page_size

T = TypeVar("T", Run, Experiment)

_WORDS = {"created": "start_time", "run name": "run_name", "name": "name"}
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda found, asked: found == asked,
    "!=": lambda found, asked: found != asked,
    "<": lambda found, asked: found < asked,
    "<=": lambda found, asked: found <= asked,
    ">": lambda found, asked: found > asked,
    ">=": lambda found, asked: found >= asked,
    "LIKE": lambda found, asked: _pattern(asked, 0).fullmatch(found) is not None,
    "ILIKE": lambda found, asked: _pattern(asked, re.IGNORECASE).fullmatch(found) is not None,
}


def find_all(items: Iterable[T], filter: str, order_by: Sequence[str]) -> list[T]:
    """Those that the filter finds, in order; ``items`` come as they are sorted without one."""
    comparisons = parse_filter(filter)
    found = [item for item in items if all(_holds(item, comparison) for comparison in comparisons)]
    for order in reversed([parse_order(text) for text in order_by]):
        found = _sorted(found, order)
    return found


def _sorted(items: Sequence[T], order: Order) -> list[T]:
    """Those without a value come last, in either direction."""
    valued = [item for item in items if _value(item, order.name) is not None]
    valued.sort(key=lambda item: _sortable(_value(item, order.name)), reverse=not order.ascending)
    return valued + [item for item in items if _value(item, order.name) is None]


def cut_page(found: Sequence[T], most: int, token: str | None) -> Page[T]:
    """A page of a list; its token is where the next one starts."""
    page_size(most)
    if token is not None and not token.isdecimal():
        raise invalid("the page token is not one of this store")
    start = int(token or 0)
    return Page(found[start : start + most], str(start + most) if start + most < len(found) else None)


def _holds(item: Run | Experiment, comparison: Comparison) -> bool:
    found = _value(item, comparison.name)
    if comparison.operator in ("IS NULL", "IS NOT NULL"):
        return (found is None) == (comparison.operator == "IS NULL")
    if found is None:
        return False
    if comparison.operator in ("IN", "NOT IN"):
        return (found in comparison.values) == (comparison.operator == "IN")
    (asked,) = comparison.values
    if isinstance(found, str) != isinstance(asked, str):
        comparison.fault(f"{comparison.name.key} is not compared with {asked!r}")
    return _OPERATORS[comparison.operator](found, asked)


def _value(item: Run | Experiment, name: Name) -> str | float | None:
    match name.entity, item:
        case "metric", Run(metrics=metrics):
            return metrics[name.key].value if name.key in metrics else None
        case "param", Run(params=params):
            return params.get(name.key)
        case "tag", _:
            return item.tags.get(name.key)
        case "attribute", _:
            key = _WORDS.get(name.key.lower(), name.key)
            key = "run_name" if key == "name" and isinstance(item, Run) else key
            if key in item._fields:
                value: str | float | None = getattr(item, key)
                return value
    return name.fault(f"{name.entity} {name.key} is not searched for here")


def _sortable(value: str | float | None) -> tuple[bool, Any]:
    is_nan = isinstance(value, float) and math.isnan(value)
    return is_nan, 0.0 if is_nan else value


def _pattern(text: str, flags: int) -> re.Pattern[str]:
    return re.compile("".join({"%": ".*", "_": "."}.get(c, re.escape(c)) for c in text), flags | re.DOTALL)
