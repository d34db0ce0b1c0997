"""``reprise gc``."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import click

from reprise.cli import show
from reprise.cli.options import json_option, opened, tracking_option
from reprise.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reprise.tracking.protocols.garbage import Deleted

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


@click.command()
@click.option(
    "--older-than",
    default="0s",
    metavar="AGE",
    help="Only remove what was deleted longer ago: 30d, 12h, 2w. [default: everything deleted]",
)
@click.option("--dry-run", is_flag=True, help="Show what would be removed without removing it.")
@tracking_option
@json_option
def gc(older_than: str, dry_run: bool, tracking_uri: str | None, json_: bool) -> None:
    """Permanently remove deleted runs, logged models and experiments, with their files."""
    from reprise import progress
    from reprise.runner.maintenance.gc import collect
    from reprise.tracking.rest.store import RestTracking

    age, start = _milliseconds(older_than), time.monotonic()
    with opened(tracking_uri) as tracking, progress.spinner("Looking for deleted runs") as say:
        if (store := tracking.own_store) is not None:
            found = collect(store, age, dry_run=dry_run, say=say)
        elif isinstance(tracking, RestTracking):
            from reprise.runner.gc_over_http import collect_over_http

            found = collect_over_http(tracking.connection, age, dry_run=dry_run)
        else:
            hint = "use mlflow gc for MLflow's own stores"
            raise UsageError(f"{tracking.uri} is not a reprise store", hint=hint)
    if json_:
        show.as_json(found)
    elif dry_run and found.removed:
        rows = [(item.kind, item.id, item.name, show.ago(item.deleted_time)) for item in found.removed]
        show.table(("KIND", "ID", "NAME", "DELETED"), rows)
    for item, reason in found.kept:
        show.print_note(f"Kept {item.kind} {item.id} ({item.name}): {reason}")
    if found.left:
        count = show.counted(len(found.left), "place")
        show.print_note(f"Could not remove the files in {count}; the next reprise gc retries")
    what = f"{_counts(found.removed)} and {show.counted(found.files, 'file')} ({show.size(found.size)})"
    if dry_run:
        show.print_note(f"Would remove {what}")
    else:
        show.print_note(f"Removed {what} in {show.duration(time.monotonic() - start)}")


def _counts(removed: Sequence[Deleted]) -> str:
    kinds = ("experiment", "run", "logged model")
    counts = {kind: sum(item.kind == kind for item in removed) for kind in kinds}
    return ", ".join(show.counted(number, kind) for kind, number in counts.items())


def _milliseconds(age: str) -> int:
    found = re.fullmatch(r"(\d{1,9}) ?([smhdw])", age.strip().lower())
    if found is None:
        raise UsageError(f'--older-than "{age}" is not a duration', hint="for example 30d, 12h or 2w")
    return int(found[1]) * _UNITS[found[2]] * 1000
