"""A model of a run becomes the next version of a registered model."""

from __future__ import annotations

from reprise.errors import TrackingError, UsageError
from reprise.named_tuple import NamedTuple
from reprise.runner.jobs.find import find_model, find_run, find_version
from reprise.schemas.entities import ModelVersion, Run
from reprise.tracking.base import Tracking

FORMS = "runs:/RUN/PATH, models:/m-ID or models:/NAME/VERSION"


class Origin(NamedTuple):
    """What a version is made of, in the words of MLflow's API."""

    source: str
    run_id: str | None = None
    model_id: str | None = None


def register_model(tracking: Tracking, uri: str, name: str, description: str | None = None) -> ModelVersion:
    """Make the next version of ``name``, and ``name`` when there is none, of the model at ``uri``.

    Raises:
        UsageError: ``uri`` names no model of this store.
    """
    origin = origin_of(tracking, uri)
    try:
        tracking.create_registered_model(name)
    except TrackingError as error:
        if error.code != "RESOURCE_ALREADY_EXISTS":
            raise
    return tracking.create_model_version(
        name, origin.source, run_id=origin.run_id, model_id=origin.model_id, description=description
    )


def origin_of(tracking: Tracking, uri: str) -> Origin:
    """What the model at ``uri`` is in the words of the API.

    Raises:
        UsageError: ``uri`` names no model of this store.
    """
    scheme, _, rest = uri.partition(":/")
    owner, _, path = rest.strip("/").partition("/")
    if scheme == "runs" and owner and path:
        return _of_run(tracking, find_run(tracking, owner), path)
    if scheme == "models" and owner.startswith("m-") and not path:
        model = tracking.get_logged_model(owner)
        return Origin(f"models:/{owner}", model.source_run_id, owner)
    if scheme == "models" and owner and path:
        if path.isdecimal():
            version = find_version(tracking, owner, path)
            return Origin(uri, version.run_id or None, version.model_id)
        raise UsageError(f'"{uri}" does not contain a version number', hint=f"use {FORMS}")
    raise UsageError(f'"{uri}" is not the address of a model', hint=f"use {FORMS}")


def _of_run(tracking: Tracking, run: Run, path: str) -> Origin:
    """The folder ``path`` of a run, or the logged model of that name that it made."""
    model = find_model(tracking, run, path)
    if model is None:
        return Origin(f"{run.artifact_uri.rstrip('/')}/{path}", run.run_id)
    return Origin(f"models:/{model.model_id}", run.run_id, model.model_id)
