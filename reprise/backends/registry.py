"""The backends by name: a plain dict above the modules that it lists."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from reprise.backends import local
from reprise.backends.base import Backend
from reprise.errors import UsageError

BACKENDS: dict[str, Backend] = {local.NAME: local}


def get(name: str) -> Backend:
    """The backend called ``name``; UsageError with the names there are."""
    try:
        return BACKENDS[name]
    except KeyError:
        raise UsageError(
            f'there is no backend "{name}"', hint=f"backends: {', '.join(sorted(BACKENDS))}"
        ) from None


def configured(backend: Backend, values: Mapping[str, Any]) -> Any:
    """The backend's config from ``--backend-config``, without the keys that are not its own.

    Raises:
        UsageError: a value is of a wrong type.
    """
    fields = {field.name: field for field in dataclasses.fields(backend.CONFIG)}
    own = {key: value for key, value in values.items() if key in fields}
    for key, value in own.items():
        wanted = type(fields[key].default)
        accepted = (int, float) if wanted is float else wanted
        if not isinstance(value, accepted) or (isinstance(value, bool) and wanted is not bool):
            raise UsageError(f"backend config: {key} is {value!r}, not a {wanted.__name__}")
        if isinstance(value, float) and not math.isfinite(value):
            raise UsageError(f"backend config: {key} is {value!r}, not a finite number")
    return backend.CONFIG(**own)


def foreign_keys(backend: Backend, values: Mapping[str, Any]) -> list[str]:
    """A sentence for each key of ``--backend-config`` that is another backend's, or none's."""
    keys = [field.name for field in dataclasses.fields(backend.CONFIG)]
    return [
        f'backend config: "{key}" is ignored: backend "{backend.NAME}" has the keys {", ".join(keys)}'
        for key in values
        if key not in keys
    ]
