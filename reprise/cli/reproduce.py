"""``reprise reproduce``: perform a recorded run again, and prove that it came out the same."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reprise.cli import show
from reprise.cli.options import (
    json_option,
    name_values,
    opened,
    refused_python,
    sandbox_of,
    sandbox_options,
    tracking_option,
)
from reprise.cli.verdicts import given_tolerance, refuse_difference, show_verdict, tolerance_options

if TYPE_CHECKING:
    from reprise.runner.reproducing.reproduce import Reproduction

log = logging.getLogger(__name__)


@click.command()
@click.argument("run")
@tolerance_options
@click.option(
    "--set",
    "set_",
    multiple=True,
    metavar="NAME=VALUE",
    help="Another value of a parameter: a variation of the run. Or a secret one, given again.",
)
@click.option("--keep", is_flag=True, help="Keep the restored project, and tell where it is.")
@click.option("--offline", is_flag=True, help="Fetch nothing: use what is there. [env: REPRISE_OFFLINE]")
@click.option("--key", type=Path, metavar="PUB", help="Demand that this key has signed the bundle.")
@sandbox_options
@click.option("--any-machine", is_flag=True, help="Also where the GPUs are of another kind.")
@refused_python(
    "a run is performed again with the Python of its record",
    "reprise run with --python makes a new run with another one",
)
@tracking_option
@json_option
def reproduce(
    run: str,
    tolerance: str | None,
    tolerance_file: Path | None,
    strict: bool,
    set_: tuple[str, ...],
    keep: bool,
    offline: bool,
    key: Path | None,
    any_machine: bool,
    sandbox: bool,
    no_network: bool,
    tracking_uri: str | None,
    json_: bool,
) -> None:
    """Perform RUN again from its record alone, and compare: exit code 0, or 7 when it diverged.

    The results decide: metrics, parameters, artifacts, models, tags and child runs; and source, environment
    and inputs. The output log is shown and does not decide, unless the run left no results. Where the run
    failed, and fails in the same way again, the exit code is 8.

    RUN is a run id, the start of one, @last, or the file of a bundle; or the address of a model
    (models:/NAME/VERSION, models:/NAME@ALIAS, runs:/RUN/PATH), which means the run that made it: then what
    both models predict on the input example is compared as well. Everything that is missing is told before
    anything runs.
    """
    from reprise.runner.bundle.opening import is_bundle
    from reprise.runner.planning.request import is_offline
    from reprise.runner.reproducing import reproduce as runner
    from reprise.runner.reproducing.needs import Wanted

    allowed = given_tolerance(tolerance, tolerance_file, strict=strict)
    wanted = Wanted(
        name_values("--set", set_),
        is_offline(offline),
        any_machine,
        sandbox=sandbox_of(sandbox, no_network),
    )
    started = time.monotonic()
    with opened(tracking_uri, make=is_bundle(run)) as tracking:
        done = runner.reproduce(tracking, run, wanted, allowed, keep=keep, key=key, stdout_to_stderr=json_)
    took = show.duration(time.monotonic() - started)
    if done.folder is not None:
        log.info("The restored project is kept in %s", done.folder)
    if json_:
        show.as_json(_as_dict(done))
    else:
        _show(done)
    _conclude(done, took)


def _show(done: Reproduction) -> None:
    show_verdict(done.verdict, only_differences=bool(done.changed))


def _conclude(done: Reproduction, took: str) -> None:
    new, original = done.outcome.run_id, done.original
    if done.changed:
        names = ", ".join(done.changed)
        log.info("Run %s is a variation of %s with another %s, in %s", new, original, names, took)
        return
    failing = f"run {new} and the original {original}"
    refuse_difference(done.verdict, f"run {new} does not reproduce {original}", failing=failing)
    log.info("Run %s reproduces %s: %s, in %s", new, original, done.verdict.sentence, took)


def _as_dict(done: Reproduction) -> dict[str, Any]:
    from reprise.runner.verdict.report import as_data

    return {
        "run_id": done.outcome.run_id,
        "status": done.outcome.status,
        "exit_code": done.outcome.exit_code,
        "original": done.original,
        "changed": done.changed,
        "folder": str(done.folder) if done.folder else None,
        "verdict": None if done.changed else as_data(done.verdict),
        "differences": as_data(done.verdict)["parts"] if done.changed else [],
    }
