"""The environment managers by the word of ``--env-manager``, and the selection for a project."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache

from reprise import plugins
from reprise.envs import local
from reprise.envs.base import EnvManager, Manager
from reprise.errors import EnvError, ProjectError, UsageError
from reprise.schemas.environment import CondaEnv, DockerEnv, EnvSpec, PythonEnv


def _local() -> Manager[EnvSpec]:
    return local


def _virtualenv() -> Manager[PythonEnv]:
    from reprise.envs.virtualenv import manager as virtualenv

    return virtualenv


def _conda() -> Manager[CondaEnv]:
    from reprise.envs.conda import manager as conda

    return conda


def _docker() -> Manager[DockerEnv]:
    from reprise.envs.docker import manager as docker

    return docker


class _Managers(Mapping[str, EnvManager]):
    """Our own, and by their names also those of other packages, which are not listed.

    Each is imported when it is asked for: a run in the current environment pays for no other.
    """

    _doors: Mapping[str, Callable[[], EnvManager]] = {
        "local": _local,
        "virtualenv": _virtualenv,
        "conda": _conda,
        "docker": _docker,
    }

    def __getitem__(self, word: str) -> EnvManager:
        return self._doors[word]() if word in self._doors else _load_plugin(word)

    def __iter__(self) -> Iterator[str]:
        return iter(self._doors)

    def __len__(self) -> int:
        return len(self._doors)


@cache
def _load_plugin(word: str) -> EnvManager:
    """Return the manager that another package brings by an entry point.

    Raises:
        KeyError: none does.
        UsageError: the package is broken.
    """
    if (point := plugins.find_entry_point(GROUP, word)) is None:
        raise KeyError(word)
    manager: EnvManager = plugins.load_module(point, "environment manager", Manager)
    return manager


GROUP = "reprise.env_managers"
MANAGERS: Mapping[str, EnvManager] = _Managers()
CURRENT = local.NAME
"""The manager of a run without one: it used the current environment of its user."""
ALIASES = {"uv": "virtualenv"}
_BY_PROJECT = {PythonEnv: "virtualenv", CondaEnv: "conda", DockerEnv: "docker"}


def list_words() -> tuple[str, ...]:
    """Every word that ``--env-manager`` takes."""
    return (*MANAGERS, *ALIASES)


def faults_of(spec: EnvSpec) -> tuple[str, ...]:
    """Every requirement line of ``spec`` that is none, and every file that it names and that is missing."""
    from reprise.envs.project_files import pyproject, requirement_files

    try:
        match spec:
            case PythonEnv():
                pyproject.read_pyproject(spec)
                requirement_files.read_requirements(
                    (*spec.build_dependencies, *spec.dependencies), spec.root, spec.file
                )
            case CondaEnv():
                requirement_files.read_requirements(spec.pip, spec.file.parent, spec.file)
    except ProjectError as error:
        return error.faults or (error.message,)
    return ()


def find_manager(word: str) -> EnvManager:
    """The manager that a run or a lock names by ``word``.

    Raises:
        EnvError: there is none of this name.
    """
    try:
        return MANAGERS[word]
    except KeyError:
        raise EnvError(
            f'there is no environment manager "{word}"',
            hint="install the package that provides it",
        ) from None


def default_manager(kind: type[EnvSpec]) -> str:
    """The word of the manager that a project with an environment of this kind gets."""
    return _BY_PROJECT[kind]


def manager_for(spec: EnvSpec, requested: str | None) -> EnvManager:
    """Return the manager ``requested``, or else the default for the spec.

    Raises:
        UsageError: ``requested`` is not a word of ``--env-manager``.
    """
    word = default_manager(type(spec)) if requested is None else ALIASES.get(requested, requested)
    try:
        return MANAGERS[word]
    except KeyError:
        raise UsageError(
            f'--env-manager: there is no environment manager "{requested}"',
            hint=f"one of {', '.join((*list_words(), *plugins.find_names(GROUP)))}",
        ) from None


def choose_manager(
    spec: EnvSpec, requested: str | None, python: str | None = None
) -> tuple[EnvManager, EnvSpec]:
    """The manager for ``spec``, and the spec as that manager takes it (a conda.yaml translated).

    Everything that can be known to fail before anything is made fails here, before a run is opened.

    Args:
        python: the version of ``--python``.

    Raises:
        UsageError: ``requested`` is not a word of ``--env-manager``, or its manager makes no Python.
        EnvError: the manager does not support the project, or does not work on this machine.
        ProjectError: the spec names a file that does not exist.
    """
    manager = manager_for(spec, requested)
    if python is not None and not manager.CHOOSES_PYTHON:
        raise UsageError(
            f"--python {python}: the Python of an environment of {manager.NAME} cannot be changed",
            hint="remove --python, or create an environment with --env-manager virtualenv",
        )
    taken = manager.takes(spec)
    if reason := manager.unusable():
        raise EnvError(reason, hint="--env-manager local runs the project in the current environment")
    return manager, taken
