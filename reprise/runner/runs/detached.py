"""A run in the background: a separate process carries it from open to closed.

``start`` opens the run here, so that errors are reported at once, and passes the plan and the lease (as a
descriptor: it is never free in between) to a carrier. That is a fork of a warm process (``carriers.py``),
or ``python -m reprise.runner.runs.detached``.
"""

from __future__ import annotations

import importlib
import os
import pickle
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE
from typing import IO, TYPE_CHECKING

from reprise.backends.orphans import CARRIER_MODULE
from reprise.children import Child, interpreter
from reprise.errors import TERMINATED, RepriseError, SubmitError
from reprise.runner.jobs.lease import CARRIER_LOG
from reprise.runner.jobs.signals import interruptible, shielded
from reprise.runner.planning.plan import Plan, make_plan
from reprise.runner.runs import executor
from reprise.runner.runs.lifecycle import OpenRun, close_run
from reprise.runner.runs.reap import reap
from reprise.runner.sources import working_copy
from reprise.schemas.job import Outcome, RunRequest, RunStatus
from reprise.startup import prepare_process
from reprise.tracking.base import Tracking
from reprise.tracking.registry import open_tracking

if TYPE_CHECKING:
    from reprise.runner.runs.carriers import Forked


@dataclass(frozen=True, slots=True)
class Detached:
    """A run that another process carries; ``job`` is the name of its folder in ``jobs``."""

    run_id: str
    jobs: Path
    job: str
    process: Child | Forked

    def status(self) -> RunStatus:
        """The state of the run, reported by its process."""
        ending = self.process.poll()
        if ending is None:
            return RunStatus.RUNNING
        code = ending.exit_code
        if code == 0:
            return RunStatus.FINISHED
        return RunStatus.KILLED if code is None or code < 0 or code == TERMINATED else RunStatus.FAILED


@dataclass(frozen=True, slots=True)
class _Handover:
    plan: Plan
    opened: OpenRun
    owner: int | None


def start(request: RunRequest, tracking: Tracking, *, is_warm: bool = False) -> Detached:
    """Fetch, load, bind and open the run; the rest happens in another process.

    ``is_warm`` makes the second and later runs of a process cheap; it is useless for a single run.
    """
    with interruptible():
        reap(tracking)
        plan = make_plan(request, tracking)
        opened = executor.open_for(tracking, plan)
    with shielded():
        try:
            process = _hand_over(plan, opened, is_warm)
        except OSError as error:
            reason = f"cannot start a process for the run: {error}"
            close_run(tracking, opened, Outcome(opened.run_id, RunStatus.FAILED, reason=reason))
            working_copy.discard_checkout(plan.checkout)
            raise SubmitError(reason) from error
        os.close(opened.lease.descriptor)
        working_copy.let_go(plan.checkout)
    # its process must not remain as a zombie, even if the run is not waited for
    threading.Thread(target=process.wait, name=f"end of run {opened.run_id}", daemon=True).start()
    return Detached(opened.run_id, opened.lease.folder.parent, opened.lease.name, process)


def _hand_over(plan: Plan, opened: OpenRun, is_warm: bool) -> Child | Forked:
    """Start the process that carries the run, and give it what it needs."""
    owner = working_copy.find_owner(plan.checkout)
    handover = pickle.dumps(_Handover(plan, opened, owner))
    descriptors = [opened.lease.descriptor, *([] if owner is None else [owner])]
    with (opened.lease.folder / CARRIER_LOG).open("wb") as log:
        if is_warm:
            from reprise.runner.runs import carriers

            forked = carriers.fork(CARRIER_MODULE, handover, log.fileno(), descriptors)
            if forked is not None:
                return forked
        return _start_carrier(handover, log, descriptors)


def _start_carrier(handover: bytes, log: IO[bytes], descriptors: list[int]) -> Child:
    process = Child(
        # -P: a module of the project's folder must not be taken for one of Python's
        [interpreter(), "-P", "-m", CARRIER_MODULE],
        stdin=PIPE,
        stdout=log,
        stderr=log,
        pass_fds=descriptors,
        start_new_session=True,
    )
    assert process.stdin is not None
    with process.stdin as pipe:
        # a pipe between two processes of one user and one version, never a file
        pipe.write(handover)
    return process


def warm_up() -> None:
    """Import what nearly every run imports on its way, and nothing that starts a thread."""
    for name in ("reprise.backends.masking", "reprise.runner.capture.machine"):
        importlib.import_module(name)


def carry(message: bytes, lease: int, owner: int | None = None) -> int:
    """Carry a run in a fork of the warm process, where its descriptors have other numbers."""
    prepare_process()
    handover: _Handover = pickle.loads(message)
    opened = handover.opened
    opened = opened._replace(lease=opened.lease._replace(descriptor=lease))
    return _carry(_Handover(handover.plan, opened, owner))


def main() -> int:
    prepare_process()
    return _carry(pickle.load(sys.stdin.buffer))


def _carry(handover: _Handover) -> int:
    """Carry a run to its end; the exit code of this process."""
    os.set_inheritable(handover.opened.lease.descriptor, False)
    if handover.owner is not None:
        working_copy.keep_checkout(handover.plan.checkout, handover.owner)
    request = handover.plan.request
    tracking = open_tracking(request.tracking_uri, Path(request.base))
    try:
        with interruptible():
            outcome = executor.carry_out(tracking, handover.plan, handover.opened, attached=False)
    except RepriseError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return TERMINATED
    finally:
        tracking.close()
    if outcome.status is RunStatus.KILLED:
        return TERMINATED
    return 0 if outcome.status is RunStatus.FINISHED else 1


if __name__ == "__main__":
    sys.exit(main())
