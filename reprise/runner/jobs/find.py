"""Find what the user refers to: a run by its id, a prefix or ``@last``; an experiment by name or id; a
model by its run or registered name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from reprise.errors import TrackingError, UsageError
from reprise.schemas import tags
from reprise.schemas.entities import Experiment, LoggedModel, ModelVersion, Run, ViewType
from reprise.tracking.base import Tracking

LAST = "@last"


def find_run(tracking: Tracking, reference: str, *, view_type: ViewType = "ACTIVE_ONLY") -> Run:
    """Return the run for ``reference``; id prefixes and ``@last`` are looked up in ``view_type``.

    ``@last`` is the newest run that is not a step of another run.

    Raises:
        UsageError: there is none, or the prefix is not unique (then it lists the candidates).
    """
    if reference == LAST:
        return _last(tracking, view_type)
    if not re.fullmatch(r"[0-9a-f]{1,64}", reference):
        raise UsageError(f'"{reference}" is not a run', hint=f"use a run id or its prefix, or {LAST}")
    if len(reference) == 32:
        return tracking.get_run(reference)
    return _by_prefix(tracking, reference, view_type)


def find_experiment(tracking: Tracking, reference: str) -> Experiment:
    """Return the experiment with this name or id, deleted or not.

    Raises:
        UsageError: there is none, or it is the name of one experiment and the id of another.
    """
    named = tracking.get_experiment_by_name(reference)
    numbered = _by_id(tracking, reference)
    if named and numbered and named.experiment_id != numbered.experiment_id:
        raise UsageError(
            f'"{reference}" is the id of "{numbered.name}" and the name of another experiment',
            hint=f'use the id {named.experiment_id} or the name "{numbered.name}"',
        )
    if found := named or numbered:
        return found
    raise UsageError(f'there is no experiment "{reference}"', hint="reprise experiments list")


def find_model(tracking: Tracking, run: Run, path: str) -> LoggedModel | None:
    """The logged model of that name that ``run`` made; None where ``path`` is a folder among its artifacts.

    Raises:
        UsageError: there is neither; the hint lists what there is.
    """
    if tracking.list_artifacts(run.run_id, path):
        return None
    models = [tracking.get_logged_model(link.model_id) for link in run.model_outputs]
    for model in models:
        if model.name == path:
            return model
    there = [
        *(f"runs:/{run.run_id}/{item.path}" for item in tracking.list_artifacts(run.run_id) if item.is_dir),
        *(f"models:/{model.model_id} ({model.name})" for model in models),
    ]
    raise UsageError(
        f'run {run.run_id} has no model "{path}"',
        hint=f"it has {', '.join(there)}" if there else "it has no model",
    )


def find_version(tracking: Tracking, name: str, selector: str) -> ModelVersion:
    """Return the version of a registered model for a number, ``@alias``, ``latest`` or a stage.

    Raises:
        TrackingError: there is no such version.
    """
    model = tracking.get_registered_model(name)
    number: int | None
    if selector.startswith("@"):
        number = model.aliases.get(selector[1:])
    elif selector.isdecimal():
        number = int(selector)
    else:
        wanted = selector.lower()
        fitting = (
            item for item in model.latest_versions if wanted in ("latest", item.current_stage.lower())
        )
        number = max((item.version for item in fitting), default=None)
    quoted = name.replace("'", "''")
    if number is not None:
        asked = f"name = '{quoted}' AND version_number = {number}"
        for version in tracking.search_model_versions(filter=asked).items:
            return version
    what = f"alias {selector}" if selector.startswith("@") else f"version {selector}"
    raise TrackingError(
        f'model "{name}" has no {what}', code="RESOURCE_DOES_NOT_EXIST", hint=f"reprise models show {name}"
    )


def all_experiments(tracking: Tracking, view_type: ViewType = "ACTIVE_ONLY") -> list[Experiment]:
    """Every experiment of the view, newest first."""
    found: list[Experiment] = []
    token = None
    while True:
        page = tracking.search_experiments(view_type=view_type, page_token=token)
        found += page.items
        if (token := page.next_token) is None:
            return found


def iterate_runs(tracking: Tracking, experiment_ids: Sequence[str], filter: str) -> Iterator[Run]:
    """Yield every active run of the experiments that the filter finds, newest first."""
    token = None
    while experiment_ids:
        page = tracking.search_runs(experiment_ids, filter=filter, page_token=token)
        yield from page.items
        if (token := page.next_token) is None:
            return


def experiment_names(tracking: Tracking, view_type: ViewType = "ACTIVE_ONLY") -> dict[str, str]:
    """Id to name, of all experiments of the view."""
    found = all_experiments(tracking, view_type)
    return {experiment.experiment_id: experiment.name for experiment in found}


def _by_id(tracking: Tracking, reference: str) -> Experiment | None:
    if not reference.isdecimal():
        return None
    try:
        return tracking.get_experiment(reference)
    except TrackingError as error:
        if error.code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            return None
        raise


def _last(tracking: Tracking, view_type: ViewType) -> Run:
    page = tracking.search_runs(
        _searched(tracking, view_type),
        order_by=["attributes.start_time DESC"],
        max_results=100,
        view_type=view_type,
    )
    if not page.items:
        if view_type == "DELETED_ONLY":
            raise UsageError(f"there is no deleted run in {tracking.uri}")
        raise UsageError(f"there is no run in {tracking.uri}", hint="create one with reprise run URI")
    return next((run for run in page.items if tags.PARENT_RUN_ID not in run.tags), page.items[0])


def _by_prefix(tracking: Tracking, prefix: str, view_type: ViewType) -> Run:
    found = tracking.search_runs(
        _searched(tracking, view_type),
        filter=f"attributes.run_id LIKE '{prefix}%'",
        max_results=10,
        view_type=view_type,
    ).items
    if not found:
        if view_type == "ACTIVE_ONLY":
            _tell_deleted(tracking, prefix)
        what = "no deleted run" if view_type == "DELETED_ONLY" else "no run"
        hint = "reprise runs list --deleted" if view_type == "DELETED_ONLY" else "reprise runs list"
        raise UsageError(f'{what} begins with "{prefix}" in {tracking.uri}', hint=hint)
    if len(found) > 1:
        listed = "\n".join(f"  {run.run_id}  {run.run_name}" for run in found)
        raise UsageError(f'several runs begin with "{prefix}":\n{listed}', hint="use a longer id")
    return found[0]


def _tell_deleted(tracking: Tracking, prefix: str) -> None:
    """Raises UsageError where runs that begin so are deleted."""
    try:
        run = _by_prefix(tracking, prefix, "DELETED_ONLY")
    except UsageError:
        return
    raise UsageError(
        f"run {run.run_id} is deleted", hint=f"restore it with reprise runs restore {run.run_id[:8]}"
    )


def _searched(tracking: Tracking, view_type: ViewType) -> list[str]:
    """Return the ids of the experiments to search: deleted experiments contain deleted runs."""
    return list(experiment_names(tracking, "ACTIVE_ONLY" if view_type == "ACTIVE_ONLY" else "ALL"))
