"""The door to uv: which program, with which settings, and how its failures are told."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from reprise.envs import pip_settings
from reprise.errors import EnvError
from reprise.process import Completed, ProgramMissing, run
from reprise.redact import redact

_TAIL = 20

# What uv says, and what to do about it; the first that matches is the hint.
_HINTS = (
    (
        re.compile(r"40[13] (?:Unauthorized|Forbidden)"),
        "the index refused us: give the user name and password in ~/.netrc or in the index URL of UV_INDEX",
    ),
    (
        re.compile(r"Because (?P<package>\S+) was not found in the (?:package registry|provided package)"),
        'no index has a package "{package}": check the spelling, or name the index that has it '
        "(UV_INDEX, PIP_EXTRA_INDEX_URL or --extra-index-url in a requirements file)",
    ),
    (
        re.compile(r"UnknownIssuer|invalid peer certificate"),
        "the index uses a certificate that is not trusted: set SSL_CERT_FILE to your CA bundle",
    ),
    (
        re.compile(r"error sending request|dns error|Failed to fetch|Request failed"),
        "is the package index reachable from here? A mirror is named by UV_DEFAULT_INDEX or PIP_INDEX_URL",
    ),
    (
        re.compile(r"No space left on device|os error 28"),
        "the disk is full; REPRISE_CACHE_DIR puts the environments elsewhere",
    ),
)


def unusable() -> str | None:
    """A sentence when there is no uv, or None."""
    try:
        _program()
    except EnvError as error:
        return error.message
    return None


def call(
    arguments: Sequence[str],
    *,
    log: Path,
    cwd: Path | None = None,
    environ: Mapping[str, str] | None = None,
    timeout: float | None = None,
) -> Completed:
    """Run ``uv ARGUMENTS`` with pip's settings carried over; its output is appended to ``log``."""
    settings = {**pip_settings.for_uv(os.environ), "UV_NO_PROGRESS": "1", **(environ or {})}
    try:
        return run(
            [_program(), *arguments, "--color=never"],
            cwd=cwd,
            environ=settings,
            check=False,
            timeout=timeout,
            log_file=log,
        )
    except ProgramMissing as error:
        raise EnvError(error.message) from error


def failure(what: str, result: Completed, log: Path) -> EnvError:
    """The error for a uv that failed: ``what`` was wanted, uv's own explanation, the log's path."""
    explanation = _explanation(result)
    hint = next((text.format(**found.groupdict()) for text, found in _found(explanation)), None)
    lines = "\n".join(f"  {line}" for line in explanation.splitlines()[-_TAIL:])
    return EnvError(f"{what}:\n{lines}\n  (the whole output: {log})", hint=hint)


def _found(explanation: str) -> list[tuple[str, re.Match[str]]]:
    text = " ".join(explanation.split())
    return [(hint, found) for pattern, hint in _HINTS if (found := pattern.search(text))]


def _explanation(result: Completed) -> str:
    """uv's lines from its first ``error:`` on, without the ones about what went well before."""
    output = redact(result.stderr or result.stdout).strip() or f"uv ended with exit code {result.exit_code}"
    lines = output.splitlines()
    wrong = [i for i, line in enumerate(lines) if line.startswith(("error:", "  × "))]
    return "\n".join(lines[wrong[0] :] if wrong else lines)


def _program() -> str:
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
    raise EnvError("uv is not installed beside reprise nor on PATH", hint="pip install uv")
