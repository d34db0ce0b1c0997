"""The machine that a run is on, as far as it bears on what comes out. No process is started for it."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shlex
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from reprise.schemas.record.run_record import Gpu, MachineRecord

log = logging.getLogger(__name__)

NUMBERS = (
    "OMP_NUM_THREADS",
    "OMP_SCHEDULE",
    "OMP_DYNAMIC",
    "MKL_NUM_THREADS",
    "MKL_CBWR",
    "OPENBLAS_NUM_THREADS",
    "OPENBLAS_CORETYPE",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "CUDA_VISIBLE_DEVICES",
    "CUBLAS_WORKSPACE_CONFIG",
    "NVIDIA_TF32_OVERRIDE",
    "TF_NUM_INTEROP_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_DETERMINISTIC_OPS",
    "TF_CUDNN_DETERMINISTIC",
    "TF_ENABLE_ONEDNN_OPTS",
    "XLA_FLAGS",
)
"""What decides how, and in which order, numbers are computed."""

SETTINGS = (
    "ATEN_CPU_CAPABILITY",
    "DNNL_MAX_CPU_ISA",
    "GLOBAL_SEED",
    "GOTO_NUM_THREADS",
    "JAX_DEFAULT_DTYPE_BITS",
    "JAX_DEFAULT_MATMUL_PRECISION",
    "JAX_DISABLE_JIT",
    "JAX_ENABLE_X64",
    "JAX_THREEFRY_PARTITIONABLE",
    "KERAS_BACKEND",
    "LANG",
    "LC_ALL",
    "LC_COLLATE",
    "LC_CTYPE",
    "LC_NUMERIC",
    "LC_TIME",
    "LOKY_MAX_CPU_COUNT",
    "MKL_DYNAMIC",
    "MKL_ENABLE_INSTRUCTIONS",
    "MKL_THREADING_LAYER",
    "NPY_DISABLE_CPU_FEATURES",
    "NPY_ENABLE_CPU_FEATURES",
    "NPY_PROMOTION_STATE",
    "NUMBA_CPU_NAME",
    "NUMBA_DISABLE_JIT",
    "NUMBA_NUM_THREADS",
    "NUMBA_THREADING_LAYER",
    "ONEDNN_MAX_CPU_ISA",
    "POLARS_MAX_THREADS",
    "PYTHONIOENCODING",
    "PYTHONOPTIMIZE",
    "PYTHONPATH",
    "PYTHONUTF8",
    "PYTHONWARNINGS",
    "RANDOM_SEED",
    "RAYON_NUM_THREADS",
    "SCIPY_ARRAY_API",
    "SEED",
    "SKLEARN_ASSUME_FINITE",
    "SKLEARN_SEED",
    "SKLEARN_WORKING_MEMORY",
    "SOURCE_DATE_EPOCH",
    "TF_USE_LEGACY_KERAS",
    "TOKENIZERS_PARALLELISM",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
    "TZ",
)
"""What else decides results, and holds no secret; recorded since version 2 of the record."""

_NVIDIA = Path("/proc/driver/nvidia")
_CARDS = Path("/sys/class/drm")
_AMD = "0x1002"


def describe_machine(environ: Mapping[str, str]) -> MachineRecord:
    """This machine, and the variables among ``environ`` that numbers depend on."""
    system = os.uname()
    return MachineRecord(
        os=_describe_os(),
        kernel=f"{system.sysname} {system.release}",
        architecture=system.machine,
        host=hashlib.sha256(system.nodename.encode()).hexdigest()[:16],
        cpu=_describe_cpu(),
        cores=_count_cores(),
        memory=_measure_memory(),
        gpus=(*_nvidia_gpus(), *_amd_gpus()),
        variables={name: environ[name] for name in (*NUMBERS, *SETTINGS) if name in environ},
        python=sys.version.split()[0],
        utc_offset=_utc_offset(environ.get("TZ")),
    )


def _utc_offset(zone: str | None) -> int:
    """Of local time in the ``zone`` of the run, in seconds east of UTC; None: that of this machine."""
    if zone and zone != os.environ.get("TZ"):
        from zoneinfo import ZoneInfo

        try:
            offset = datetime.now(ZoneInfo(zone)).utcoffset()
            return int(offset.total_seconds()) if offset else 0
        except (ValueError, OSError, KeyError):  # no zone of this machine's database
            log.debug("time zone %s is not known", zone)
    return time.localtime().tm_gmtoff


def _describe_os() -> str:
    if sys.platform == "darwin":
        import platform

        return f"macOS {platform.mac_ver()[0]}"
    for path in (Path("/etc/os-release"), Path("/usr/lib/os-release")):
        if found := re.search(r"^PRETTY_NAME=(.+)$", _read_text(path), re.MULTILINE):
            return " ".join(shlex.split(found[1], posix=True))
    return os.uname().sysname


def _describe_cpu() -> str:
    """The model's name; where the system has no file that says it, the architecture's."""
    found = re.search(r"^model name\s*:\s*(.+)$", _read_text(Path("/proc/cpuinfo")), re.MULTILINE)
    return found[1] if found else os.uname().machine


def _count_cores() -> int:
    """Those that we, and so the run, may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _measure_memory() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return None


def _nvidia_gpus() -> Iterator[Gpu]:
    """Return the GPUs from the driver's files; ``nvidia-smi`` takes a second for the same."""
    driver = re.search(r"Kernel Module\D*?([\d.]{3,})", _read_text(_NVIDIA / "version"))
    for file in sorted(_NVIDIA.glob("gpus/*/information")):
        model = re.search(r"^Model:\s*(.+)$", _read_text(file), re.MULTILINE)
        yield Gpu(model[1] if model else "NVIDIA", driver[1] if driver else None)


def _amd_gpus() -> Iterator[Gpu]:
    driver = _read_text(Path("/sys/module/amdgpu/version")).strip() or None
    for device in sorted(_CARDS.glob("card[0-9]*/device")):
        if _read_text(device / "vendor").strip() == _AMD:
            yield Gpu(_read_text(device / "product_name").strip() or "AMD", driver)


def _read_text(file: Path) -> str:
    try:
        return file.read_text("utf-8", "replace")
    except OSError:
        return ""
