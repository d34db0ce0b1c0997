"""The environment for scoring a model, created by the same managers as that of a run.

The lock of the run that logged the model contains the exact packages of the training; the model's own files
contain its requirements. If the lock satisfies these, it is used: the environment is then that of the
training, and usually already in the cache.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from reprise import paths, process
from reprise.envs import registry as envs
from reprise.envs.base import EnvManager
from reprise.envs.cache import store
from reprise.errors import EnvError, ProjectError, UsageError
from reprise.runner.models.folder import ModelFolder
from reprise.runner.models.model_requirements import find_lacking, find_unsaid
from reprise.schemas.environment import CondaEnv, Environment, EnvSpec, Lock, Policy, PythonEnv
from reprise.schemas.environment_files import read_conda_env, read_python_env
from reprise.schemas.faults import Findings, refuse_faults
from reprise.schemas.job import Command

log = logging.getLogger(__name__)

_REQUIREMENTS = "requirements.txt"
_CONDA_NAME = re.compile(r"[\w.-]+(?!:)(?=$|[\s=<>!~\[])")
_PYTHON_ALONE = {"python", "pip", "setuptools", "wheel"}
_HAS_MLFLOW = "import importlib.util, sys; sys.exit(importlib.util.find_spec('mlflow') is None)"


def choose_environment(
    model: ModelFolder, env_manager: str | None, version: str | None = None
) -> tuple[EnvManager, EnvSpec | Lock]:
    """Return the manager, and the source of the environment: the lock of the run, or the model's own files.

    Args:
        env_manager: the word of ``--env-manager``; None: the manager of the lock, else virtualenv if
            the model needs no conda packages.
        version: the user's version of Python; None: that of the lock or the files.

    Raises:
        UsageError: the manager does not exist, it cannot set the Python, or the model cannot be scored by
            MLflow's pyfunc.
        EnvError: the model has no environment, or the manager does not support it.
        ProjectError: a file of the model is missing or broken.
    """
    if env_manager is not None and not envs.manager_for(PythonEnv(model.folder), env_manager).READS_PROJECT:
        return envs.choose_manager(PythonEnv(model.folder), env_manager, version)
    manager, spec = _read_own(model, env_manager, version)
    if isinstance(spec, PythonEnv):
        spec = spec._replace(dependencies=(*spec.dependencies, *find_unsaid(spec.dependencies, spec)))
    elif isinstance(spec, CondaEnv):
        spec = spec._replace(pip=(*spec.pip, *find_unsaid(spec.pip, spec)))
    lock = model.lock
    if version is not None:
        reason = f"--python {version} decides the Python"
    elif model.run_id is None:
        reason = "the run that logged it is not known"
    elif lock is None or not _is_of_packages(lock):
        reason = "the run that logged it has no lock that works here"
    elif env_manager is not None and lock.manager != manager.NAME:
        reason = f"the run that logged it had an environment of {lock.manager}"
    elif not isinstance(spec, PythonEnv):
        reason = "a conda.yaml is not compared with the lock of a run"
    elif missing := find_lacking(lock, spec):
        reason = f"the run that logged it did not have {missing}"
    else:
        log.info("Environment: %s, from the lock of run %s", lock.manager, model.run_id)
        return envs.MANAGERS[lock.manager], lock
    log.info("Environment: %s, by the files of the model (%s)", manager.NAME, reason)
    return manager, spec


def _is_of_packages(lock: Lock) -> bool:
    """Whether it pins packages from which this machine can make an environment."""
    manager = envs.find_manager(lock.manager)
    return manager.PINS_PACKAGES and not manager.IS_ISOLATED and manager.unrestorable(lock) is None


def lock_environment(
    model: ModelFolder, env_manager: str | None, policy: Policy
) -> tuple[EnvManager, Lock]:
    """The manager, and the exact packages of the model's environment.

    Raises:
        RepriseError: as :func:`choose_environment`; or the packages cannot be resolved.
    """
    manager, what = choose_environment(model, env_manager, policy.python)
    return manager, what if isinstance(what, Lock) else manager.lock(what, policy, log_file())


@contextmanager
def use_environment(model: ModelFolder, env_manager: str | None, policy: Policy) -> Iterator[Environment]:
    """Be inside the model's environment, which has MLflow; it is made where the cache does not have it.

    Raises:
        RepriseError: as :func:`lock_environment`; or it cannot be made, or has no MLflow.
    """
    manager, lock = lock_environment(model, env_manager, policy)
    with store.using_lock(manager, lock, policy, log_file()) as environment:
        _refuse_without_mlflow(manager, environment, model)
        yield environment


def log_file() -> Path:
    """Where the tools print that make the environment of a model."""
    return paths.state_dir() / "logs" / "environment.log"


def _read_own(
    model: ModelFolder, env_manager: str | None, version: str | None
) -> tuple[EnvManager, EnvSpec]:
    """What the files of the model say, as the manager takes it."""
    python, conda = _find_files(model)
    if python is None and conda is None:
        raise EnvError(
            f"{model.shown} has no environment: it has no python_env.yaml, conda.yaml or {_REQUIREMENTS}",
            hint="use --env-manager local for the current environment",
        )
    if conda is not None and (python is None or env_manager == envs.default_manager(CondaEnv)):
        word = env_manager or ("virtualenv" if _is_python_alone(conda) else None)
        return envs.choose_manager(conda, word, version)
    assert python is not None
    return envs.choose_manager(python, env_manager, version)


def _is_python_alone(spec: CondaEnv) -> bool:
    """Return whether conda only provides Python and pip, as in files written by MLflow.

    A package of a conda channel may have the same name as another author's package on the index, so it is
    never replaced automatically.
    """
    names = (_CONDA_NAME.match(dependency) for dependency in spec.dependencies)
    return all(name is not None and name[0].lower() in _PYTHON_ALONE for name in names)


def _find_files(model: ModelFolder) -> tuple[PythonEnv | None, CondaEnv | None]:
    """The files that the flavor python_function names; old models name a conda.yaml alone."""
    named = _read_flavor(model).get("env")
    names = named if isinstance(named, dict) else {"conda": named}
    found: list[Findings] = []
    python, conda = None, None
    if file := _find_file(model, names.get("virtualenv")):
        found.append(Findings(file.name))
        python = read_python_env(file, model.folder, found[-1])
    elif (model.folder / _REQUIREMENTS).is_file():
        file = model.folder / _REQUIREMENTS
        python = PythonEnv(model.folder, file, dependencies=(f"-r {_REQUIREMENTS}",))
    if file := _find_file(model, names.get("conda")):
        found.append(Findings(file.name))
        conda = read_conda_env(file, model.folder, found[-1])
    refuse_faults(found)
    return python, conda


def _find_file(model: ModelFolder, name: object) -> Path | None:
    return paths.confined(model.folder, name, "the environment file") if isinstance(name, str) else None


def _read_flavor(model: ModelFolder) -> dict[str, Any]:
    """What MLmodel says of python_function, by which any model is scored."""
    import yaml

    file = model.folder / "MLmodel"
    try:
        content = yaml.safe_load(file.read_bytes())
        flavors = content["flavors"]
        flavor = flavors.get("python_function")
    except (yaml.YAMLError, OSError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ProjectError(f"cannot read {file}: {type(error).__name__}") from None
    if not isinstance(flavor, dict):
        raise UsageError(
            f"{model.shown} has no flavor python_function, so MLflow cannot score it",
            hint=f"it has {', '.join(map(str, flavors)) or 'none'}",
        )
    return flavor


def _refuse_without_mlflow(manager: EnvManager, environment: Environment, model: ModelFolder) -> None:
    command = manager.enter(environment, Command(("python", "-c", _HAS_MLFLOW), (), model.folder))
    if process.run(command.argv, environ=dict(command.environ), check=False).exit_code == 0:
        return
    where = "the current environment" if not manager.PINS_PACKAGES else f"the environment of {model.shown}"
    raise EnvError(
        f"{where} has no mlflow, which scores the model",
        hint="install it there"
        if not manager.PINS_PACKAGES
        else "log the model with mlflow in its pip_requirements, or use --env-manager local",
    )
