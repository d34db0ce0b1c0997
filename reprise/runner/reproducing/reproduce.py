"""Perform a recorded run again from what was recorded, and say whether it came out the same."""

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
"""The folder of our state where restored projects stay that are to be kept."""


class Reproduction(NamedTuple):
    """How a run came out that was performed again.

    ``original`` is the id of the run that was, ``outcome`` tells of the new one, ``folder`` is the project
    as it was restored, where that was kept. With ``changed`` parameters it is a variation: then ``verdict``
    tells what differs, and is no verdict on the run.
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
    """Perform the run that ``reference`` names again, as a new run beside it, and compare the two.

    A reference that is the path of a bundle names the run in it, which is brought into the store first.
    The address of a model names the run that made it, and what both models predict is compared as well.

    A run that comes out otherwise is a verdict, not an exception.

    Args:
        keep: the restored project stays when the run has ended.
        key: the public key, as a PEM file, that must have signed the bundle.

    Raises:
        UsageError: there is no such run, or it goes on.
        SourceError, EnvError, UsageError: what it needs is missing; nothing has run.
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
            raise UsageError(f"--key is for bundles, and {reference} is none")
        elif is_address(reference):
            reference, subject = _made_by(tracking, reference)
        run = find_run(tracking, reference)
        if not RunStatus(run.status).has_ended:
            raise UsageError(
                f"run {run.run_id} is {run.status}: there is nothing yet to compare with",
                hint=f"reprise runs logs {run.run_id[:8]} -f follows it to its end",
            )
        log.info("Performing run %s again", run.run_id)
        restored = restore_run(tracking, run, wanted)
        outcome, folder = _perform_plan(restored.plan, tracking, keep, stdout_to_stderr)
        found = compare_runs(tracking, run.run_id, outcome.run_id, tolerance, subject)
        if not restored.changed:
            store_verdict(tracking, run.run_id, outcome.run_id, found)
    return Reproduction(run.run_id, outcome, found, restored.changed, folder)


def _made_by(tracking: Tracking, address: str) -> tuple[str, ModelSubject]:
    """The run that made the model at ``address``, and which of the run's models it is.

    Raises:
        UsageError: there is no such model, or no run that made it.
    """
    origin = resolve_model(tracking, address)
    if not origin.owner.startswith("m-"):
        return origin.owner, ModelSubject(None, origin.path)
    run_id = tracking.get_logged_model(origin.owner).source_run_id
    if run_id is None:
        raise UsageError(f"{address} was made by no run: there is nothing to perform again")
    log.info("%s was made by run %s", address, run_id)
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
    """Move the restored project to where nobody clears up."""
    checkout = plan.checkout
    assert checkout.temporary is not None
    home = paths.state_dir() / KEPT / run_id
    try:
        durable.move_folder(checkout.temporary, home)
    except OSError as error:
        raise SourceError(f"the restored project cannot be kept in {home}: {error}") from error
    finally:
        working_copy.let_go(checkout)
    return home / checkout.path.relative_to(checkout.temporary)
