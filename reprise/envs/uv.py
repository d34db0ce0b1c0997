"""The door to uv: which program, with which settings, and how its failures are told."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from reprise import progress
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
        re.compile(r"there (?:is no version|are no versions) of (?P<pin>(?P<package>[\w.\-]+)\S*)"),
        'the index has no version of "{package}" that fits {pin}: check the pin',
    ),
    (
        re.compile(r"(?P<pin>[\w.\-]+==\S+) has no (?:usable )?wheels?\b"),
        "there is no wheel of {pin} for this Python or this platform, and it cannot be built from source: "
        "take a version that has one, or the Python that the project was written for",
    ),
    (
        re.compile(r"Failed to (?:build|download and build) `?(?P<pin>[^\s`]+)"),
        "there is no wheel of {pin} for this Python and this platform, and building it from source failed: "
        "it may need a compiler and libraries; a version or a Python with a wheel needs neither",
    ),
    (
        re.compile(
            r"(?:.*\b[Bb]ecause|.*? depends on .*?\band) you require "
            r"(?P<pin>(?P<package>[\w.\-]+)[^\s,]*)"
        ),
        'the requirements exclude each other: loosen "{pin}", or what asks for another {package}',
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
        "the disk is full; REPRISE_CACHE_DIR puts the environments elsewhere, UV_CACHE_DIR their packages",
    ),
)
_OUT_OF_REACH = re.compile(
    r"(?P<package>\S+) was not found in the cache|wasn't found in the cache for: `?(?P<other>[^\s`]+)"
    r"|network connectivity is disabled"
)
# uv's own hints speak of options that are uv's.
_HINT_OF_UV = re.compile(r"^hint: .*(?:\n[ \t]+.*)*\n?", re.MULTILINE)
_UNDATED = re.compile(r"`(?P<file>[^`]+)` is missing an upload date")
_TOO_NEW = re.compile(r"`(?P<package>[^`]+)` was filtered by `exclude-newer`")


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
    environ: Mapping[str, str | None] | None = None,
    timeout: float | None = None,
    offline: bool = False,
) -> Completed:
    """Run ``uv ARGUMENTS`` with pip's settings carried over; its output is appended to ``log``.

    ``offline``: uv takes what is in its cache, and what is on this machine.
    """
    settings: dict[str, str | None] = {
        **pip_settings.for_uv(os.environ),
        "UV_NO_PROGRESS": "1",
        **(environ or {}),
    }
    if offline:
        settings["UV_OFFLINE"] = "1"
    try:
        return run(
            [_program(), *arguments, "--color=never"],
            cwd=cwd,
            environ=settings,
            check=False,
            timeout=timeout,
            log_file=log,
            seen=progress.note,
        )
    except ProgramMissing as error:
        raise EnvError(error.message) from error


def no_index() -> list[str]:
    """The option for a pip that is configured to use its find-links only."""
    return ["--no-index"] if pip_settings.no_index(os.environ) else []


def is_offline() -> bool:
    """Whether the user told uv itself to stay offline."""
    return os.environ.get("UV_OFFLINE", "").lower() in {"1", "true", "yes", "on"}


def failure(
    what: str, result: Completed, log: Path, *, offline: bool = False, as_of: str | None = None
) -> EnvError:
    """The error for a uv that failed: ``what`` was wanted, uv's own explanation, the log's path.

    ``offline`` and ``as_of`` are the reasons why packages may be out of sight.
    """
    output = redact(result.stderr or result.stdout).strip()
    hint = _hint(" ".join(output.split()), offline=offline or is_offline(), as_of=as_of)
    explanation = _explanation(output) or f"uv ended with exit code {result.exit_code}"
    if hint:
        explanation = _HINT_OF_UV.sub("", explanation).rstrip()
    lines = "\n".join(f"  {line}" for line in explanation.splitlines()[-_TAIL:])
    return EnvError(f"{what}:\n{lines}\n  (the whole output: {log})", hint=hint)


def _hint(text: str, *, offline: bool, as_of: str | None) -> str | None:
    if offline and (found := _OUT_OF_REACH.search(text)):
        missing = found["package"] or found["other"] or "what is missing"
        return f"{missing} is not in uv's cache, and --offline forbids to fetch it; run once without"
    if as_of and (found := _UNDATED.search(text)):
        return (
            f"the index tells no upload times ({found['file']} has none), so that nothing is known to "
            f"be older than {as_of}; leave --as-of out, or use an index that tells them"
        )
    if as_of and (found := _TOO_NEW.search(text)):
        return f"{found['package']} has no version that fits and was there by {as_of}; take a later --as-of"
    hits = ((hint, pattern.search(text)) for pattern, hint in _HINTS)
    return next((hint.format(**hit.groupdict()) for hint, hit in hits if hit), None)


def _explanation(output: str) -> str:
    """uv's lines from its first ``error:`` on, without the ones about what went well before."""
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
