"""MLflow models file by file, and those whose weights cannot be compared by their predictions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any

from reprise.errors import RepriseError, TrackingError
from reprise.named_tuple import NamedTuple
from reprise.runner.verdict.comparison_rules import FilesComparison, Looking
from reprise.runner.verdict.files.compare_files import compare_files
from reprise.runner.verdict.files.contents import compare_contents
from reprise.runner.verdict.recorded import Recorded
from reprise.runner.verdict.values import (
    IDENTICAL,
    Agreement,
    Finding,
    Part,
    find_worst,
    make_diverged,
    make_part,
    make_unknown,
    make_within,
)
from reprise.runner.verdict.words.known_texts import Aside
from reprise.runner.verdict.words.names import match_names
from reprise.runner.verdict.words.texts import decode_text
from reprise.schemas.tolerance import Tolerance

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
_REQUIREMENTS = {"conda.yaml", "python_env.yaml", "requirements.txt"}
_DRAWN = re.compile(r"[a-z]+-[a-z]+-\d+(?: \(step \d+\))?(?: #\d+)?")


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
        paths = (path for path in self.run.list_paths(self.owner) if _is_below(path, self.root))
        return [path.removeprefix(prefix) for path in paths]

    def is_gone(self, name: str) -> bool:
        return self.run.is_gone(self.path(name), self.owner)

    def digest(self, name: str) -> str:
        return self.run.digest_file(self.path(name), self.owner)

    def read(self, name: str) -> bytes:
        return self.run.read_file(self.path(name), self.owner)


class ModelSubject(NamedTuple):
    """The model of a run that a comparison is about: a folder of its artifacts, or of a logged model."""

    owner: str | None
    root: str


def find_roots(paths: Iterable[str]) -> list[str]:
    """The folders that hold a model, those inside of another one left out."""
    found = [str(PurePosixPath(path).parent) for path in paths if PurePosixPath(path).name == MODEL_FILE]
    folders = ["" if folder == "." else folder for folder in found]
    return [folder for folder in folders if not any(_is_below(folder, other) for other in folders)]


def root_of(path: str, folders: Sequence[str]) -> str | None:
    """Return the one of ``folders`` that contains ``path``."""
    return next((folder for folder in folders if _is_below(path, folder)), None)


def match_models(
    a: Sequence[str], b: Sequence[str], of_a: Aside, of_b: Aside
) -> Iterator[tuple[str | None, str | None]]:
    """Match the names of logged models of both runs; None if there is none.

    MLflow generates random names for unnamed models: these are matched in order.
    """
    matched = [*match_names(a, b, of_a, of_b)]
    drawn_a = [one for one, other in matched if one and other is None and _DRAWN.fullmatch(one)]
    drawn_b = [other for one, other in matched if one is None and other and _DRAWN.fullmatch(other)]
    if len(drawn_a) != len(drawn_b):
        drawn_a, drawn_b = [], []
    twins = dict(zip(drawn_a, drawn_b, strict=True))
    for one, other in matched:
        if one is not None:
            yield one, other if other is not None else twins.get(one)
        elif other not in drawn_b:
            yield None, other


def compare_models(a: Model, b: Model, looking: Looking) -> Finding:
    """Two folders file by file; where they cannot be compared, by what the models predict."""
    try:
        found = find_worst(_compare_models(a, b, looking))
        if found.agreement is Agreement.NOT_COMPARABLE:
            found = _by_predictions(a, b, found, looking)
    except (TrackingError, OSError) as error:
        return make_unknown(f"it cannot be read: {error}")
    return found


def compare_subject(subject: ModelSubject, a: Recorded, b: Recorded, tolerance: Tolerance) -> Part:
    """What the model and its counterpart in ``b`` predict; without an example it decides nothing.

    Raises:
        RepriseError: one of them cannot be read.
    """
    name, counterpart = _find_counterpart(subject, a, b)
    if counterpart is None:
        return make_part("predictions", name, make_diverged(note="the model is missing"))
    model = Model(a, *subject)
    if not _has_example(model):
        return make_part("predictions", name, make_unknown("the model has no input example"), decides=False)
    try:
        looking = Looking(tolerance=tolerance)
        return make_part("predictions", name, _compare_predictions(model, counterpart, looking))
    except RepriseError as error:
        return make_part("predictions", name, make_unknown(error.message))


def _find_counterpart(subject: ModelSubject, a: Recorded, b: Recorded) -> tuple[str, Model | None]:
    """The name of a model of ``a``, and the model that ``b`` has under it."""
    if subject.owner is None:
        there = f"{subject.root}/{MODEL_FILE}".lstrip("/") in b.file_sizes()
        return subject.root, Model(b, None, subject.root) if there else None
    name = next((name for name, model in a.models.items() if model.model_id == subject.owner), "")
    other = b.models.get(name)
    return name, Model(b, other.model_id, subject.root) if other else None


def _compare_models(a: Model, b: Model, looking: Looking) -> Iterator[Finding]:
    for name, twin in match_names(a.names, b.names, looking.of_a, looking.of_b):
        for model, path in ((a, name), (b, twin)):
            if path is not None and model.is_gone(path):
                # An error, for no prediction makes up for a file that the model had.
                raise TrackingError(f"{path} was removed from run {model.run.run_id[:8]}")
        if name is None or twin is None:
            yield make_diverged(name or twin or "", "is new" if name is None else "is missing")
        elif a.digest(name) == b.digest(twin):
            yield IDENTICAL
        else:
            found = _comparison_of(name)(name, a.read(name), b.read(twin), looking)
            yield found._replace(where=", ".join(filter(None, (name, found.where))))


def _comparison_of(name: str) -> FilesComparison:
    if name == MODEL_FILE:
        return _compare_descriptions
    return _compare_requirements if name in _REQUIREMENTS else compare_files


def _compare_descriptions(_name: str, a: bytes, b: bytes, looking: Looking) -> Finding:
    """Two MLmodel files; ids, times and sizes are of the files, and those are compared themselves."""
    one, other = _read_mlmodel(a), _read_mlmodel(b)
    if one is None or other is None:
        return make_unknown("it is not a YAML mapping")
    return compare_contents(_without_ids(one), _without_ids(other), looking)


def _compare_requirements(name: str, a: bytes, b: bytes, looking: Looking) -> Finding:
    """Two lists of requirements, whose order MLflow does not keep."""
    one, other = (_read_requirements(name, data) for data in (a, b))
    if one is None or other is None:
        return compare_files(name, a, b, looking)
    found = compare_contents(one, other, looking)
    return found._replace(note="the same requirements") if found == IDENTICAL else found


def _read_requirements(name: str, data: bytes) -> Any:
    """What the file asks for, its lists sorted; None where it is of another form."""
    if name.endswith(".txt"):
        text = decode_text(data)
        return None if text is None else sorted(filter(None, map(str.strip, text.splitlines())))
    return _sort_lists(_read_mlmodel(data))


def _sort_lists(value: Any) -> Any:
    match value:
        case dict():
            return {name: _sort_lists(inner) for name, inner in value.items()}
        case list():
            return sorted(map(_sort_lists, value), key=repr)
    return value


def _read_mlmodel(data: bytes) -> dict[str, Any] | None:
    import yaml

    try:
        loaded = yaml.safe_load(data)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError):
        return None
    return loaded if isinstance(loaded, dict) else None


def _without_ids(description: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in description.items() if name not in _OF_ONE_MODEL}


def _by_predictions(a: Model, b: Model, doubt: Finding, looking: Looking) -> Finding:
    """What the predictions on the input example say of files that could not be compared."""
    if not _has_example(a):
        return doubt._replace(note=f"{doubt.note}; and there is no input example to predict on")
    try:
        found = _compare_predictions(a, b, looking)
    except RepriseError as error:
        return doubt._replace(note=f"{doubt.note}; no predictions: {error.message}")
    if found.agreement is Agreement.DIVERGED:
        return make_diverged(f"prediction {found.where}".strip(), found.note)
    same = "the same" if found == IDENTICAL else "close"
    note = f"the bytes differ; the predictions on the input example are {same}"
    return make_within(doubt.where, note)._replace(set_aside=doubt.set_aside)


def _has_example(model: Model) -> bool:
    description = _read_mlmodel(model.read(MODEL_FILE)) or {}
    return bool(description.get("saved_input_example_info"))


def _compare_predictions(a: Model, b: Model, looking: Looking) -> Finding:
    """Those of two models, each on its own input example.

    Raises:
        RepriseError: there are none.
    """
    from reprise.runner.verdict.mlmodel.predictions import predict_example

    said = []
    for model in (a, b):
        folder, known = model.run.copy_folder(model.root, model.owner), model.run.predicted
        if folder not in known:
            known[folder] = predict_example(model.run, folder)
        said.append(known[folder])
    return compare_contents(
        said[0], said[1], Looking(looking.tolerance.default, tolerance=looking.tolerance)
    )


def _is_below(path: str, folder: str) -> bool:
    return not folder or path.startswith(f"{folder}/")
