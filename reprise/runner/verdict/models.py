"""MLflow models file by file, and those whose weights cannot be compared by their predictions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from reprise.errors import RepriseError, TrackingError
from reprise.runner.verdict.kinds import Looking, compare_files
from reprise.runner.verdict.numbers import compare_values
from reprise.runner.verdict.recorded import Recorded
from reprise.runner.verdict.values import (
    IDENTICAL,
    Agreement,
    Finding,
    Part,
    diverged,
    part,
    unknown,
    within,
    worst,
)
from reprise.schemas.tolerance import EXACT, Tolerance

MODEL_FILE = "MLmodel"
_OF_ONE_MODEL = {
    "artifact_path",
    "model_id",
    "model_size_bytes",
    "model_uuid",
    "run_id",
    "utc_time_created",
}
"""What MLflow writes of a model that is not the model."""


class Model(NamedTuple):
    """A folder with a model in it: an artifact of ``run``, or of the logged model ``owner``."""

    run: Recorded
    owner: str | None
    root: str

    def path(self, name: str) -> str:
        return f"{self.root}/{name}" if self.root else name

    @property
    def names(self) -> list[str]:
        """The files below the folder; also those that are gone."""
        prefix = self.path("")
        paths = (path for path in self.run.paths(self.owner) if _is_below(path, self.root))
        return [path.removeprefix(prefix) for path in paths]

    def is_gone(self, name: str) -> bool:
        return self.run.is_gone(self.path(name), self.owner)

    def digest(self, name: str) -> str:
        return self.run.digest(self.path(name), self.owner)

    def read(self, name: str) -> bytes:
        return self.run.read(self.path(name), self.owner)


class Subject(NamedTuple):
    """The model of a run that a comparison is about: a folder of its artifacts, or of a logged model."""

    owner: str | None
    root: str


def roots(paths: Iterable[str]) -> list[str]:
    """The folders that hold a model, those inside of another one left out."""
    found = [str(PurePosixPath(path).parent) for path in paths if PurePosixPath(path).name == MODEL_FILE]
    folders = ["" if folder == "." else folder for folder in found]
    return [folder for folder in folders if not any(_is_below(folder, other) for other in folders)]


def root_of(path: str, folders: Sequence[str]) -> str | None:
    """The one of ``folders`` that ``path`` lies in."""
    return next((folder for folder in folders if _is_below(path, folder)), None)


def compare_model(name: str, a: Model, b: Model, tolerance: Tolerance) -> Part:
    """One part for the whole folder; ``name`` is what tolerances are looked up by."""
    closeness = tolerance.of_artifact(name)
    try:
        found = worst(
            _differences(a, b, Looking(closeness or EXACT, a.run.aside(b.run), b.run.aside(a.run)))
        )
        if found.agreement is Agreement.NOT_COMPARABLE:
            found = _by_predictions(a, b, found, tolerance)
    except (TrackingError, OSError) as error:
        found = unknown(f"it cannot be read: {error}")
    return part("model", name, found, decides=closeness is not None)


def compare_subject(subject: Subject, a: Recorded, b: Recorded, tolerance: Tolerance) -> Part:
    """What the model and its counterpart in ``b`` predict; without an example it decides nothing.

    Raises:
        RepriseError: one of them cannot be read.
    """
    name, counterpart = _counterpart(subject, a, b)
    if counterpart is None:
        return part("predictions", name, diverged(note="the model is missing"))
    model = Model(a, *subject)
    if not _has_example(model):
        return part("predictions", name, unknown("the model has no input example"), decides=False)
    try:
        return part("predictions", name, _compare_predictions(model, counterpart, tolerance))
    except RepriseError as error:
        return part("predictions", name, unknown(error.message))


def _counterpart(subject: Subject, a: Recorded, b: Recorded) -> tuple[str, Model | None]:
    """The name of a model of ``a``, and the model that ``b`` has under it."""
    if subject.owner is None:
        there = f"{subject.root}/{MODEL_FILE}".lstrip("/") in b.files()
        return subject.root, Model(b, None, subject.root) if there else None
    name = next((name for name, model in a.models.items() if model.model_id == subject.owner), "")
    other = b.models.get(name)
    return name, Model(b, other.model_id, subject.root) if other else None


def _differences(a: Model, b: Model, looking: Looking) -> Iterator[Finding]:
    names_a, names_b = a.names, b.names
    for name in sorted({*names_a, *names_b}):
        if gone := [model for model in (a, b) if model.is_gone(name)]:
            # An error, for no prediction makes up for a file that the model had.
            raise TrackingError(f"{name} is gone from run {gone[0].run.run_id[:8]}")
        if name not in names_a or name not in names_b:
            yield diverged(name, "is new" if name in names_b else "is missing")
        elif a.digest(name) != b.digest(name):
            compared = _compare_descriptions if name == MODEL_FILE else compare_files
            found = compared(name, a.read(name), b.read(name), looking)
            yield found._replace(where=", ".join(filter(None, (name, found.where))))


def _compare_descriptions(_name: str, a: bytes, b: bytes, looking: Looking) -> Finding:
    """Two MLmodel files; ids, times and sizes are of the files, and those are compared themselves."""
    one, other = _described(a), _described(b)
    if one is None or other is None:
        return unknown("it is no YAML mapping")
    return compare_values(_without_ids(one), _without_ids(other), looking.closeness, looking.words)


def _described(data: bytes) -> dict[str, Any] | None:
    import yaml

    try:
        loaded = yaml.safe_load(data)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError):
        return None
    return loaded if isinstance(loaded, dict) else None


def _without_ids(description: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in description.items() if name not in _OF_ONE_MODEL}


def _by_predictions(a: Model, b: Model, doubt: Finding, tolerance: Tolerance) -> Finding:
    """What the predictions on the input example say of files that could not be compared."""
    if not _has_example(a):
        return doubt._replace(note=f"{doubt.note}; and there is no input example to predict on")
    try:
        found = _compare_predictions(a, b, tolerance)
    except RepriseError as error:
        return doubt._replace(note=f"{doubt.note}; no predictions: {error.message}")
    if found.agreement is Agreement.DIVERGED:
        return diverged(f"prediction {found.where}".strip(), found.note)
    same = "the same" if found == IDENTICAL else "close"
    return within(doubt.where, f"the bytes differ; the predictions on the input example are {same}")


def _has_example(model: Model) -> bool:
    description = _described(model.read(MODEL_FILE)) or {}
    return bool(description.get("saved_input_example_info"))


def _compare_predictions(a: Model, b: Model, tolerance: Tolerance) -> Finding:
    """Those of two models, each on its own input example.

    Raises:
        RepriseError: there are none.
    """
    from reprise.runner.verdict.predictions import predict

    said = []
    for model in (a, b):
        folder, known = model.run.folder(model.root, model.owner), model.run.predicted
        if folder not in known:
            known[folder] = predict(model.run, folder)
        said.append(known[folder])
    return compare_values(said[0], said[1], tolerance.default, Looking().words)


def _is_below(path: str, folder: str) -> bool:
    return not folder or path.startswith(f"{folder}/")
