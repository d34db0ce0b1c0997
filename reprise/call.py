"""What a program asks of us, as the request that the command line makes too: values become text here."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict, Unpack

from reprise.children import interpreter
from reprise.errors import UsageError
from reprise.runner.planning.request import make_request
from reprise.runner.planning.resources import read_resources
from reprise.schemas.environment import RegistryLogin
from reprise.schemas.job import ParameterSource, RunRequest, Sandbox
from reprise.schemas.tolerance import Tolerance


class RunOptions(TypedDict, total=False):
    """The options of a run, beside its project and entry point. See :func:`reprise.run`."""

    version: str | None
    parameters: Mapping[str, Any] | None
    docker_args: Mapping[str, Any] | None
    experiment_name: str | None
    experiment_id: str | None
    backend: str
    backend_config: Mapping[str, Any] | str | None
    storage_dir: str | None
    run_id: str | None
    run_name: str | None
    env_manager: str | None
    build_image: bool
    docker_auth: Mapping[str, str] | None
    locked: bool
    offline: bool
    as_of: str | None
    python: str | None
    observe: bool
    sandbox: bool
    network: bool
    resources: Mapping[str, Any] | None


def make_run_request(
    uri: str, entry_point: str, tracking_uri: str, **options: Unpack[RunOptions]
) -> RunRequest:
    """The request for a run whose options come from a program.

    Raises:
        UsageError: an option is wrong, or two exclude each other.
        TypeError: there is no such option.
    """
    if unknown := options.keys() - RunOptions.__annotations__.keys():
        raise TypeError(f"run() got an unexpected keyword argument {min(unknown)!r}")
    given: dict[str, Any] = {**options}
    parameters, login = given.pop("parameters", None), given.pop("docker_auth", None)
    texts = as_texts(parameters)
    experiment_id = given.pop("experiment_id", None)
    return make_request(
        str(uri),
        entry_point=entry_point or "main",
        parameters=texts,
        list_texts=_as_lists(parameters),
        sources=dict.fromkeys(texts, ParameterSource.CALL),
        docker_args=_docker_options(given.pop("docker_args", None) or {}),
        docker_login=_registry_login(login) if login else None,
        experiment_id=None if experiment_id is None else str(experiment_id),
        parent_run_id=find_active_run(),
        tracking_uri=tracking_uri,
        sandbox=Sandbox.from_options(given.pop("sandbox", False), given.pop("network", True)),
        current_python=our_python(),
        resources=read_resources(given.pop("resources", None) or {}),
        **given,
    )


def as_texts(parameters: Mapping[str, Any] | None) -> dict[str, str]:
    """The values as text; those that are None are left out."""
    return {str(name): str(value) for name, value in (parameters or {}).items() if value is not None}


def require_list(argument: str, value: Sequence[str]) -> Sequence[str]:
    """The value of an argument that is a list; a text is one too, of its characters, and never meant so.

    Raises:
        UsageError: it is a text.
    """
    if isinstance(value, str):
        raise UsageError(f"{argument} is a text: {value!r}", hint=f"give a list: {argument}=[{value!r}]")
    return value


def read_tolerance(tolerance: float | Path | None, *, strict: bool) -> Tolerance:
    """A number, or the file that it is the path of; exact without it.

    Raises:
        UsageError, ProjectError: it is neither.
    """
    from reprise.schemas import tolerance as tolerances

    match tolerance:
        case None:
            allowed = tolerances.Tolerance()
        case Path():
            allowed = tolerances.read_tolerance(tolerance)
        case _:
            allowed = tolerances.of_text(str(tolerance))
    return allowed._replace(strict=strict)


def our_python() -> Path | None:
    """The interpreter of this program, which is the Python that its user is in; None where it has none."""
    program = Path(interpreter())
    return program if program.is_file() else None


def find_active_run() -> str | None:
    """The run that this process has open with the mlflow client, if it uses one."""
    mlflow = sys.modules.get("mlflow")
    active = mlflow.active_run() if mlflow is not None and hasattr(mlflow, "active_run") else None
    return active.info.run_id if active is not None else None


def find_client_store() -> str | None:
    """Where the mlflow client of this process logs, once that is set or in use: runs go there too."""
    mlflow = sys.modules.get("mlflow")
    if mlflow is None or not hasattr(mlflow, "active_run"):
        return None
    if mlflow.is_tracking_uri_set() or mlflow.active_run() or "MLFLOW_EXPERIMENT_ID" in os.environ:
        return str(mlflow.get_tracking_uri())
    return None


def _as_lists(parameters: Mapping[str, Any] | None) -> dict[str, str]:
    """The values that are lists as JSON, which is how a declared list is written."""
    lists = {}
    for name, value in (parameters or {}).items():
        if isinstance(value, list | tuple):
            try:
                lists[str(name)] = json.dumps(value, ensure_ascii=False, default=str)
            except (TypeError, ValueError):
                continue  # a list within itself, or keys that are not text: use str()
    return lists


def _docker_options(given: Mapping[str, Any]) -> dict[str, str | bool]:
    return {str(name): value if isinstance(value, bool) else str(value) for name, value in given.items()}


def _registry_login(given: Mapping[str, str]) -> RegistryLogin:
    """``docker_auth``: ``username``, ``password`` and, for another than the default one, ``registry``."""
    unknown = given.keys() - set(RegistryLogin._fields)
    if unknown or not given.keys() >= {"username", "password"}:
        keys = ", ".join(sorted(given)) or "nothing"
        raise UsageError(f"docker_auth: has {keys}", hint="its keys: username, password, registry")
    return RegistryLogin(**given)
