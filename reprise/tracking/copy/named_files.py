"""The files that a run or a model says it has: one that is not in its folder was lost before the copy.

Folders are copied by hand, and half of one looks like a whole. What is named: models and tables in the
tags of a run, and in each ``MLmodel`` the files of its model.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from reprise.schemas.entities import Run
from reprise.tracking.protocols.copying import Owner

MANIFEST = "MLmodel"
_MODELS = "mlflow.log-model.history"
_TABLES = "mlflow.loggedArtifacts"
_LARGEST_MANIFEST = 1 << 20  # bytes
_OF_FLAVORS = ("data", "model_path", "pickled_model", "python_model", "model_data", "code")
_OF_EXAMPLES = ("artifact_path", "serving_input_path")


def missing_files(
    owner: Owner, theirs: Collection[str], ours: Collection[str], read: Callable[[str], Path]
) -> list[str]:
    """The paths that ``owner`` names, and that are neither in the source nor copied before; sorted.

    ``read`` gives a local file with the content of one of ``theirs``.
    """
    paths = {*theirs, *ours}
    folders = {str(parent) for path in paths for parent in PurePosixPath(path).parents}
    named = {*_named_by_tags(owner)}
    for path in theirs:
        if PurePosixPath(path).name == MANIFEST:
            folder = path.removesuffix(MANIFEST)
            named.update(folder + name for name in _named_by_manifest(read(path)))
    return sorted(name for name in named if name not in paths and name not in folders)


def _named_by_tags(owner: Owner) -> Iterator[str]:
    if not isinstance(owner, Run):
        return
    for model in _objects(owner.tags.get(_MODELS, "[]")):
        if not model.get("model_id"):  # a logged model has a folder of its own
            yield from (f"{path}/{MANIFEST}" for path in _paths(model, ("artifact_path",)))
    for table in _objects(owner.tags.get(_TABLES, "[]")):
        yield from _paths(table, ("path",))


def _named_by_manifest(file: Path) -> Iterator[str]:
    import yaml

    try:
        if file.stat().st_size > _LARGEST_MANIFEST:
            return
        said = yaml.load(file.read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, yaml.YAMLError, ValueError, RecursionError):
        return  # it is copied as it is
    if not isinstance(said, dict):
        return
    flavors = said.get("flavors")
    for flavor in flavors.values() if isinstance(flavors, dict) else ():
        if isinstance(flavor, dict):
            yield from _paths(flavor, _OF_FLAVORS)
            yield from _of_environment(flavor.get("env"))
            artifacts = flavor.get("artifacts")
            for artifact in artifacts.values() if isinstance(artifacts, dict) else ():
                yield from _paths(artifact, ("path",)) if isinstance(artifact, dict) else ()
    example = said.get("saved_input_example_info")
    yield from _paths(example, _OF_EXAMPLES) if isinstance(example, dict) else ()


def _of_environment(given: object) -> Iterator[str]:
    if isinstance(given, dict):
        yield from _paths(given, ("conda", "virtualenv"))
    elif isinstance(given, str):
        yield from _paths({"env": given}, ("env",))


def _objects(text: str) -> Iterator[Mapping[str, Any]]:
    """The objects of a JSON list; of other text none."""
    try:
        items = json.loads(text)
    except (ValueError, RecursionError):
        return
    yield from (item for item in items if isinstance(item, dict)) if isinstance(items, list) else ()


def _paths(fields: Mapping[str, Any], names: Collection[str]) -> Iterator[str]:
    """The fields that are relative paths within the folder."""
    for name in names:
        value = fields.get(name)
        if isinstance(value, str) and value.strip("./") and ":" not in value and not value.startswith("/"):
            path = PurePosixPath(value)
            if ".." not in path.parts:
                yield str(path)
