"""An MLflow file store, the folder ``mlruns``, read as the source of a copy.

Layout: ``<experiment>/meta.yaml``, ``<experiment>/<run>/{meta.yaml,params,metrics,tags,inputs,outputs}``,
``<experiment>/models/<model>``, ``<experiment>/datasets/<id>``, ``models/<registered model>/version-<n>``;
deleted experiments lie in ``.trash``. Texts are files, named by their keys.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import yaml

from reprise.errors import TrackingError
from reprise.schemas.entities import (
    ACTIVE,
    RUN_STATUSES,
    Artifact,
    Dataset,
    DatasetInput,
    Experiment,
    LoggedModel,
    Metric,
    ModelLink,
    ModelMetric,
    ModelVersion,
    RegisteredModel,
    Run,
)
from reprise.tracking.copying import TOMBSTONE, SourceVersion, Unreadable, read
from reprise.tracking.import_artifacts import ImportArtifacts, place_of
from reprise.tracking.logged_models import STATUSES

META = "meta.yaml"
_TRASH = ".trash"
_STATUS_NUMBERS = {1: "RUNNING", 2: "SCHEDULED", 3: "FINISHED", 4: "FAILED", 5: "KILLED"}
_LARGEST_META = 1 << 20
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Meta = dict[str, Any]


class FileStore:
    """Satisfies ``Source``. Symbolic links below ``folder`` are not followed."""

    def __init__(self, folder: Path, artifacts: Path | None = None) -> None:
        self._folder = folder
        self._artifacts = ImportArtifacts(artifacts, [folder])

    @property
    def uri(self) -> str:
        return str(self._folder)

    def experiments(self) -> Iterator[Experiment | Unreadable]:
        for folder in (*_folders(self._folder), *_folders(self._folder / _TRASH)):
            if (folder / META).is_file():
                yield read(f"experiment {folder.name}", _experiment, folder)

    def runs(self, experiment: Experiment) -> Iterator[Run | Unreadable]:
        folder = self._of(experiment)
        runs = [run for run in _folders(folder) if _is_run(run)]
        found = [read(f"run {run.name}", _run, run, folder) for run in runs]
        yield from sorted(found, key=lambda run: run.start_time if isinstance(run, Run) else 0)

    def points(self, run: Run) -> Iterator[Metric]:
        for key, file in _files(self._owner(run) / "metrics"):
            with file.open() as lines:
                yield from (_point(key, line.rstrip("\n").split(" ")) for line in lines)

    def logged_models(self, experiment: Experiment) -> Iterator[LoggedModel | Unreadable]:
        for folder in _folders(self._of(experiment) / "models"):
            yield read(f"logged model {folder.name}", _logged_model, folder)

    def registered_models(self) -> Iterator[RegisteredModel | Unreadable]:
        for folder in _folders(self._folder / "models"):
            if (folder / META).is_file():
                yield read(f"registered model {folder.name!r}", _registered_model, folder)

    def versions(self, model: RegisteredModel) -> Iterator[SourceVersion | Unreadable]:
        for folder in _folders(self._folder / "models" / model.name):
            if folder.name.startswith("version-"):
                found = read(f"{folder.name} of {model.name!r}", _version, folder, model)
                if isinstance(found, Unreadable) or found.version.current_stage != TOMBSTONE:
                    yield found

    def files(self, owner: Run | LoggedModel) -> Iterator[Artifact]:
        return self._artifacts.files(owner)

    def file(self, owner: Run | LoggedModel, path: str) -> AbstractContextManager[Path]:
        return self._artifacts.file(owner, path)

    def close(self) -> None:
        pass

    def _of(self, experiment: Experiment) -> Path:
        for folder in (self._folder, self._folder / _TRASH):
            if (folder / experiment.experiment_id / META).is_file():
                return folder / experiment.experiment_id
        raise TrackingError(f"there is no folder of experiment {experiment.experiment_id}")

    def _owner(self, run: Run) -> Path:
        for folder in (self._folder, self._folder / _TRASH):
            if (found := folder / run.experiment_id / run.run_id).is_dir():
                return found
        raise TrackingError(f"there is no folder of run {run.run_id}")


def _experiment(folder: Path) -> Experiment:
    meta = _meta(folder)
    return Experiment(
        experiment_id=folder.name,
        name=str(meta["name"]),
        artifact_location=str(meta.get("artifact_location") or ""),
        lifecycle_stage=str(meta.get("lifecycle_stage") or ACTIVE),
        creation_time=int(meta.get("creation_time") or 0),
        last_update_time=int(meta.get("last_update_time") or 0),
        tags=_texts(folder / "tags"),
    )


def _run(folder: Path, experiment: Path) -> Run:
    meta, tags = _meta(folder), _texts(folder / "tags")
    return Run(
        run_id=folder.name,
        run_name=str(meta.get("run_name") or meta.get("name") or tags.get("mlflow.runName") or ""),
        experiment_id=experiment.name,
        user_id=str(meta.get("user_id") or ""),
        status=_run_status(meta.get("status")),
        start_time=int(meta.get("start_time") or 0),
        end_time=None if meta.get("end_time") is None else int(meta["end_time"]),
        artifact_uri=str(meta.get("artifact_uri") or folder / "artifacts"),
        lifecycle_stage=str(meta.get("lifecycle_stage") or ACTIVE),
        params=_texts(folder / "params"),
        tags=tags,
        dataset_inputs=tuple(
            DatasetInput(_dataset(experiment / "datasets" / _name(link["source_id"])), _pairs(link["tags"]))
            for link in map(_meta, _folders(folder / "inputs"))
            if link.get("source_type") == "DATASET"
        ),
        model_inputs=tuple(
            ModelLink(str(link["source_id"]))
            for link in map(_meta, _folders(folder / "inputs"))
            if link.get("source_type") != "DATASET"
        ),
        model_outputs=tuple(
            ModelLink(str(link["destination_id"]), int(link.get("step") or 0))
            for link in map(_meta, _folders(folder / "outputs"))
        ),
    )


def _logged_model(folder: Path) -> LoggedModel:
    meta = _meta(folder)
    return LoggedModel(
        model_id=folder.name,
        experiment_id=folder.parent.parent.name,
        name=str(meta["name"]),
        artifact_uri=str(meta.get("artifact_location") or folder / "artifacts"),
        status=STATUSES[int(meta.get("status") or 1) - 1],
        creation_time=int(meta.get("creation_timestamp") or 0),
        last_update_time=int(meta.get("last_updated_timestamp") or 0),
        model_type=meta.get("model_type") or None,
        source_run_id=meta.get("source_run_id") or None,
        status_message=meta.get("status_message") or None,
        lifecycle_stage=str(meta.get("lifecycle_stage") or ACTIVE),
        tags=_texts(folder / "tags"),
        params=_texts(folder / "params"),
        metrics=tuple(_model_points(folder)),
    )


def _model_points(folder: Path) -> Iterator[ModelMetric]:
    for key, file in _files(folder / "metrics"):
        with file.open() as lines:
            for line in lines:
                words = line.rstrip("\n").split(" ")
                yield ModelMetric(folder.name, words.pop(3), _point(key, words))


def _registered_model(folder: Path) -> RegisteredModel:
    meta = _meta(folder)
    return RegisteredModel(
        name=folder.name,
        creation_time=int(meta.get("creation_timestamp") or 0),
        last_update_time=int(meta.get("last_updated_timestamp") or 0),
        description=meta.get("description") or "",
        tags=_texts(folder / "tags"),
        aliases={alias: int(version) for alias, version in _texts(folder / "aliases").items()},
    )


def _version(folder: Path, model: RegisteredModel) -> SourceVersion:
    meta, number = _meta(folder), int(folder.name.removeprefix("version-"))
    source = str(meta.get("source") or "")
    version = ModelVersion(
        name=model.name,
        version=number,
        creation_time=int(meta.get("creation_timestamp") or 0),
        last_update_time=int(meta.get("last_updated_timestamp") or 0),
        source=source,
        description=meta.get("description") or "",
        user_id=meta.get("user_id") or "",
        current_stage=str(meta.get("current_stage") or "None"),
        run_id=meta.get("run_id") or "",
        run_link=meta.get("run_link") or "",
        status=str(meta.get("status") or "READY"),
        status_message=meta.get("status_message") or "",
        model_id=meta.get("model_id") or None,
        tags=_texts(folder / "tags"),
        aliases=tuple(alias for alias, pointed in model.aliases.items() if pointed == number),
    )
    return SourceVersion(version, place_of(str(meta.get("storage_location") or source)))


def _dataset(folder: Path) -> Dataset:
    meta = _meta(folder)
    return Dataset(
        name=str(meta["name"]),
        digest=str(meta["digest"]),
        source_type=str(meta["source_type"]),
        source=str(meta["source"]),
        schema=meta.get("schema"),
        profile=meta.get("profile"),
    )


def _point(key: str, words: list[str]) -> Metric:
    """Timestamp, value, step (old MLflow had none), a dataset's name, where spaces may be, and digest."""
    timestamp, value, *rest = words
    point = Metric(key, float(value), int(timestamp), int(rest[0]) if rest else 0)
    about = rest[1:]
    return point._replace(dataset_name=" ".join(about[:-1]), dataset_digest=about[-1]) if about else point


def _meta(folder: Path) -> Meta:
    file = folder / META
    if file.is_symlink() or file.stat().st_size > _LARGEST_META:
        raise TrackingError(f"{file} is a symbolic link, or larger than MLflow writes it")
    try:
        meta = yaml.load(file.read_text(), Loader=_LOADER)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f", see line {mark.line + 1}" if mark else ""
        raise TrackingError(f"{file} is no YAML{place}") from error
    if not isinstance(meta, dict):
        raise TrackingError(f"{file} is not what MLflow writes")
    return meta


def _run_status(given: Any) -> str:
    return given if given in RUN_STATUSES else _STATUS_NUMBERS[int(given)]


def _texts(folder: Path) -> dict[str, str]:
    return {key: file.read_bytes().decode() for key, file in _files(folder)}


def _pairs(given: Any) -> dict[str, str]:
    return {str(key): str(value) for key, value in (given or {}).items()}


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Key and file of everything that a folder holds; a slash in a key is a folder."""
    for parent, _, names in os.walk(folder):
        for path in (Path(parent, name) for name in sorted(names)):
            if path.is_file() and not path.is_symlink():
                yield path.relative_to(folder).as_posix(), path


def _folders(folder: Path) -> list[Path]:
    try:
        found = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [Path(entry.path) for entry in found if entry.is_dir(follow_symlinks=False)]


def _is_run(folder: Path) -> bool:
    return (folder / META).is_file() and folder.name not in {"models", "datasets", "traces"}


def _name(given: Any) -> str:
    """The name of a folder, from a file that anybody may have written."""
    name = str(given)
    if "/" in name or name in {"", ".", ".."}:
        raise TrackingError(f"{name!r} is not the name of a folder")
    return name
