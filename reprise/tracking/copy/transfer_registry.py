"""How registered models, their versions and aliases are copied and compared."""

from __future__ import annotations

from collections.abc import Callable

from reprise.schemas.entities import RegisteredModel
from reprise.tracking.copy import parts
from reprise.tracking.copy.base import TOMBSTONE, Put, SourceVersion
from reprise.tracking.copy.job import REFUSALS, Job, reason_of


def transfer_registry(job: Job) -> None:
    """After the runs that versions come from."""
    for model in job.readable("the registry", job.source.registered_models()):
        _model(job, model)


def _model(job: Job, model: RegisteredModel) -> None:
    owner = f"registered model {model.name!r}"
    job.say(owner)
    refused = _put(job, owner, lambda: job.destination.put_registered_model(model))
    for given in job.readable(owner, job.source.versions(model)):
        _version(job, given)
    if job.writes and refused is None:
        refused = _put(job, owner, lambda: Put("", kept=job.destination.put_aliases(model)))
    here = job.destination.find_registered_model(model)
    for part in (parts.registered_parts, parts.alias_parts):
        job.tally.compare(owner, part(model), None if here is None else part(here), refused)


def _version(job: Job, given: SourceVersion) -> None:
    version = given.version
    owner = f"version {version.version} of {version.name!r}"
    if version.current_stage == TOMBSTONE:
        if job.writes:
            _put(job, owner, lambda: job.destination.drop_version(version))
        return
    refused = _put(job, owner, lambda: job.destination.put_version(given))
    here = job.destination.find_version(version)
    ours = None if here is None else parts.version_parts(here)
    job.tally.compare(owner, parts.version_parts(version), ours, refused)


def _put(job: Job, owner: str, step: Callable[[], Put]) -> str | None:
    """Why it was refused, or None."""
    if not job.writes:
        return None
    try:
        job.tally.explain(owner, step())
    except REFUSALS as error:
        return reason_of(error)
    return None
