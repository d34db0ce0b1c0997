"""``reprise verify``: check whether two runs have the same results."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from reprise.cli import show
from reprise.cli.options import json_option, opened, tracking_option
from reprise.cli.verdicts import given_tolerance, refuse_difference, show_verdict, tolerance_options

log = logging.getLogger(__name__)


@click.command()
@click.argument("run_a", metavar="RUN_A")
@click.argument("run_b", metavar="RUN_B")
@tolerance_options
@tracking_option
@json_option
def verify(
    run_a: str,
    run_b: str,
    tolerance: str | None,
    tolerance_file: Path | None,
    strict: bool,
    tracking_uri: str | None,
    json_: bool,
) -> None:
    """Compare the results of RUN_B with those of RUN_A. Exit code 0: same, 7: different.

    The verdict depends on metrics, parameters, artifacts, models, tags, child runs, source, environment and
    inputs. The output log only counts if the runs have no results. The exit code is 8 if both runs failed
    in the same way. A run is a run id or its prefix, or @last. The verdict is stored with RUN_B.
    """
    from reprise.runner.verdict import verify_runs
    from reprise.runner.verdict.report import as_data

    allowed = given_tolerance(tolerance, tolerance_file, strict=strict)
    with opened(tracking_uri) as tracking:
        verdict = verify_runs(tracking, run_a, run_b, allowed)
    if json_:
        show.as_json(as_data(verdict))
    else:
        show_verdict(verdict)
    a, b = verdict.original, verdict.again
    refuse_difference(verdict, f"run {b} does not reproduce {a}", failing=f"run {b} and run {a}")
    log.info("Run %s reproduces %s: %s", b, a, verdict.sentence)
