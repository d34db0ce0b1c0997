"""An ``MLmodel`` file as a card: flavors, inputs, outputs, and how to use the model."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence

import yaml

from reprise.errors import TrackingError
from reprise.named_tuple import NamedTuple
from reprise.schemas.json_text import read_json
from reprise.ui.stored_file import StoredFile

READ_LIMIT = 256 * 1024
_DEPTH = 40  # a deeper file would overflow the stack of the C parser and crash the server
_FIELDS = 500  # inputs, outputs and parameters shown
_SHOWN = 300  # characters of one value
_REQUIREMENTS = "requirements.txt"


class SignatureField(NamedTuple):
    """One input, output or parameter of a signature."""

    part: str
    name: str
    type: str
    required: bool


class ModelCard(NamedTuple):
    """A model; ``example`` is the path of the input example, if any; ``folder`` that of the model."""

    folder: str
    facts: Sequence[tuple[str, str]]
    signature: Sequence[SignatureField]
    requirements: str
    example: str | None

    def address(self, owner: str) -> str:
        """Return the URI that loads the model of a run or the logged model ``owner``."""
        if owner.startswith("m-"):
            return f"models:/{owner}"
        return f"runs:/{owner}/{self.folder}".rstrip("/")

    def serve(self, owner: str) -> str:
        return f"reprise models serve -m {shlex.quote(self.address(owner))}"

    def load(self, owner: str) -> str:
        return f"mlflow.pyfunc.load_model({json.dumps(self.address(owner))})"


def card(text: str, file: StoredFile) -> ModelCard | None:
    """Return the card, or None if the file does not describe a model."""
    match _read(text):
        case {"flavors": dict(flavors), **rest}:
            return ModelCard(
                file.path.rpartition("/")[0],
                _facts(flavors, rest),
                _signature(rest.get("signature")),
                _requirements(file),
                _example(rest.get("saved_input_example_info"), file),
            )
    return None


def _read(text: str) -> object:
    """Parse YAML with every scalar as text: no slow numbers, no merge keys."""
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    depth = 0
    try:
        for event in yaml.parse(text, Loader=loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(
                event, yaml.CollectionEndEvent
            )
            if depth > _DEPTH:
                return None
        return yaml.load(text, Loader=loader)
    except (yaml.YAMLError, ValueError):
        return None


def _facts(flavors: Mapping[object, object], rest: Mapping[object, object]) -> list[tuple[str, str]]:
    facts = [("flavor", f"{name} {_version(content)}".strip()) for name, content in flavors.items()]
    named = ("model_id", "model_uuid", "run_id", "mlflow_version", "utc_time_created", "model_size_bytes")
    facts += [(name.replace("_", " "), _plain(rest[name])) for name in named if _plain(rest.get(name))]
    return [(name, value[:_SHOWN]) for name, value in facts[:50]]


def _version(flavor: object) -> str:
    """Return the version of the model's library, such as ``sklearn_version``."""
    if not isinstance(flavor, dict):
        return ""
    return next((_plain(value) for name, value in flavor.items() if str(name).endswith("_version")), "")


def _plain(value: object) -> str:
    """Return the value if it is text; a nested value could be of any size."""
    return value if isinstance(value, str) else ""


def _signature(signature: object) -> list[SignatureField]:
    if not isinstance(signature, dict):
        return []
    found = []
    for part, name in (("input", "inputs"), ("output", "outputs"), ("parameter", "params")):
        try:
            fields = read_json(_plain(signature.get(name)))
        except (ValueError, RecursionError):
            continue
        if isinstance(fields, list):
            found += [_field(part, field) for field in fields if isinstance(field, dict)]
    return found[:_FIELDS]


def _field(part: str, field: Mapping[str, object]) -> SignatureField:
    name = _plain(field.get("name"))[:_SHOWN]
    match field.get("tensor-spec"):
        case {"dtype": dtype, "shape": list(shape)}:
            kind = f"{_plain(dtype)} {json.dumps(shape)}"
        case _:
            kind = json.dumps(field.get("type")).strip('"')
    return SignatureField(part, name, kind[:_SHOWN], field.get("required") is not False)


def _requirements(file: StoredFile) -> str:
    try:
        listed = StoredFile.at(file.artifacts, file.beside(_REQUIREMENTS))
        return listed.head(READ_LIMIT // 4).decode("utf-8", "replace")
    except TrackingError:
        return ""


def _example(info: object, file: StoredFile) -> str | None:
    """Return the path of the input example, or None."""
    if not isinstance(info, dict) or not isinstance(info.get("artifact_path"), str):
        return None
    try:
        return StoredFile.at(file.artifacts, file.beside(info["artifact_path"])).path
    except TrackingError:
        return None
