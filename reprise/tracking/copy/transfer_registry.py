"""How registered models, their versions and aliases are copied and compared."""

from __future__ import annotations

from collections.abc import Callable

from reprise.schemas.entities import RegisteredModel
from reprise.tracking.copy import parts
from reprise.tracking.copy.job import REFUSALS, CopyJob, reason_of
from reprise.tracking.protocols.copying import TOMBSTONE, Put, SourceVersion


def transfer_registry(job: CopyJob) -> None:
    """After the runs that versions come from."""
    for model in job.iterate_readable("the registry", job.source.registered_models()):
        _transfer_model(job, model)


def _transfer_model(job: CopyJob, model: RegisteredModel) -> None:
    owner = f"registered model {model.name!r}"
    job.say(owner)
    refused = _put_thing(job, owner, lambda: job.destination.put_registered_model(model))
    for given in job.iterate_readable(owner, job.source.read_versions(model)):
        _transfer_version(job, given)
    if job.writes and refused is None:
        refused = _put_thing(job, owner, lambda: Put("", kept=job.destination.put_aliases(model)))
    here = job.destination.find_registered_model(model)
    for part in (parts.parts_of_registered, parts.alias_parts):
        job.tally.compare_parts(owner, part(model), None if here is None else part(here), refused)


def _transfer_version(job: CopyJob, given: SourceVersion) -> None:
    version = given.version
    owner = f"version {version.version} of {version.name!r}"
    if version.current_stage == TOMBSTONE:
        if job.writes:
            _put_thing(job, owner, lambda: job.destination.drop_version(version))
        return
    refused = _put_thing(job, owner, lambda: job.destination.put_version(given))
    here = job.destination.find_version(version)
    ours = None if here is None else parts.version_parts(here)
    job.tally.compare_parts(owner, parts.version_parts(version), ours, refused)


def _put_thing(job: CopyJob, owner: str, step: Callable[[], Put]) -> str | None:
    """Why it was refused, or None."""
    if not job.writes:
        return None
    try:
        job.tally.explain_owner(owner, step())
    except REFUSALS as error:
        return reason_of(error)
    return None
