"""The processes of a job on this machine, also those that left its process group.

Each has the job's name in its environment, which its children inherit.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Collection

from reprise.backends.guard import kill_after, signal_group

JOB_VARIABLE = "REPRISE_JOB"
CARRIER_MODULE = "reprise.runner.runs.detached"
"""The module that a process runs which carries a run: it ends its own job first, then closes its run."""

_GRACE = 5.0  # seconds that what a job has left behind has to end
_CARRIER_GRACE = 20.0  # seconds; a carrier waits for the grace period of its own job, and closes its run


def end_carriers(job: str) -> set[int]:
    """Ask the carriers of runs that a job has started to end them, all at once; their process groups."""
    carriers = {group for group, is_carrier in _find_groups(job).items() if is_carrier}
    for group in carriers:
        signal_group(group, signal.SIGTERM)
    return carriers


def end_orphans(job: str, asked: Collection[int] = ()) -> None:
    """End whatever a job has started and left behind, also what left its process group, all at once.

    Groups that were ``asked`` to end already are not asked again, for that would cut their grace short.
    """
    groups = _find_groups(job)
    for group in groups.keys() - set(asked):
        signal_group(group, signal.SIGTERM)
    kill_after([group for group, is_carrier in groups.items() if not is_carrier], _GRACE, _is_there)
    kill_after([group for group, is_carrier in groups.items() if is_carrier], _CARRIER_GRACE, _is_there)


def _is_there(group: int) -> bool:
    """Whether a process group has not ended; one whose leader is not waited for has."""
    import psutil

    try:
        return psutil.Process(group).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return signal_group(group, 0)


def _find_groups(job: str) -> dict[int, bool]:
    """The process groups of a job, each with whether it carries a run: then it ends that first."""
    import psutil

    groups: dict[int, bool] = {}
    for process in psutil.process_iter():
        try:
            if process.environ().get(JOB_VARIABLE) == job:
                if process.status() == psutil.STATUS_ZOMBIE:
                    continue  # in a container, there may be none to take its end
                group = os.getpgid(process.pid)
                groups[group] = groups.get(group, False) or CARRIER_MODULE in process.cmdline()
        except (psutil.Error, OSError):
            continue  # gone meanwhile, or another user's
    return groups
