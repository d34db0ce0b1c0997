"""Everything that a recorded run needs, checked before it is rerun.

All missing items are reported at once, before anything has run and before a run is opened.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from reprise import paths
from reprise.envs import registry as envs
from reprise.errors import EnvError, RepriseError, SourceError, UsageError
from reprise.named_tuple import NamedTuple
from reprise.runner.bundle.layout import Bundle
from reprise.runner.bundle.reviewing import check_shown_source
from reprise.runner.planning.bind import Localise
from reprise.runner.planning.inputs import localise_input
from reprise.runner.planning.plan import Again, Plan, plan_for
from reprise.runner.planning.request import is_observed
from reprise.runner.record.records import read_record
from reprise.runner.restore import (
    environment as restore_environment,
)
from reprise.runner.restore import (
    inputs,
    machine,
    mlflow,
    observed,
    source,
)
from reprise.runner.restore.inputs import RestorePlaces
from reprise.runner.restore.source import SourceOrigin
from reprise.schemas import tags
from reprise.schemas.entities import Run
from reprise.schemas.environment import EnvSpec, Lock
from reprise.schemas.job import Checkout, ParameterSource, RunRequest, Sandbox
from reprise.schemas.loader import find_entry_point, load_project
from reprise.schemas.record.run_record import EnvironmentRecord, RunRecord
from reprise.tracking.base import Tracking

log = logging.getLogger(__name__)

_ORDER: tuple[type[RepriseError], ...] = (SourceError, EnvError, UsageError)
"""For several faults, the exit code is that of the first kind here."""


class WantedReproduction(NamedTuple):
    """The options of a reproduction.

    ``parameters`` are changed values, or secrets. ``any_machine`` allows a different kind of GPU.
    ``bundle`` is the bundle of the run, with its inputs and possibly the packages of its environment.
    ``current_python`` is the interpreter of the calling program, None on the command line. ``sandbox``
    isolates it from the machine.
    """

    parameters: Mapping[str, str | None] = {}
    offline: bool = False
    any_machine: bool = False
    bundle: Bundle | None = None
    current_python: Path | None = None
    sandbox: Sandbox | None = None


class RestoredRun(NamedTuple):
    """``changed`` are the names of the parameters that have another value: then it is a variation."""

    plan: Plan
    changed: tuple[str, ...]


class _Restoring(NamedTuple):
    """A run; ``recorded`` is None for a run of plain MLflow; then ``record`` is from its tags."""

    tracking: Tracking
    run: Run
    wanted: WantedReproduction
    recorded: RunRecord | None
    record: RunRecord
    origin: SourceOrigin

    @property
    def environment(self) -> EnvironmentRecord:
        word = self.run.tags.get(tags.PROJECT_ENV, envs.CURRENT)
        return self.record.environment or EnvironmentRecord(word, digest=self.run.tags.get(tags.ENV_DIGEST))


def restore_run(tracking: Tracking, run: Run, wanted: WantedReproduction) -> RestoredRun:
    """Return the plan to rerun ``run``; the caller discards its checkout.

    Raises:
        SourceError, EnvError, UsageError: with everything that is missing or has changed.
    """
    recorded = read_record(tracking, run.run_id)
    record = recorded or mlflow.record_of(run)
    name = record.source.uri if recorded else run.tags.get(tags.SOURCE_NAME, record.source.uri)
    origin = SourceOrigin(tracking, run.run_id, name, record.source)
    this = _Restoring(tracking, run, wanted, recorded, record, origin)
    faults: list[RepriseError] = [*source.find_faults(origin)]
    with ExitStack() as stack:
        lock = checkout = None
        if recorded is None:
            _tell_what_is_unknown(run)
        else:
            faults += _machine_faults(this) + _missing_secrets(this)
            with _note_faults(faults):
                lock = restore_environment.lock_of(tracking, run, this.environment)
        if not any(isinstance(fault, SourceError) for fault in faults):
            with _note_faults(faults):
                checkout = stack.enter_context(
                    source.restore_source(origin, offline=wanted.offline or wanted.bundle is not None)
                )
                if wanted.bundle is not None:
                    check_shown_source(wanted.bundle, checkout)
        find = _find_inputs(this, checkout, faults)
        _refuse_faults(faults, run)
        assert checkout is not None
        observed.warn_of_missing_files(record, _root_of(checkout))
        observed.link_siblings(record, origin.place, _root_of(checkout))
        return RestoredRun(_make_plan(this, checkout, lock, find), changed_parameters(record, wanted))


def changed_parameters(record: RunRecord, wanted: WantedReproduction) -> tuple[str, ...]:
    """The names of those that are set to another value than recorded; a secret is given again."""
    recorded = {item.name: item for item in record.parameters}
    return tuple(
        name
        for name, text in wanted.parameters.items()
        if name not in recorded or not (recorded[name].secret or recorded[name].value == text)
    )


@contextmanager
def _note_faults(faults: list[RepriseError]) -> Iterator[None]:
    try:
        yield
    except _ORDER as fault:
        faults.append(fault)


def _refuse_faults(faults: list[RepriseError], run: Run) -> None:
    """Raise a single fault as it is, several as one error."""
    if len(faults) == 1:
        raise faults[0]
    if not faults:
        return
    first = next(kind for kind in _ORDER if any(isinstance(fault, kind) for fault in faults))
    listed = "".join(f"\n- {fault.message}" for fault in faults)
    hints = dict.fromkeys(fault.hint for fault in faults if fault.hint)
    raise first(f"run {run.run_id} cannot be reproduced:{listed}", hint="; ".join(hints) or None)


def _tell_what_is_unknown(run: Run) -> None:
    log.warning(
        "Run %s has no record of reprise: its uncommitted changes, the digests of its inputs, its seeds "
        "and the exact versions of its packages are not known",
        run.run_id,
    )


def _machine_faults(this: _Restoring) -> list[RepriseError]:
    if this.record.machine is None or this.wanted.any_machine:
        return []
    fault = machine.gpu_fault(this.record.machine)
    return [fault] if fault else []


def _missing_secrets(this: _Restoring) -> list[RepriseError]:
    """Return the missing secrets, which are never recorded; others came from the project's defaults."""
    missing = [
        item.name
        for item in this.record.parameters
        if item.secret
        and item.source != ParameterSource.DEFAULT
        and item.name not in this.wanted.parameters
    ]
    if not missing:
        return []
    words = " ".join(f"--set {name}=..." for name in missing)
    return [
        UsageError(
            f"secret parameters are not recorded: {', '.join(missing)}", hint=f"set them again with {words}"
        )
    ]


def _find_inputs(this: _Restoring, checkout: Checkout | None, faults: list[RepriseError]) -> Localise:
    root = checkout and _root_of(checkout)
    bundled = this.wanted.bundle.find_input if this.wanted.bundle else None
    places = RestorePlaces(checkout and checkout.path, paths.here(), this.origin.place, root, bundled)
    fetch = partial(localise_input, storage=None, tracking=this.tracking, offline=this.wanted.offline)
    kept = [
        item for item in this.record.inputs if item.name not in changed_parameters(this.record, this.wanted)
    ]
    return inputs.find_inputs(this.record._replace(inputs=tuple(kept)), places, fetch, faults)


def _root_of(checkout: Checkout) -> Path:
    """That of the source; the project may be a folder in it."""
    return checkout.repository.root if checkout.repository else checkout.path


def _make_plan(this: _Restoring, checkout: Checkout, lock: Lock | None, find: Localise) -> Plan:
    record, wanted = this.record, this.wanted
    manager, environment = this.environment.manager, None
    if this.recorded is None:
        entry_point = find_entry_point(load_project(checkout.path), record.project.entry_point)
        record = mlflow.keep_declared(record, entry_point)
        manager, environment = _environment_of_mlflow(this, checkout)
    elif not envs.find_manager(manager).PINS_PACKAGES:
        machine.tell_differences(this.environment, lock, checkout.path, wanted.current_python)
    request = _make_request(this, record)
    kind = tags.VARIES if changed_parameters(record, wanted) else tags.REPRODUCES
    told = Again(
        manager,
        this.run.start_time,
        None if envs.find_manager(manager).PINS_PACKAGES else lock,
        environment,
        machine.restore_variables(record, this.origin.place, _root_of(checkout)),
        {kind: this.run.run_id},
        record.aliases,
    )
    plan = plan_for(checkout, request, find, told)
    if wanted.bundle is not None:
        plan = plan._replace(policy=plan.policy._replace(packages=wanted.bundle.packages))
    if lock is None or not envs.find_manager(manager).PINS_PACKAGES:
        return plan
    log_file = paths.state_dir() / "logs" / "environment.log"
    used = envs.find_manager(lock.manager).adapt_lock(lock, plan.environment, plan.policy, log_file)
    return plan._replace(again=told._replace(lock=used))


def _make_request(this: _Restoring, record: RunRecord) -> RunRequest:
    """Return the request of the run with the changes; not nested."""
    given, other = inputs.given_parameters(record), changed_parameters(record, this.wanted)
    secrets = {item.name for item in record.parameters if item.secret}
    known = {word.value: word for word in ParameterSource}
    was = {item.name: known.get(item.source, ParameterSource.COMMAND_LINE) for item in record.parameters}
    return RunRequest(
        uri=record.source.uri,
        base=paths.here(),
        entry_point=record.project.entry_point,
        version=record.source.version,
        parameters=given
        | {name: text for name, text in this.wanted.parameters.items() if name in {*secrets, *other}},
        sources=was | dict.fromkeys(other, ParameterSource.AGAIN),
        experiment_id=this.run.experiment_id,
        env_manager=this.environment.requested,
        offline=this.wanted.offline,
        current_python=this.wanted.current_python,
        observe=is_observed(),
        sandbox=this.wanted.sandbox,
    )


def _environment_of_mlflow(this: _Restoring, checkout: Checkout) -> tuple[str, EnvSpec | None]:
    """The manager, and the environment of a model that the run logged; None: what the project says."""
    manager = this.environment.manager
    assert checkout.temporary is not None
    found = mlflow.find_environment(this.tracking, this.run, checkout.temporary / "environment")
    if found is not None and not envs.find_manager(manager).IS_ISOLATED:
        return found
    is_pinned = envs.find_manager(manager).PINS_PACKAGES
    where = "from the project's current files" if is_pinned else "the current environment"
    log.warning("Environment: %s, because run %s has no lock", where, this.run.run_id)
    return manager, None
