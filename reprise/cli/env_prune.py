"""``reprise env prune``."""

from __future__ import annotations

import logging
import os
import re
from typing import TYPE_CHECKING, Any

import click

from reprise import paths
from reprise.cli import show
from reprise.cli.options import json_option, tracking_option
from reprise.errors import UsageError

if TYPE_CHECKING:
    from reprise.runner.maintenance.prune import Judged, Pruned

log = logging.getLogger(__name__)

_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


@click.command()
@click.option(
    "--older-than",
    default="30d",
    show_default=True,
    metavar="TIME",
    help="Remove environments unused for this long: 12h, 30d, 8w.",
)
@click.option("--keep-reproducible", is_flag=True, help="Keep environments of runs that are not deleted.")
@click.option("--dry-run", is_flag=True, help="Show what would be removed.")
@tracking_option
@json_option
def prune(
    older_than: str, keep_reproducible: bool, dry_run: bool, tracking_uri: str | None, json_: bool
) -> None:
    """Remove unused environments, and what killed processes left in the cache.

    An environment in use is kept. The runs that used an environment keep their locks.
    """
    from reprise.progress import spinner
    from reprise.runner.maintenance.prune import prune_cache
    from reprise.tracking.registry import open_tracking

    here = open_tracking(tracking_uri or os.environ.get("MLFLOW_TRACKING_URI"), paths.here())
    known = here if here.exists else None
    try:
        with spinner("Looking for unused environments"):
            pruned = prune_cache(
                _seconds(older_than), keep_reproducible=keep_reproducible, dry_run=dry_run, here=known
            )
    finally:
        here.close()
    if json_:
        show.as_json(_as_dict(pruned, dry_run))
    else:
        _tell(pruned, "Would remove" if dry_run else "Removed")


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", text.strip())
    if found is None or (found[2] not in _SECONDS and float(found[1]) != 0):
        raise UsageError(f'--older-than "{text}" is not a duration', hint="for example 12h, 30d or 8w")
    return float(found[1]) * _SECONDS.get(found[2], 1)


def _tell(pruned: Pruned, verb: str) -> None:
    for judged in pruned.kept:
        log.info("Kept %s: %s", _named(judged), _needed(judged))
    for judged in pruned.removed:
        needed = _needed(judged)
        log.info(
            "%s %s, %s%s", verb, _named(judged), show.size(judged.size), f": {needed}" if needed else ""
        )
        if runs := judged.needed.runs:
            log.info(
                "  each run has its lock: recreate the environment with reprise env path %s", runs[0][:8]
            )
    kinds: dict[str, list[int]] = {}
    if pruned.removed:
        kinds["environments"] = [judged.size for judged in pruned.removed]
    for leftover in pruned.leftovers:
        kinds.setdefault(leftover.kind, []).append(leftover.size)
    for kind, sizes in kinds.items():
        noun = kind if len(sizes) > 1 else kind.removesuffix("s")
        log.info("%s %d %s, %s", verb, len(sizes), noun, show.size(sum(sizes)))
    if not kinds:
        log.info("Nothing to remove")


def _named(judged: Judged) -> str:
    projects = ", ".join(judged.entry.projects) or "no project"
    last_use = show.ago(int(judged.entry.last_use * 1000))
    return f"environment {judged.entry.name} ({projects}; last use {last_use})"


def _needed(judged: Judged) -> str:
    said = []
    if runs := judged.needed.runs:
        said.append(f"{len(runs)} runs used it" if len(runs) > 1 else f"run {runs[0][:8]} used it")
    said += [f"the runs of {store} could not be read" for store in judged.needed.silent]
    return "; ".join(said)


def _as_dict(pruned: Pruned, dry_run: bool) -> dict[str, Any]:
    def listed(judged: Judged) -> dict[str, Any]:
        entry = judged.entry
        return {
            "name": entry.name,
            "digest": entry.marker.digest,
            "projects": entry.projects,
            "last_use": int(entry.last_use * 1000),
            "size": judged.size,
            "runs": judged.needed.runs,
            "stores_not_asked": judged.needed.silent,
        }

    return {
        "dry_run": dry_run,
        "removed": [listed(judged) for judged in pruned.removed],
        "kept": [listed(judged) for judged in pruned.kept],
        "leftovers": pruned.leftovers,
        "freed": pruned.freed,
    }
