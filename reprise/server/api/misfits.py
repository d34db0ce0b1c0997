"""Why a request does not fit its struct, in the words that MLflow uses for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args, get_origin

import msgspec
from msgspec import inspect

_INT64 = (-(2**63), 2**63 - 1)
_LONGEST = 60  # characters of a value that are shown


def explain(fields: Any, kind: type[msgspec.Struct]) -> str | None:
    """A sentence about the first field that ``fields`` lacks, or holds something else for.

    None where each field is right by itself.
    """
    if not isinstance(fields, dict):
        return "The body is not a JSON object"
    return next(_misfits(fields, kind, ""), None)


def _misfits(value: Any, kind: Any, place: str) -> Iterator[str]:
    if isinstance(value, dict) and isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        for field in msgspec.structs.fields(kind):
            name = f"{place}.{field.encode_name}" if place else field.encode_name
            if value.get(field.encode_name) is not None:  # a null is an absent field
                yield from _misfit(value[field.encode_name], field.type, name)
            elif field.required:
                yield f"Missing value for required parameter '{name}'."
    elif isinstance(value, list) and get_origin(kind) is tuple:
        for number, item in enumerate(value):
            yield from _misfit(item, get_args(kind)[0], f"{place}[{number}]")
    elif value == "":
        yield f"Missing value for required parameter '{place}'."
    else:
        yield f"Invalid value {_shown(value)} for parameter '{place}' supplied: it is not {_name(kind)}"


def _misfit(value: Any, kind: Any, place: str) -> Iterator[str]:
    try:
        msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError:
        yield from _misfits(value, kind, place)


def _shown(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _name(kind: Any) -> str:
    """``an integer of 64 bits``, ``a list``."""
    match inspect.type_info(kind):
        case inspect.IntType(ge=low, le=high) if (low, high) not in {(None, None), _INT64}:
            return f"an integer{_range(low, high)}"
        case inspect.IntType():
            return "an integer of 64 bits"
        case inspect.FloatType(ge=low, le=high):
            return f"a number{_range(low, high)}"
        case inspect.BoolType():
            return "true or false"
        case inspect.StrType():
            return "text"
        case inspect.VarTupleType(max_length=most) | inspect.ListType(max_length=most) if most:
            return f"a list of at most {most}"
        case inspect.VarTupleType() | inspect.ListType():
            return "a list"
        case inspect.LiteralType(values=values):
            return f"one of {', '.join(map(str, values))}"
        case inspect.UnionType():
            return " or ".join(_name(each) for each in get_args(kind) if each is not type(None))
    return "an object"


def _range(low: float | None, high: float | None) -> str:
    """`` of at least 1``, `` from 1 to 500``; empty without bounds."""
    if low is not None and high is not None:
        return f" from {low} to {high}"
    if low is not None:
        return f" of at least {low}"
    return "" if high is None else f" of at most {high}"
