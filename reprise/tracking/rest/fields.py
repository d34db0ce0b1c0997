"""The JSON of a tracking server, field by field: a type that is not MLflow's is an error of the server."""

from __future__ import annotations

import reprlib
from collections.abc import Container, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from reprise.errors import TrackingError

if TYPE_CHECKING:
    import httpx

NOT_MLFLOW = "check that MLFLOW_TRACKING_URI names an MLflow server, with its path if it has one"

Json = Mapping[str, Any]
_NO_JSON = (ValueError, RecursionError, UnicodeError)


class ServerAnswer(dict[str, Any]):
    """An object of an answer; a field that any MLflow server gives and this one does not is an error."""

    def __missing__(self, name: str) -> Any:
        raise _missing(name)


def read_answer(response: httpx.Response) -> ServerAnswer:
    """The JSON object of an answer.

    Raises:
        TrackingError: it is something else.
    """
    try:
        body = response.json(object_hook=ServerAnswer)
    except _NO_JSON:
        body = None
    if not isinstance(body, ServerAnswer):
        raise TrackingError(
            f"{response.request.url.copy_with(query=None)} answered something that is not MLflow's JSON: "
            f"{response.content[:80]!r}",
            hint=NOT_MLFLOW,
        )
    return body


def read_error(response: httpx.Response) -> Json:
    """The JSON object of an answer that is an error; empty when it has none."""
    try:
        body = response.json()
    except _NO_JSON:
        return {}
    return body if isinstance(body, dict) else {}


def part(body: Json, name: str, default: Json | None = None) -> Json:
    """The object in the field ``name``; without a ``default`` it has to be there."""
    value = _value(body, name, default)
    if not isinstance(value, Mapping):
        raise _misfit(name, value, "an object")
    return value


def parts(body: Json, name: str) -> Sequence[Json]:
    """The list of objects in the field ``name``; empty when there is no such field."""
    values = _value(body, name, ())
    if not isinstance(values, list | tuple):
        raise _misfit(name, values, "a list")
    for value in values:
        if not isinstance(value, Mapping):
            raise _misfit(name, value, "a list of objects")
    return values


def texts(body: Json, name: str) -> tuple[str, ...]:
    """The list of texts in the field ``name``; empty when there is no such field."""
    values = _value(body, name, ())
    if not isinstance(values, list | tuple) or not all(isinstance(value, str) for value in values):
        raise _misfit(name, values, "a list of texts")
    return tuple(values)


def text(body: Json, name: str, default: str | None = None) -> str:
    """The text in the field ``name``; without a ``default`` it has to be there."""
    value = _value(body, name, default)
    if not isinstance(value, str):
        raise _misfit(name, value, "a text")
    return value


def optional_text(body: Json, name: str) -> str | None:
    """The text in the field ``name``; None for an empty one too."""
    return text(body, name, "") or None


def choice(body: Json, name: str, default: str, choices: Container[str]) -> str:
    """The word in the field ``name``, one of the ``choices``."""
    word = text(body, name, default)
    if word not in choices:
        raise _misfit(name, word, "a word of MLflow's")
    return word


def identity(body: Json, name: str) -> str:
    """An id, which some servers give as a number."""
    value = _value(body, name, None)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise _misfit(name, value, "an id")
    return str(value)


def whole(body: Json, name: str, default: int | None = None) -> int:
    """The whole number in the field ``name``, also as text; without a ``default`` it has to be there."""
    value = _value(body, name, default)
    if not isinstance(value, bool | list | dict) and value is not None:
        try:
            return int(value)
        except (ValueError, OverflowError):
            pass
    raise _misfit(name, value, "a whole number")


def real(body: Json, name: str, default: float) -> float:
    """The number in the field ``name``; as text it may be ``NaN`` and ``Infinity`` too."""
    value = _value(body, name, default)
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            return float(value)
        except (ValueError, OverflowError):
            pass
    raise _misfit(name, value, "a number")


def pairs(body: Json, name: str) -> dict[str, str]:
    """The list of ``{"key": ..., "value": ...}`` in the field ``name``."""
    return {text(pair, "key"): text(pair, "value", "") for pair in parts(body, name)}


def next_page_token(body: Json) -> str | None:
    """The token of the next page; None on the last one."""
    return optional_text(body, "next_page_token")


def _value(body: Any, name: str, default: object) -> Any:
    """The field of an object; null is as good as none."""
    if not isinstance(body, Mapping):
        raise _misfit(name, body, "in an object")
    value = body.get(name)
    if value is None and default is None and name not in body:
        raise _missing(name)
    return default if value is None else value


def _missing(name: str) -> TrackingError:
    return TrackingError(f"the server answered without {name!r}, which is not MLflow's", hint=NOT_MLFLOW)


def _misfit(name: str, value: object, wanted: str) -> TrackingError:
    shown = reprlib.repr(value)  # which does not go deep
    return TrackingError(
        f"the server answered with {name!r} that is not {wanted}: {shown}", hint=NOT_MLFLOW
    )
