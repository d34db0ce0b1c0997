"""Where a version of a model comes from: the run that made it, and what that run was made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reprise.errors import TrackingError
from reprise.named_tuple import NamedTuple
from reprise.runner.jobs.find import experiment_names
from reprise.runner.models.versions import with_aliases
from reprise.runner.record.records import read_record
from reprise.schemas import tags
from reprise.schemas.entities import LoggedModel, ModelVersion, Run
from reprise.schemas.record.run_record import InputRecord, ParameterRecord, RunRecord
from reprise.tracking.base import Tracking


class KnownReproduction(NamedTuple):
    """A run that performed the model's run again; ``verdict`` is its sentence, None while there is none."""

    run_id: str
    run_name: str
    started: int
    verdict: str | None = None


class RecordedEnvironment(NamedTuple):
    manager: str
    digest: str | None = None


class LineageOrigin(NamedTuple):
    """The origin of a run: from its record, else from its tags, which plain MLflow also sets.

    ``dirty`` is None if it is not known. Without a record, ``parameters`` are the logged ones.
    """

    project: str | None = None
    source: str | None = None
    commit: str | None = None
    dirty: bool | None = None
    entry_point: str | None = None
    parameters: tuple[ParameterRecord, ...] = ()
    environment: RecordedEnvironment | None = None
    inputs: tuple[InputRecord, ...] = ()


class Lineage(NamedTuple):
    """The lineage of a version. ``run`` is None if there is none, or it was removed: then ``origin`` is
    that of the logged model.

    ``notes`` say what is not known.
    """

    version: ModelVersion
    logged_model: LoggedModel | None = None
    run: Run | None = None
    parent: Run | None = None
    origin: LineageOrigin = LineageOrigin()
    reproductions: tuple[KnownReproduction, ...] = ()
    notes: tuple[str, ...] = ()


def trace_lineage(tracking: Tracking, version: ModelVersion) -> Lineage:
    """Return the lineage of ``version`` in the store; removed or unreadable parts become notes.

    Raises:
        TrackingError: the store cannot be read.
    """
    notes: list[str] = []
    version = with_aliases(version, tracking.get_registered_model(version.name))
    model = _logged_model(tracking, version, notes)
    run = _find_run(tracking, version.run_id or (model.source_run_id if model else None), notes)
    if run is None:
        if not notes:
            notes.append("the version has no run")
        origin = _origin_of_tags(model.tags, model.params) if model else LineageOrigin()
        return Lineage(version, model, origin=origin, notes=tuple(notes))
    parent = _find_run(tracking, run.tags.get(tags.PARENT_RUN_ID), notes)
    origin = _find_origin(run, _read_record(tracking, run, notes))
    found = tuple(_find_reproductions(tracking, run.run_id))
    return Lineage(version, model, run, parent, origin, found, tuple(notes))


def _logged_model(tracking: Tracking, version: ModelVersion, notes: list[str]) -> LoggedModel | None:
    # MLflow's server does not return the id by itself.
    model_id = version.model_id or version.source.removeprefix("models:/")
    if not model_id.startswith("m-") or "/" in model_id:
        return None
    try:
        return tracking.get_logged_model(model_id)
    except TrackingError as error:
        _note_missing(notes, f"logged model {model_id}", error)
        return None


def _find_run(tracking: Tracking, run_id: str | None, notes: list[str]) -> Run | None:
    if not run_id:
        return None
    try:
        return tracking.get_run(run_id)
    except TrackingError as error:
        _note_missing(notes, f"run {run_id}", error)
        return None


def _note_missing(notes: list[str], what: str, error: TrackingError) -> None:
    """Note that it was removed; a store that cannot be read is an error instead."""
    if error.code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
        raise error
    notes.append(f"{what} was removed")


def _read_record(tracking: Tracking, run: Run, notes: list[str]) -> RunRecord | None:
    try:
        record = read_record(tracking, run.run_id)
    except TrackingError as error:
        notes.append(error.message)
        return None
    if record is None:
        notes.append("the run was not recorded by reprise: this is only what its tags say")
    return record


def _find_origin(run: Run, record: RunRecord | None) -> LineageOrigin:
    told = _origin_of_tags(run.tags, run.params)._replace(inputs=tuple(datasets_of(run)))
    if record is None:
        return told
    made = record.environment
    return LineageOrigin(
        record.project.name,
        record.source.uri,
        record.source.commit,
        record.source.dirty if record.source.commit else None,
        record.project.entry_point,
        record.parameters,
        RecordedEnvironment(made.manager, made.digest) if made else told.environment,
        record.inputs or told.inputs,
    )


def _origin_of_tags(said: Mapping[str, str], params: Mapping[str, str]) -> LineageOrigin:
    """Return the origin from the tags and parameters of a run or a logged model."""
    manager = said.get(tags.PROJECT_ENV)
    return LineageOrigin(
        source=said.get(tags.SOURCE_NAME),
        commit=said.get(tags.GIT_COMMIT),
        entry_point=said.get(tags.ENTRY_POINT),
        parameters=tuple(ParameterRecord(name, value, "logged") for name, value in params.items()),
        environment=RecordedEnvironment(manager, said.get(tags.ENV_DIGEST)) if manager else None,
    )


def datasets_of(run: Run) -> Iterator[InputRecord]:
    """The datasets that were logged, as inputs of a record."""
    for given in run.dataset_inputs:
        yield InputRecord(given.dataset.name, None, "dataset", digest=given.dataset.digest)


def _find_reproductions(tracking: Tracking, run_id: str) -> Iterator[KnownReproduction]:
    """Newest first."""
    from reprise.tracking.search.paging import pages

    experiments = list(experiment_names(tracking))
    wanted = f"tags.`{tags.REPRODUCES}` = '{run_id}'"
    for run in pages(lambda token: tracking.search_runs(experiments, filter=wanted, page_token=token)):
        yield KnownReproduction(run.run_id, run.run_name, run.start_time, run.tags.get(tags.VERDICT))
