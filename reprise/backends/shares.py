"""A job's share of this machine: the variables that programs take as their number of threads, and GPUs."""

from __future__ import annotations

import os

from reprise import units
from reprise.backends import base
from reprise.errors import RepriseError
from reprise.process import run
from reprise.schemas.job import Job, Resources

THREAD_VARIABLES = (
    *("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "BLIS_NUM_THREADS"),
    *("VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS"),
    *("RAYON_NUM_THREADS", "LOKY_MAX_CPU_COUNT"),
)
GPU_VARIABLE = "CUDA_VISIBLE_DEVICES"


def check_share(resources: Resources) -> tuple[str, ...]:
    """Return a sentence for what a process of this machine is asked to have and does not get.

    Raises:
        SubmitError: this machine does not have it.
    """
    cpus = _count_cpus()
    if (resources.cpus or 0) > cpus:
        raise base.refuse(units.counted(resources.cpus or 0, "CPU"), f"this machine offers {cpus}")
    if resources.gpus:
        count = len(_find_gpus())
        if resources.gpus > count:
            raise base.refuse(units.counted(resources.gpus, "GPU"), f"this machine offers {count}")
    if resources.memory is None:
        return ()
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if resources.memory > total:
        wish = f"{units.size(resources.memory)} of memory"
        raise base.refuse(wish, f"this machine has {units.size(total)}")
    return ("backend local: --mem is not enforced: a run may take more memory than it asks for",)


def share_out(job: Job) -> Job:
    """Return ``job`` with the variables of its share; what its own environment sets wins."""
    resources = job.resources
    share: dict[str, str] = {}
    if resources.cpus is not None:
        share |= dict.fromkeys(THREAD_VARIABLES, str(resources.cpus))
    if resources.gpus is not None:
        share[GPU_VARIABLE] = ",".join(_find_gpus()[: resources.gpus]) if resources.gpus else ""
    if not share:
        return job
    return job._replace(command=job.command._replace(environ=(*share.items(), *job.command.environ)))


def _count_cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _find_gpus() -> list[str]:
    """Return the GPUs that are ours to use, by index or UUID: NVIDIA's only."""
    visible = os.environ.get(GPU_VARIABLE)
    if visible is not None:
        return [name.strip() for name in visible.split(",") if name.strip() not in ("", "-1")]
    try:
        answer = run(["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"], timeout=30)
    except RepriseError:
        return []
    return answer.stdout.split()
