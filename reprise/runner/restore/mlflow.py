"""The record of a run of plain MLflow, from its tags, params and artifacts."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from reprise.envs import registry as envs
from reprise.errors import TrackingError, UsageError
from reprise.schemas import tags
from reprise.schemas.entities import Run
from reprise.schemas.environment import CondaEnv, EnvSpec
from reprise.schemas.json_text import read_json
from reprise.schemas.project import EntryPoint
from reprise.schemas.record.run_record import (
    EnvironmentRecord,
    ParameterRecord,
    ProjectRecord,
    RunRecord,
    SourceRecord,
)
from reprise.tracking.base import Tracking

log = logging.getLogger(__name__)

_OLD_REPO_URL = "mlflow.gitRepoURL"
_MODELS = "mlflow.log-model.history"
_FILES = ("python_env.yaml", "requirements.txt", "conda.yaml")


def record_of(run: Run) -> RunRecord:
    """Return the record from the tags of ``run``.

    Raises:
        UsageError: it is not a run of a project, so its command is not known.
    """
    told = run.tags
    if told.get(tags.SOURCE_TYPE) != "PROJECT" or tags.SOURCE_NAME not in told:
        source = told.get(tags.SOURCE_NAME, "somewhere")
        raise UsageError(
            f"run {run.run_id} is not a run of a project: it was logged by {source}, and nothing says how "
            "that was called",
            hint="run it with reprise run and an MLproject file with that command to make it reproducible",
        )
    place, _, subdirectory = told[tags.SOURCE_NAME].partition("#")
    url = told.get(tags.GIT_REPO_URL) or told.get(_OLD_REPO_URL)
    commit = told.get(tags.GIT_COMMIT)
    return RunRecord(
        run_id=run.run_id,
        run_name=run.run_name,
        experiment=run.experiment_id,
        reprise="",
        source=SourceRecord(
            uri=place,
            kind="git" if commit else "folder",
            url=url or (None if place.startswith(("/", "file:")) else place),
            commit=commit,
            branch=told.get(tags.GIT_BRANCH),
            subdirectory=subdirectory,
        ),
        project=ProjectRecord(None, None, told.get(tags.ENTRY_POINT, "main"), ""),
        parameters=tuple(
            ParameterRecord(name, _unquote_parameter(text), "-P") for name, text in run.params.items()
        ),
        environment=EnvironmentRecord(_manager_of(told), digest=told.get(tags.ENV_DIGEST)),
        status=run.status,
    )


def keep_declared(record: RunRecord, entry_point: EntryPoint) -> RunRecord:
    """``record`` with the parameters of the entry point alone: the script may have logged the others."""
    kept = tuple(item for item in record.parameters if item.name in entry_point.parameters)
    if left := [item.name for item in record.parameters if item not in kept]:
        log.warning("Not declared by the project, so the script may have logged them: %s", _list_few(left))
    return record._replace(parameters=kept)


def find_environment(tracking: Tracking, run: Run, folder: Path) -> tuple[str, EnvSpec] | None:
    """The environment that a model of the run asks for, in files below ``folder``, and its manager's word.

    None where the run logged no model.
    """
    from reprise.schemas.environment_files import read_named
    from reprise.schemas.faults import refuse_faults

    for owner, path in _find_models(tracking, run):
        found = [name for name in _FILES if _download_file(tracking, owner, path, name, folder)]
        if not found:
            continue
        of_conda = _manager_of(run.tags) == envs.default_manager(CondaEnv) and "conda.yaml" in found
        key, name = (
            ("conda_env", "conda.yaml")
            if of_conda or found == ["conda.yaml"]
            else ("python_env", "python_env.yaml")
        )
        if name not in found:  # a list of requirements alone
            (folder / name).write_text("dependencies:\n- -r requirements.txt\n", encoding="utf-8")
        spec, findings = read_named(key, name, folder, check_file=True)
        refuse_faults([findings] if findings else [])
        log.warning("Environment: %s of the model that run %s has logged", name, run.run_id)
        return envs.default_manager(type(spec)), spec
    return None


def _manager_of(told: Mapping[str, str]) -> str:
    word = told.get(tags.PROJECT_ENV, "")
    return word if word in envs.MANAGERS else envs.CURRENT


def _unquote_parameter(text: str) -> str:
    """Return a parameter as typed: MLflow logs parameters quoted for the shell, as in the command."""
    if not text.startswith("'"):
        return text
    try:
        words = shlex.split(text)
    except ValueError:
        return text
    return words[0] if len(words) == 1 and shlex.quote(words[0]) == text else text


def _find_models(tracking: Tracking, run: Run) -> Iterator[tuple[str, str]]:
    """The models of the run, as (owner of artifacts, path): those of MLflow 3, then those of MLflow 2."""
    yield from ((link.model_id, "") for link in tracking.get_run(run.run_id).model_outputs)
    try:
        history: Any = read_json(run.tags.get(_MODELS, "[]"))
    except ValueError:
        return
    for entry in history if isinstance(history, list) else []:
        if isinstance(entry, dict) and isinstance(entry.get("artifact_path"), str):
            yield run.run_id, entry["artifact_path"].strip("/")


def _download_file(tracking: Tracking, owner: str, path: str, name: str, folder: Path) -> bool:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).unlink(missing_ok=True)
    try:
        tracking.download_artifact(owner, f"{path}/{name}".strip("/"), folder / name)
    except TrackingError as error:
        if error.code in ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"):
            return False
        raise
    return True


def _list_few(names: list[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
