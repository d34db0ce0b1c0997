"""``reprise verify``: whether two runs came out the same."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reprise.cli import show
from reprise.cli.options import json_option, opened, tracking_option
from reprise.errors import NotReproduced, TrackingError, UsageError

if TYPE_CHECKING:
    from reprise.runner.verdict.values import Verdict
    from reprise.schemas.tolerance import Tolerance

log = logging.getLogger(__name__)


@click.command()
@click.argument("run_a", metavar="RUN_A")
@click.argument("run_b", metavar="RUN_B")
@click.option("--tolerance", metavar="X", help="How far numbers may differ, relatively or absolutely.")
@click.option("--tolerance-file", type=Path, metavar="FILE", help="Tolerances by metric and artifact.")
@tracking_option
@json_option
def verify(
    run_a: str,
    run_b: str,
    tolerance: str | None,
    tolerance_file: Path | None,
    tracking_uri: str | None,
    json_: bool,
) -> None:
    """Compare RUN_B with RUN_A, part by part: exit code 0, or 7 when it did not come out the same.

    A run is an id, the start of one, or @last. The verdict is kept with RUN_B.
    """
    from reprise.runner.find import find_run
    from reprise.runner.verdict import compare, store_verdict
    from reprise.runner.verdict.values import as_data

    allowed = given_tolerance(tolerance, tolerance_file)
    with opened(tracking_uri) as tracking:
        a, b = (find_run(tracking, run).run_id for run in (run_a, run_b))
        if a == b:
            raise UsageError(f"both are run {a}", hint="give two runs")
        found = compare(tracking, a, b, allowed)
        if json_:
            show.as_json(as_data(found))
        else:
            show_verdict(found)
        try:
            store_verdict(tracking, a, b, found)
        except TrackingError as error:  # of a deleted run, or a store that is only read
            log.warning("The verdict is not kept with the runs: %s", error.message)
    if not found.reproduced:
        raise NotReproduced(
            f"run {b} did not come out as {a}: {found.sentence}", hint=f"reprise diff {a[:8]} {b[:8]}"
        )
    log.info("Run %s came out as %s: %s", b, a, found.sentence)


def given_tolerance(text: str | None, file: Path | None) -> Tolerance:
    """What the two options say; exact without them.

    Raises:
        UsageError, ProjectError: one is wrong, or both are given.
    """
    from reprise.schemas import tolerance

    if text is not None and file is not None:
        raise UsageError("both --tolerance and --tolerance-file are given", hint="give one of them")
    if file is not None:
        return tolerance.read(file)
    return tolerance.Tolerance() if text is None else tolerance.of_text(text)


def show_verdict(found: Verdict, *, only_differences: bool = False) -> None:
    """Print a verdict as a table for people."""
    from reprise.runner.verdict import table

    show.table(table.HEAD, table.rows(found, only_differences=only_differences))
