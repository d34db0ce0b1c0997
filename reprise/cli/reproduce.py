"""``reprise reproduce``: rerun a recorded run and compare the results."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reprise.cli import show
from reprise.cli.options import json_option, opened, refused_python, sandbox_options, tracking_option
from reprise.cli.verdicts import given_tolerance, refuse_difference, show_verdict, tolerance_options
from reprise.cli.words import name_values, sandbox_of

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
    help="Change a parameter (a variation of the run), or supply a secret; repeatable.",
)
@click.option("--keep", is_flag=True, help="Keep the restored project and print its path.")
@click.option("--offline", is_flag=True, help="Do not use the network. [env: REPRISE_OFFLINE]")
@click.option("--key", type=Path, metavar="PUB", help="Require a signature of the bundle by this key.")
@sandbox_options
@click.option("--any-machine", is_flag=True, help="Allow a different kind of GPU.")
@refused_python(
    "a run is reproduced with the Python version in its record",
    "use reprise run --python VERSION for a new run with another Python",
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
    """Rerun RUN from its record and compare the results. Exit code 0: same results, 7: different.

    The verdict depends on metrics, parameters, artifacts, models, tags, child runs, source, environment and
    inputs. The output log only counts if the run has no results. The exit code is 8 if both runs failed in
    the same way.

    RUN is a run id or its prefix, @last, or a bundle file. It can also be a model URI
    (models:/NAME/VERSION, models:/NAME@ALIAS, runs:/RUN/PATH), which selects the run that logged the model;
    the predictions of both models on the input example are then compared too. Everything that is missing is
    reported before anything runs.
    """
    from reprise.runner.bundle.open_bundle import is_bundle
    from reprise.runner.planning.request import is_offline
    from reprise.runner.reproducing import reproduce as runner
    from reprise.runner.reproducing.restore_run import WantedReproduction

    allowed = given_tolerance(tolerance, tolerance_file, strict=strict)
    wanted = WantedReproduction(
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
        log.info("The restored project is in %s", done.folder)
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
