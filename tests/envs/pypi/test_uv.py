"""How uv's failures are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from reprise.envs.pypi import uv, uv_failures
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
            "the index denied access",
        ),
        ("error: Request failed\n  cause: invalid peer certificate: UnknownIssuer", "SSL_CERT_FILE"),
        ("error: Request failed after 3 retries\n  cause: dns error", "is the package index reachable"),
        (
            "error: x\n  cause: Because there is no version of six==99 and you require six==99",
            'the index has no version of "six" that fits six==99',
        ),
        (
            "error: x\n  cause: Because torch==1.0.0 has no wheels with a matching Python ABI "
            "tag (e.g., `cp311`) and you require torch==1.0.0",
            "there is no wheel of torch==1.0.0 for this Python or this platform",
        ),
        (
            "error: x\n  cause: Because you require numpy>=2 and numpy<1.9, we can conclude that "
            "your requirements are unsatisfiable.",
            'are in conflict: "numpy>=2" and "numpy<1.9"',
        ),
        (
            "error: x\n  cause: Because pandas==2.2.0 depends on numpy>=1.23.2,<2 and you require "
            "pandas==2.2.0, we can conclude that you require numpy>=1.23.2,<2.\n"
            "  And because you require numpy==1.19.5, we can conclude that they are unsatisfiable.",
            'are in conflict: "pandas==2.2.0" and "numpy==1.19.5"; relax one',
        ),
        (
            "error: x\n  cause: Because only the following versions of pandas-profiling are available:\n"
            "      pandas-profiling<2.11.0\n      pandas-profiling>=2.12.dev0\n"
            "  and you require pandas-profiling==2.11.0.*, we can conclude that it is unsatisfiable.",
            "ydata-profiling",
        ),
        ("error: failed to write\n  cause: No space left on device (os error 28)", "the disk is full"),
    ],
)
def test_hints(stderr: str, hint: str) -> None:
    error = uv_failures.explain_failure("the packages cannot be resolved", Completed(1, "", stderr), LOG)
    assert hint in (error.hint or "")


def test_explanation_starts_at_the_error_and_hides_secrets() -> None:
    stderr = (
        "Using Python 3.11\nResolved 3 packages\nerror: cannot fetch https://me:secret@host/x\n  cause: bad"
    )
    error = uv_failures.explain_failure("the packages cannot be installed", Completed(2, "", stderr), LOG)
    assert error.message == (
        "the packages cannot be installed:\n"
        "  error: cannot fetch https://host/x\n"
        "    cause: bad\n"
        "  (the whole output: /logs/env.log)"
    )
    assert error.hint is None


def test_silence_is_told_as_the_exit_code() -> None:
    assert "exit code 7" in uv_failures.explain_failure("x", Completed(7, "", ""), LOG).message


def test_output_is_kept(house: Path, log: Path) -> None:
    assert uv.call_uv(["--version"], log=log).stdout.startswith("uv ")
    assert "--version" in log.read_text()


def test_hints_of_uv_give_way_to_ours() -> None:
    stderr = "error: x\n  cause: Because there are no versions of y and you require y\n\nhint: use --y"
    error = uv_failures.explain_failure("it failed", Completed(1, "", stderr), LOG)
    assert "--y" not in error.message
    assert (
        "hint: use --y"
        in uv_failures.explain_failure(
            "it failed", Completed(1, "", "error: odd\nhint: use --y"), LOG
        ).message
    )


@pytest.mark.parametrize(
    ("cause", "named"),
    [
        ("Because six was not found in the cache and you require six", "six is not in uv's cache"),
        (
            "the requested data wasn't found in the cache for: `https://host/six-1.0.whl`",
            "https://host/six-1.0.whl is not in uv's cache",
        ),
    ],
)
def test_offline_is_the_reason(cause: str, named: str) -> None:
    error = uv_failures.explain_failure(
        "it failed", Completed(1, "", f"error: x\n  cause: {cause}"), LOG, offline=True
    )
    assert named in (error.hint or "")
    assert "--offline" in (error.hint or "")
