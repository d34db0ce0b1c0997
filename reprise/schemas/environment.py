"""What a project asks of its environment, and what was resolved for it, as frozen values."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple, TypeAlias


class PythonEnv(NamedTuple):
    """A Python with packages from an index.

    Comes from ``python_env.yaml``, ``requirements.txt`` or ``pyproject.toml`` (then ``pyproject``
    names the file, and a ``uv.lock`` beside it decides the versions). Requirement lines are as
    written and may hold ``-r FILE``, ``-c FILE``, ``-e DIR`` and ``.``, relative to ``root``.
    ``python`` is the version as written (``3.11``, ``>=3.10``), None for any.
    """

    root: Path
    file: Path | None = None
    python: str | None = None
    build_dependencies: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()
    pyproject: Path | None = None


class CondaEnv(NamedTuple):
    """A ``conda.yaml`` / ``environment.yml``: conda match specs, and the lines of its pip section."""

    root: Path
    file: Path
    name: str | None = None
    channels: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()
    pip: tuple[str, ...] = ()


class DockerEnv(NamedTuple):
    """A ``docker_env``: ``environment`` holds names to copy from the host and (name, value) pairs."""

    root: Path
    image: str
    volumes: tuple[str, ...] = ()
    environment: tuple[str | tuple[str, str], ...] = ()


EnvSpec: TypeAlias = PythonEnv | CondaEnv | DockerEnv


class Lock(NamedTuple):
    """A spec resolved to exact artifacts: ``text`` is the manager's own format, deterministic."""

    manager: str
    text: str

    @property
    def digest(self) -> str:
        """64 hex digits; the environment's address."""
        return hashlib.sha256(f"{self.manager}\n{self.text}".encode()).hexdigest()


class Environment(NamedTuple):
    """A materialised environment: the manager's word, its lock, and the folder it lies in."""

    manager: str
    lock: Lock
    prefix: Path
