"""The record of a run at its start: everything that must be captured before it runs."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import reprise
from reprise.errors import RepriseError
from reprise.named_tuple import NamedTuple
from reprise.redact import redact
from reprise.runner.capture import inputs, source
from reprise.runner.capture.command_words import read_command
from reprise.runner.capture.inputs import Inputs
from reprise.runner.capture.missing_parts import find_lacking
from reprise.runner.jobs.stores import store_folder
from reprise.runner.planning import guards
from reprise.runner.planning.plan import Plan
from reprise.runner.record import contents
from reprise.runner.record.records import note_record
from reprise.schemas import tags
from reprise.schemas.entities import Run
from reprise.schemas.environment import CondaEnv, DockerEnv, EnvSpec
from reprise.schemas.job import Checkout
from reprise.schemas.record.run_record import ParameterRecord, ProjectRecord, RunRecord
from reprise.tracking.names import now

if TYPE_CHECKING:
    from reprise.tracking.base import Tracking

log = logging.getLogger(__name__)

HASH_SEED = "PYTHONHASHSEED"
_SEEDS = ("PL_GLOBAL_SEED",)

TAG_LIMIT = 5000  # characters

T = TypeVar("T")


class Opening(NamedTuple):
    """``record`` is written already; ``inputs`` says what of them is still to be read."""

    record: RunRecord
    inputs: Inputs


def objects_of(tracking: Tracking, job: Path) -> Path:
    """Where contents are kept: in the store where that is here, else first in the folder of the ``job``."""
    return (store_folder(tracking) or job) / contents.FOLDER


def outline_record(plan: Plan, run: Run) -> RunRecord:
    """What the plan says; nothing is looked at."""
    project = plan.project
    return RunRecord(
        run_id=run.run_id,
        run_name=run.run_name,
        experiment=run.experiment_id,
        reprise=reprise.__version__,
        source=source.outline_source(plan.checkout),
        project=ProjectRecord(
            project.name,
            project.file.relative_to(project.root).as_posix() if project.file else None,
            plan.entry_point.name,
            redact(plan.shown_command),
            project.environment_reason,
        ),
        parameters=tuple(
            ParameterRecord(item.name, None if item.secret else item.text, str(item.source), item.secret)
            for item in plan.invocation.parameters
        ),
        variables=_declared_variables(plan.environment),
        seeds=_seeds_of(plan),
        sandbox=plan.request.sandbox.describe if plan.request.sandbox else "",
        started=now() if plan.request.run_id else run.start_time,
    )


def capture_opening(
    tracking: Tracking, plan: Plan, record: RunRecord, folder: Path, objects: Path
) -> Opening:
    """Capture the run's source and inputs into ``objects``, and write its record into ``folder``.

    What cannot be captured becomes a warning and a note in the record, never an error.
    """
    notes: list[str] = []
    for sentence in find_lacking(plan.checkout.repository) if plan.checkout.repository else ():
        log.warning("%s", sentence)
    name = attempt_step(
        lambda: _name_experiment(tracking, plan, record), notes, "the name of the experiment"
    )
    read = attempt_step(
        lambda: inputs.capture_before(plan.entry_point, plan.invocation, _root_of(plan.checkout)),
        notes,
        "the inputs",
    )
    record = record._replace(experiment=name or record.experiment, inputs=read.records if read else ())
    try:
        with contents.add_contents(objects):
            step = partial(
                source.capture_source, record.source, plan.checkout, objects, guards.capture_limit()
            )
            docker = isinstance(plan.environment, DockerEnv)
            command = read_command(plan.invocation.command, plan.project.root)
            named = None if plan.request.observe else command.files
            found = attempt_step(lambda: step(docker=docker, named=named), notes, "the source")
            if found is not None:
                record = record._replace(source=found.record)
                notes += found.notes
            record = record._replace(notes=tuple(notes))
            note_record(folder, record)
        if lacking := describe_lacks(record):
            log.warning("%s", lacking)
            tracking.log_batch(record.run_id, tags={tags.CAPTURE_INCOMPLETE: lacking[:TAG_LIMIT]})
    except (OSError, RepriseError) as error:
        log.warning("cannot write the run's record: %s", error)
    return Opening(record, read or Inputs(()))


def describe_lacks(record: RunRecord) -> str:
    """Return what is missing in the record, in one line; empty if it is complete."""
    left_out = record.source.left_out
    return "; ".join([*([guards.describe_left_out(left_out)] if left_out else []), *record.notes])


def attempt_step(step: Callable[[], T], notes: list[str], what: str) -> T | None:
    """Return the result of ``step``; on any failure return None and add a note."""
    try:
        return step()
    except RepriseError as error:
        reason = error.message
    except OSError as error:
        reason = f"{error.strerror} ({error.filename})" if error.strerror else str(error)
    except Exception as error:  # our bugs must not prevent a run
        log.debug("capture", exc_info=True)
        reason = f"{type(error).__name__}: {error}"
    notes.append(redact(f"cannot capture {what}: {reason}"))
    return None


def _name_experiment(tracking: Tracking, plan: Plan, record: RunRecord) -> str:
    """Its name, which says more than its id in another store."""
    return plan.request.experiment_name or tracking.get_experiment(record.experiment).name


def _declared_variables(spec: EnvSpec) -> tuple[str, ...]:
    """The names of the environment variables that the project declares."""
    if isinstance(spec, DockerEnv):
        return tuple(item if isinstance(item, str) else item[0] for item in spec.environment)
    if isinstance(spec, CondaEnv):
        return tuple(name for name, _ in spec.variables)
    return ()


def _seeds_of(plan: Plan) -> dict[str, str]:
    """The seeds of the run's processes. Without a hash seed each would draw its own, unseen."""
    given = dict(plan.again.variables) if plan.again else {}
    seeds = {name: given.get(name) or os.environ.get(name) for name in (HASH_SEED, *_SEEDS)}
    seeds[HASH_SEED] = seeds[HASH_SEED] or str(int.from_bytes(os.urandom(4)))
    return {name: seed for name, seed in seeds.items() if seed}


def _root_of(checkout: Checkout) -> Path:
    """That of the source; the project may be a folder in it."""
    return checkout.repository.root if checkout.repository else checkout.path
