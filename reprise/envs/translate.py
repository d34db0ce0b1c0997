"""A conda.yaml as packages of the Python package index, where that is sound."""

from __future__ import annotations

from reprise.errors import EnvError
from reprise.schemas.environment import CondaEnv, PythonEnv


def to_python(spec: CondaEnv) -> PythonEnv:
    raise EnvError(f"{spec.file}: conda environments are not translated yet")
