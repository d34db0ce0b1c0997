"""The backends by name: our own, those of other packages, and those that MLflow's plugins bring.

Our own are found without a look at what is installed. A package brings a backend by an entry point of the
group ``reprise.backends``, whose name is the word of ``--backend`` and whose object is the module.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, get_type_hints

from reprise.backends import local
from reprise.backends.base import Backend
from reprise.errors import UsageError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "reprise.backends"
MLFLOW_GROUP = "mlflow.project_backend"
OURS_IN_MLFLOW = "reprise"
"""Our own entry point in MLflow's group: ``mlflow run -b reprise``."""
BACKENDS: Mapping[str, Backend] = {local.NAME: local}
"""Our own."""

_STRUCT_KEYS = ("__struct_encode_fields__", "__dataclass_fields__", "_fields")
"""Where a msgspec Struct, a dataclass and a NamedTuple have the names of their fields."""


def get(name: str) -> Backend:
    """Return the backend called ``name``.

    Raises:
        UsageError: there is none, with the names that there are; or the package that brings it is broken.
    """
    return BACKENDS[name] if name in BACKENDS else _load_plugin(name)


def find_mlflow_plugin(name: str) -> EntryPoint | None:
    """Return the entry point of a backend that a package brings for ``mlflow run`` only, if it is one."""
    if name in BACKENDS or name == OURS_IN_MLFLOW:
        return None
    from reprise import plugins

    if plugins.find_entry_point(GROUP, name):
        return None
    return plugins.find_entry_point(MLFLOW_GROUP, name)


@cache
def _load_plugin(name: str) -> Backend:
    from reprise import plugins

    if (point := plugins.find_entry_point(GROUP, name)) is None:
        for_mlflow = {*plugins.find_names(MLFLOW_GROUP)} - {OURS_IN_MLFLOW}
        names = sorted({*BACKENDS, *plugins.find_names(GROUP), *for_mlflow})
        raise UsageError(f'there is no backend "{name}"', hint=f"backends: {', '.join(names)}")
    backend: Backend = plugins.load_module(point, "backend", Backend)
    return backend


def read_config(backend: Backend, values: Mapping[str, Any]) -> Any:
    """Return the backend's config from ``--backend-config``, without the keys that are not its own.

    Raises:
        UsageError: a value is of a wrong type, or one that must be given is missing.
    """
    own = {key: value for key, value in values.items() if key in list_config_keys(backend)}
    for key, value in own.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise UsageError(f"backend config: {key} is {value!r}, not a finite number")
    if not own:
        try:
            return backend.CONFIG()
        except TypeError:
            pass  # some of it must be given: below is said what
    import msgspec

    try:
        return _convert(own, backend.CONFIG)
    except msgspec.ValidationError as error:
        raise UsageError(
            f"backend config: {error}",
            hint=f'backend "{backend.NAME}" has the keys {", ".join(list_config_keys(backend))}',
        ) from error


def describe_foreign_keys(backend: Backend, values: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each key of ``--backend-config`` that is another backend's, or none's."""
    keys = ", ".join(list_config_keys(backend)) or "no keys"
    return [
        f'backend config: "{key}" is ignored: backend "{backend.NAME}" has the keys {keys}'
        for key in values
        if key not in list_config_keys(backend)
    ]


def _convert(values: Mapping[str, Any], config: type[Any]) -> Any:
    """Make a ``config`` of the values; msgspec itself would make a NamedTuple of a list only."""
    import msgspec

    if not issubclass(config, tuple):
        return msgspec.convert(values, config)
    defaults, types = config._field_defaults, get_type_hints(config)  # type: ignore[attr-defined]
    fields = [(name, types[name], *([defaults[name]] if name in defaults else [])) for name in types]
    checked = msgspec.convert(values, msgspec.defstruct(config.__name__, fields))
    return config(**msgspec.structs.asdict(checked))


def list_config_keys(backend: Backend) -> tuple[str, ...]:
    """Return the keys of ``--backend-config`` that the backend knows."""
    names = (getattr(backend.CONFIG, name, None) for name in _STRUCT_KEYS)
    return tuple(next((found for found in names if found is not None), ()))
