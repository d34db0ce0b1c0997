"""The door to uv: which program, and with which settings."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from reprise import progress
from reprise.envs.project_files.credentials import restore_credentials
from reprise.envs.pypi import pip_settings, uv_config
from reprise.errors import EnvError
from reprise.file_lock import scratch
from reprise.process import Completed, ProgramMissing, run
from reprise.schemas.environment import NO_CREDENTIALS, Credentials


def unusable() -> str | None:
    """A sentence when there is no uv, or None."""
    try:
        _find_program()
    except EnvError as error:
        return error.message
    return None


def call_uv(
    arguments: Sequence[str],
    *,
    log: Path,
    cwd: Path | None = None,
    environ: Mapping[str, str | None] | None = None,
    timeout: float | None = None,
    offline: bool = False,
    settings: Mapping[str, Any] | None = None,
) -> Completed:
    """Run ``uv ARGUMENTS`` with pip's settings carried over; its output is appended to ``log``.

    Args:
        cwd: the project's folder, whose own configuration of uv counts.
        offline: uv takes what is in its cache, and what is on this machine.
        settings: keys of a ``uv.toml``, which count before all others.
    """
    patch: dict[str, str | None] = {
        **pip_settings.for_uv(os.environ),
        "UV_NO_PROGRESS": "1",
        **(environ or {}),
    }
    if offline:
        patch["UV_OFFLINE"] = "1"
    try:
        with uv_config.in_force(cwd, os.environ, settings) as files:
            return run(
                [_find_program(), *arguments, "--color=never"],
                cwd=cwd,
                environ={**files, **patch},
                check=False,
                timeout=timeout,
                log_file=log,
                seen=progress.note,
            )
    except ProgramMissing as error:
        raise EnvError(error.message) from error


@contextmanager
def requirements_file(
    lines: Iterable[str], credentials: Credentials = NO_CREDENTIALS, constraints: Iterable[str] = ()
) -> Iterator[Path]:
    """``lines`` as a requirements file that exists for the time of the block, with the ``credentials``."""

    def write_texts(name: str, texts: Iterable[str]) -> Path:
        completed = (restore_credentials(text, credentials) for text in texts)
        path = folder / name
        path.write_text("".join(f"{line}\n" for line in completed), encoding="utf-8")
        return path

    with scratch() as folder:
        if limits := tuple(constraints):
            lines = (f"-c {write_texts('constraints.txt', limits).name}", *lines)
        yield write_texts("requirements.txt", lines)


def no_index() -> list[str]:
    """The option for a pip that is configured to use its find-links only."""
    return ["--no-index"] if pip_settings.no_index(os.environ) else []


def is_offline() -> bool:
    """Return whether the user's uv settings are offline."""
    return os.environ.get("UV_OFFLINE", "").lower() in {"1", "true", "yes", "on"}


def _find_program() -> str:
    beside = Path(sys.executable).with_name("uv")
    if beside.is_file():
        return str(beside)
    from uv import find_uv_bin

    try:
        return find_uv_bin()
    except FileNotFoundError:
        pass
    if found := shutil.which("uv"):
        return found
    raise EnvError("uv is neither installed next to reprise nor on PATH", hint="pip install uv")
