"""What goes over the wire: how a request is read into its struct, and how answers and errors are written.

The JSON is MLflow's, which is protobuf's with two habits: 64-bit integers are written as numbers
(and read from numbers or text), and a float that JSON has no word for is the text ``"NaN"``,
``"Infinity"`` or ``"-Infinity"``. Unknown fields are ignored, a null is an absent field.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Generic, TypeVar, get_origin, get_type_hints

import msgspec

from reprise.errors import TrackingError
from reprise.server.http.access import Role
from reprise.tracking.protocols.store import TrackingStore

Word = Annotated[str, msgspec.Meta(min_length=1)]
"""Text that must be there and must not be empty."""

Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]

Answer = Mapping[str, object]

_NO_TEXT = "The body is not UTF-8"
_TOO_DEEP = "The body is nested too deeply"

HTTP_STATUS = {
    "INVALID_PARAMETER_VALUE": 400,
    "BAD_REQUEST": 400,
    "MALFORMED_REQUEST": 400,
    "RESOURCE_ALREADY_EXISTS": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "RESOURCE_DOES_NOT_EXIST": 404,
    "ENDPOINT_NOT_FOUND": 404,
    "NOT_FOUND": 404,
    "RESOURCE_CONFLICT": 409,
    "REQUEST_TIMEOUT": 408,
    "REQUEST_TOO_LARGE": 413,
    "UNPROCESSABLE": 422,
    "REQUEST_LIMIT_EXCEEDED": 429,
    "NOT_IMPLEMENTED": 501,
    "TEMPORARILY_UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
"""The status of each ``error_code``; every other code is 500."""


class Request(msgspec.Struct):
    """The base of all requests: fields are named as on the wire."""


R = TypeVar("R", bound=Request)


class RunIdRequest(Request, kw_only=True):
    """A request about one run, which older clients name ``run_uuid``."""

    run_id: str = ""
    run_uuid: str = ""

    def __post_init__(self) -> None:
        self.run_id = self.run_id or self.run_uuid
        if not self.run_id:
            raise ValueError("Missing value for required parameter 'run_id'.")


class KeyValue(msgspec.Struct):
    """A tag or a param."""

    key: str = ""
    value: str = ""


def as_mapping(pairs: Sequence[KeyValue]) -> dict[str, str]:
    """The pairs by key; of a repeated key the last value counts."""
    return {pair.key: pair.value for pair in pairs}


@dataclass(frozen=True)
class Verb(Generic[R]):
    """A row of the route table: ``path`` is below ``/api/<version>/mlflow/``.

    ``role`` is what a client needs: ``ADMIN`` for what removes a thing that cannot be restored.
    """

    method: str
    path: str
    role: Role
    request: type[R]
    answer: Callable[[TrackingStore, R], Answer]
    versions: tuple[str, ...] = ("2.0",)


def read_body(body: bytes, kind: type[R], path: Mapping[str, str]) -> R:
    """Decode a JSON object; an empty body has no fields, and names in the path are fields too."""
    try:
        return _read(body, kind, path)
    except msgspec.DecodeError as error:
        raise invalid(_not_read(error, body, kind, path)) from None
    except UnicodeDecodeError:
        raise invalid(_NO_TEXT) from None
    except RecursionError:
        raise invalid(_TOO_DEEP) from None


def _read(body: bytes, kind: type[R], path: Mapping[str, str]) -> R:
    try:
        if not path:
            message: R = _decoder(kind).decode(body or b"{}")
            return message
        fields = msgspec.json.decode(body or b"{}", type=dict[str, Any])
        return msgspec.convert({**fields, **path}, kind, strict=False)
    except msgspec.ValidationError:
        if b"null" in body:
            return _without_nulls(body, kind, path)
        raise


def read_query(pairs: Sequence[tuple[str, str]], kind: type[R]) -> R:
    """Take the fields from a query string, where a repeated field is a list."""
    lists = _list_fields(kind)
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name in lists:
            fields.setdefault(name, []).append(value)
        else:
            fields[name] = value
    try:
        return msgspec.convert(fields, kind, strict=False)
    except msgspec.ValidationError as error:
        raise invalid(_misfit(error, fields, kind)) from None


def _without_nulls(body: bytes, kind: type[R], path: Mapping[str, str]) -> R:
    def cleaned(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: cleaned(item) for key, item in value.items() if item is not None}
        return [cleaned(item) for item in value] if isinstance(value, list) else value

    fields = msgspec.json.decode(body, type=dict[str, Any])
    return msgspec.convert(cleaned({**fields, **path}), kind, strict=False)


@cache
def _decoder(kind: type[Request]) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind, strict=False)


@cache
def _list_fields(kind: type[Request]) -> frozenset[str]:
    hints = get_type_hints(kind)
    return frozenset(name for name, hint in hints.items() if get_origin(hint) is tuple)


def _not_read(error: msgspec.DecodeError, body: bytes, kind: type[Request], path: Mapping[str, str]) -> str:
    """Return why ``body`` is not a request of this ``kind``."""
    try:
        text = body.decode()
        fields = msgspec.json.decode(text or "{}") if text.lstrip()[:1] in ("{", "") else None
    except UnicodeDecodeError:
        return _NO_TEXT
    except RecursionError:
        return _TOO_DEEP
    except msgspec.DecodeError:
        return f"The body is not JSON: {text[:60]!r}"
    return _misfit(error, {**fields, **path} if isinstance(fields, dict) else fields, kind)


def _misfit(error: Exception, fields: Any, kind: type[Request]) -> str:
    """Which of ``fields`` is wrong; where each is right, what the request itself says of them."""
    from reprise.server.api import misfits

    return misfits.explain(fields, kind) or str(error.__cause__ or error)


def invalid(message: str) -> TrackingError:
    return TrackingError(message, code="INVALID_PARAMETER_VALUE")


def encode(answer: Answer) -> bytes:
    return msgspec.json.encode(answer)


def number(value: float) -> float | str:
    """A float as JSON can hold it."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
