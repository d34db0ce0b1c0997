"""How uv's failures are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from reprise.envs import uv
from reprise.process import Completed

LOG = Path("/logs/env.log")


@pytest.mark.parametrize(
    ("stderr", "hint"),
    [
        (
            "error: No solution found when resolving dependencies\n"
            "  cause: Because nosuch was not found in the package registry and you require nosuch, we can "
            "conclude that your requirements are unsatisfiable.",
            'no index has a package "nosuch"',
        ),
        (
            "error: Failed to fetch: https://host/x/\n  cause: 401 Unauthorized",
            "the index refused us",
        ),
        ("error: Request failed\n  cause: invalid peer certificate: UnknownIssuer", "SSL_CERT_FILE"),
        ("error: Request failed after 3 retries\n  cause: dns error", "is the package index reachable"),
        ("error: failed to write\n  cause: No space left on device (os error 28)", "the disk is full"),
    ],
)
def test_hints(stderr: str, hint: str) -> None:
    error = uv.failure("the packages cannot be resolved", Completed(1, "", stderr), LOG)
    assert hint in (error.hint or "")


def test_explanation_starts_at_the_error_and_hides_secrets() -> None:
    stderr = (
        "Using Python 3.11\nResolved 3 packages\nerror: cannot fetch https://me:secret@host/x\n  cause: bad"
    )
    error = uv.failure("the packages cannot be installed", Completed(2, "", stderr), LOG)
    assert error.message == (
        "the packages cannot be installed:\n"
        "  error: cannot fetch https://host/x\n"
        "    cause: bad\n"
        "  (the whole output: /logs/env.log)"
    )
    assert error.hint is None


def test_silence_is_told_as_the_exit_code() -> None:
    assert "exit code 7" in uv.failure("x", Completed(7, "", ""), LOG).message


def test_output_is_kept(house: Path, log: Path) -> None:
    assert uv.call(["--version"], log=log).stdout.startswith("uv ")
    assert "--version" in log.read_text()
