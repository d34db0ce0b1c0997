"""``reprise run --twice``: whether two runs of a project agree, and the likely causes if not."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

import click

from reprise.cli import show
from reprise.cli.verdicts import refuse_difference, show_verdict
from reprise.errors import RunFailed

if TYPE_CHECKING:
    from reprise.runner.reproducing.twice import Twice
    from reprise.schemas.job import Outcome, RunRequest
    from reprise.tracking.base import Tracking

log = logging.getLogger(__name__)


def perform(request: RunRequest, tracking: Tracking, json_: bool) -> None:
    """Run ``request`` twice, and show the verdict on the second run.

    Raises:
        RunFailed: the first run failed.
        NotReproduced: the second run differs from the first.
    """
    from reprise.runner.reproducing.twice import run_twice

    started = time.monotonic()
    done = run_twice(request, tracking, stdout_to_stderr=json_)
    took = show.duration(time.monotonic() - started)
    if json_:
        show.as_json(_as_dict(done))
    if done.verdict is None or done.second is None:
        how = f"{done.first.status} and was not repeated: {done.first.reason}"
        raise RunFailed(
            f"run {done.first.run_id} {how}",
            outcome=done.first,
            hint=f"reprise runs show {done.first.run_id[:8]}",
        )
    if not json_:
        show_verdict(done.verdict)
        _show_causes(done)
    first, second = done.first.run_id, done.second.run_id
    failing = f"run {second} and run {first}"
    refuse_difference(done.verdict, f"run {second} does not reproduce {first}", failing=failing)
    log.info("Run %s reproduces %s: %s, both in %s", second, first, done.verdict.sentence, took)


def _show_causes(done: Twice) -> None:
    for cause in done.causes:
        show.print_line(cause.what, label=click.style(f"likely cause: {cause.name}", bold=True))
        show.print_line(f"  fix: {cause.fix}")


def _as_dict(done: Twice) -> dict[str, Any]:
    from reprise.runner.verdict.report import as_data

    return {
        "first": _outcome(done.first),
        "second": _outcome(done.second) if done.second else None,
        "verdict": as_data(done.verdict) if done.verdict is not None else None,
        "causes": done.causes,
    }


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {"run_id": outcome.run_id, "status": outcome.status, "exit_code": outcome.exit_code}
