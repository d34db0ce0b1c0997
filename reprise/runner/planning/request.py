"""The user's request: arguments first, then environment variables as defaults."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reprise import paths
from reprise.errors import UsageError
from reprise.schemas.job import ParameterSource, RunRequest
from reprise.schemas.json_text import read_json

ENV_MANAGER_VARIABLE = "REPRISE_ENV_MANAGER"
RUN_ID_VARIABLE = "REPRISE_RUN_ID"
OFFLINE_VARIABLE = "REPRISE_OFFLINE"
NO_OBSERVE_VARIABLE = "REPRISE_NO_OBSERVE"

_YES = {"1", "true", "yes", "on"}


def make_request(
    uri: str,
    *,
    parameters: Mapping[str, str | None],
    sources: Mapping[str, ParameterSource],
    experiment_name: str | None = None,
    experiment_id: str | None = None,
    backend: str | None = None,
    backend_config: Mapping[str, Any] | str | Path | None = None,
    storage_dir: str | Path | None = None,
    env_manager: str | None = None,
    parent_run_id: str | None = None,
    tracking_uri: str | None = None,
    offline: bool = False,
    observe: bool = True,
    as_of: str | None = None,
    python: str | None = None,
    **rest: Any,
) -> RunRequest:
    """Return a request with defaults from the environment; the other arguments are fields of RunRequest.

    A run started by one of our runs inherits its env manager and is nested in it.

    Raises:
        UsageError: two options exclude each other, or the backend config or the date is invalid.
    """
    if experiment_name is not None and experiment_id is not None:
        raise UsageError("both an experiment name and an experiment id are given", hint="use one of them")
    if experiment_name is None and experiment_id is None:
        experiment_id = os.environ.get("MLFLOW_EXPERIMENT_ID") or None
        experiment_name = None if experiment_id else os.environ.get("MLFLOW_EXPERIMENT_NAME") or None
    storage = storage_dir or os.environ.get("MLFLOW_TMP_DIR") or None
    return RunRequest(
        uri=uri,
        base=paths.here_or_gone(),
        parameters=parameters,
        sources=sources,
        experiment_name=experiment_name,
        experiment_id=experiment_id,
        backend=backend or "local",
        backend_config=_backend_config(backend_config),
        storage_dir=Path(storage).absolute() if storage else None,
        env_manager=env_manager or os.environ.get(ENV_MANAGER_VARIABLE) or None,
        parent_run_id=parent_run_id or os.environ.get(RUN_ID_VARIABLE) or None,
        tracking_uri=tracking_uri or os.environ.get("MLFLOW_TRACKING_URI") or None,
        offline=is_offline(offline),
        observe=is_observed(observe),
        as_of=_as_of(as_of),
        python=read_python(python),
        **rest,
    )


def is_offline(given: bool) -> bool:
    """Whether nothing may be fetched: as ``given``, or as the environment says."""
    return given or os.environ.get(OFFLINE_VARIABLE, "").lower() in _YES


def is_observed(given: bool = True) -> bool:
    """Whether the processes of a run are observed: as ``given``, unless the environment forbids it."""
    return given and os.environ.get(NO_OBSERVE_VARIABLE, "").lower() not in _YES


def read_params_file(path: Path) -> dict[str, str | None]:
    """Return parameters from a YAML or JSON mapping; every value is the text as written in the file.

    A null counts as missing, a list is its text with the brackets.

    Raises:
        UsageError: the file cannot be read.
        ProjectError: it is not a valid mapping; every fault has line and column.
    """
    from reprise.schemas.faults import START, Findings, refuse_faults
    from reprise.schemas.yaml import document
    from reprise.schemas.yaml.nodes import (
        MAX_BYTES,
        MappingNode,
        ScalarNode,
        SequenceNode,
        entries_of,
        text_of,
    )

    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)  # a larger file is reported as such
    except OSError as error:
        raise UsageError(f"--params-file: cannot read {path}: {error.strerror}") from error
    findings = Findings(path.name)
    root = document.read_document(content, findings)
    if not isinstance(root, MappingNode) and not findings.faults:
        findings.add_fault(START, (), "parameters must be a mapping of names to values")
    values: dict[str, str | None] = {}
    for name, entry in entries_of(root).items():
        value = entry.value
        text = value.source if isinstance(value, SequenceNode) else text_of(value)
        if text is not None:
            values[name] = text
        elif not isinstance(value, ScalarNode):
            findings.add_fault(value.at, (name,), "a value is a text, a number or a [list]")
    refuse_faults([findings])
    return values


def read_python(given: str | None) -> str | None:
    """The version that ``--python`` names.

    Raises:
        UsageError: it is not a version of Python.
    """
    if given is None:
        return None
    from reprise.schemas.python_request import fault_of

    if sentence := fault_of(given):
        raise UsageError(f"--python: {sentence}")
    return given.strip()


def _as_of(given: str | None) -> str | None:
    if given is None:
        return None
    from reprise.runner.planning import as_of

    return as_of.read_as_of(given)


def _backend_config(given: Mapping[str, Any] | str | Path | None) -> Mapping[str, Any]:
    """A mapping as it is, the content of a ``.json`` file, or inline JSON."""
    if given is None or isinstance(given, Mapping):
        return given or {}
    text, where = str(given), "the inline text"
    if text.endswith(".json"):
        where = text
        try:
            text = Path(text).read_text("utf-8")
        except (OSError, ValueError) as error:  # a name with a NUL is a ValueError
            raise UsageError(f"backend config: cannot read {where}: {error}") from error
    try:
        config = read_json(text)
    except json.JSONDecodeError as error:
        raise UsageError(
            f"backend config: {where} is not JSON: {error}",
            hint="use a path that ends in .json, or JSON text",
        ) from error
    if not isinstance(config, dict):
        raise UsageError(f"backend config: {where} is not a JSON object")
    return config
