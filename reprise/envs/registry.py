"""The environment managers by the word of ``--env-manager``, and which one a project gets."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping

from reprise.envs import local
from reprise.envs.base import EnvManager
from reprise.errors import EnvError, UsageError
from reprise.schemas.environment import CondaEnv, DockerEnv, EnvSpec, PythonEnv

logger = logging.getLogger(__name__)


def _local() -> EnvManager:
    return local


def _virtualenv() -> EnvManager:
    from reprise.envs import virtualenv

    return virtualenv


class _Managers(Mapping[str, EnvManager]):
    """Each is imported when it is asked for: a run in the current environment pays for no other."""

    _doors: Mapping[str, Callable[[], EnvManager]] = {"local": _local, "virtualenv": _virtualenv}

    def __getitem__(self, word: str) -> EnvManager:
        return self._doors[word]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._doors)

    def __len__(self) -> int:
        return len(self._doors)


MANAGERS: Mapping[str, EnvManager] = _Managers()
ALIASES = {"uv": "virtualenv"}

# Words of MLflow that this version knows of but does not do.
LATER = ("conda", "docker")


def words() -> tuple[str, ...]:
    """Every word that ``--env-manager`` takes."""
    return (*MANAGERS, *ALIASES, *LATER)


def choose(spec: EnvSpec, requested: str | None) -> tuple[EnvManager, EnvSpec]:
    """The manager for ``spec``, and the spec as that manager takes it (a conda.yaml translated).

    Everything that can be known to fail before anything is made fails here, before a run is opened.

    Raises:
        UsageError: ``requested`` is not a word of ``--env-manager``.
        EnvError: the manager does not do such a project, or does not work on this machine.
        ProjectError: the spec names a file that does not exist.
    """
    if requested is not None and requested not in words():
        raise UsageError(
            f'--env-manager: there is no environment manager "{requested}"',
            hint=f"one of {', '.join(words())}",
        )
    if requested == local.NAME:
        return local, spec
    from reprise.envs import virtualenv

    python = _python(spec, requested)
    virtualenv.read(python)
    if reason := virtualenv.unusable():
        raise EnvError(reason, hint="--env-manager local runs the project in the current environment")
    return virtualenv, python


def _python(spec: EnvSpec, requested: str | None) -> PythonEnv:
    """What virtualenv takes for ``spec``."""
    match spec, requested:
        case DockerEnv(), _:
            raise EnvError(
                f"the project runs in docker ({spec.image}), which this version does not do yet",
                hint="--env-manager local runs it in the current environment",
            )
        case PythonEnv(), "conda" | "docker":
            raise EnvError(
                f"the project's environment is made of Python packages; {requested} does not make those",
                hint="--env-manager virtualenv or --env-manager local",
            )
        case CondaEnv(), "conda" | "docker":
            raise EnvError(
                f"--env-manager {requested} is not available in this version",
                hint="without it, conda.yaml is translated to packages of the Python package index; "
                "or --env-manager local",
            )
        case PythonEnv(), _:
            return spec
        case CondaEnv(), _:
            from reprise.envs import translate

            return translate.to_python(spec)
