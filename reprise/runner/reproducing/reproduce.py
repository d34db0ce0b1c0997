"""Rerun a recorded run from its record, and compare the results."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from pathlib import Path

from reprise import durable, paths
from reprise.errors import SourceError, UsageError
from reprise.named_tuple import NamedTuple
from reprise.runner.bundle.open_bundle import bring_in, check_provenance, is_bundle, open_bundle
from reprise.runner.jobs.find import find_run
from reprise.runner.jobs.signals import interruptible
from reprise.runner.models.folder import is_address, resolve_model
from reprise.runner.planning.plan import Plan
from reprise.runner.reproducing.restore_run import WantedReproduction, restore_run
from reprise.runner.runs import executor
from reprise.runner.runs.reap import reap
from reprise.runner.sources import working_copy
from reprise.runner.verdict import compare_runs, store_verdict
from reprise.runner.verdict.mlmodel.models import ModelSubject
from reprise.runner.verdict.values import Verdict
from reprise.schemas.job import Outcome, RunStatus
from reprise.schemas.tolerance import Tolerance
from reprise.tracking.base import Tracking

log = logging.getLogger(__name__)

KEPT = "reproduced"
"""The folder of our state for restored projects that are kept."""


class Reproduction(NamedTuple):
    """The result of a reproduction.

    ``original`` is the id of the original run, ``outcome`` that of the new run, ``folder`` the restored
    project if it was kept. With ``changed`` parameters it is a variation: then ``verdict`` only shows the
    differences.
    """

    original: str
    outcome: Outcome
    verdict: Verdict
    changed: tuple[str, ...] = ()
    folder: Path | None = None


def reproduce(
    tracking: Tracking,
    reference: str,
    wanted: WantedReproduction,
    tolerance: Tolerance,
    *,
    keep: bool = False,
    key: Path | None = None,
    stdout_to_stderr: bool = False,
) -> Reproduction:
    """Rerun the run ``reference`` as a new run, and compare the results.

    The path of a bundle selects the run in it, which is imported into the store first. A model URI selects
    the run that logged the model, and the predictions of both models are compared too.

    Different results are a verdict, not an exception.

    Args:
        keep: keep the restored project after the run.
        key: the required public key of the bundle's signature, as a PEM file.

    Raises:
        UsageError: the run does not exist, or is running.
        SourceError, EnvError, UsageError: something it needs is missing; nothing has run.
    """
    subject = None
    with interruptible(), ExitStack() as stack:
        reap(tracking)
        if is_bundle(reference):
            bundle = stack.enter_context(open_bundle(Path(reference)))
            check_provenance(bundle, key)
            bring_in(tracking, bundle)
            reference, wanted = bundle.manifest.run_id, wanted._replace(bundle=bundle)
        elif key is not None:
            raise UsageError(f"--key only works with bundles, and {reference} is not a bundle")
        elif is_address(reference):
            reference, subject = _made_by(tracking, reference)
        run = find_run(tracking, reference)
        if not RunStatus(run.status).has_ended:
            raise UsageError(
                f"run {run.run_id} is {run.status}: there is nothing yet to compare with",
                hint=f"wait for its end with reprise runs logs {run.run_id[:8]} -f",
            )
        log.info("Reproducing run %s", run.run_id)
        restored = restore_run(tracking, run, wanted)
        outcome, folder = _perform_plan(restored.plan, tracking, keep, stdout_to_stderr)
        found = compare_runs(tracking, run.run_id, outcome.run_id, tolerance, subject)
        if not restored.changed:
            store_verdict(tracking, run.run_id, outcome.run_id, found)
    return Reproduction(run.run_id, outcome, found, restored.changed, folder)


def _made_by(tracking: Tracking, address: str) -> tuple[str, ModelSubject]:
    """Return the run that logged the model at ``address``, and which of the run's models it is.

    Raises:
        UsageError: the model does not exist, or was not logged by a run.
    """
    origin = resolve_model(tracking, address)
    if not origin.owner.startswith("m-"):
        return origin.owner, ModelSubject(None, origin.path)
    run_id = tracking.get_logged_model(origin.owner).source_run_id
    if run_id is None:
        raise UsageError(f"{address} was not logged by a run, so it cannot be reproduced")
    log.info("%s was logged by run %s", address, run_id)
    return run_id, ModelSubject(origin.owner, origin.path)


def _perform_plan(
    plan: Plan, tracking: Tracking, keep: bool, stdout_to_stderr: bool
) -> tuple[Outcome, Path | None]:
    if not keep:
        return executor.perform(plan, tracking, stdout_to_stderr=stdout_to_stderr), None
    checkout = plan.checkout
    try:
        stays = plan._replace(checkout=checkout._replace(temporary=None))
        outcome = executor.perform(stays, tracking, stdout_to_stderr=stdout_to_stderr)
    except BaseException:
        working_copy.discard_checkout(checkout)
        raise
    return outcome, _keep_project(plan, outcome.run_id)


def _keep_project(plan: Plan, run_id: str) -> Path:
    """Move the restored project to a folder that is not cleaned up."""
    checkout = plan.checkout
    assert checkout.temporary is not None
    home = paths.state_dir() / KEPT / run_id
    try:
        durable.move_folder(checkout.temporary, home)
    except OSError as error:
        raise SourceError(f"cannot keep the restored project in {home}: {error}") from error
    finally:
        working_copy.let_go(checkout)
    return home / checkout.path.relative_to(checkout.temporary)
