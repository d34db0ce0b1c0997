"""How ``reprise import`` and ``reprise push`` copy and tell what they did."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from reprise import progress
from reprise.cli import show
from reprise.errors import TrackingError

if TYPE_CHECKING:
    from reprise.tracking.copying import Destination, RegistryDestination, Report, Source

_KINDS = ("experiments", "runs", "logged_models", "registered_models", "model_versions")


def copy(
    source: Source,
    destination: Destination,
    *,
    artifacts: bool,
    registry: RegistryDestination | None = None,
) -> Report:
    """Copy all that the source yields; registered models only where the ``registry`` to write is given."""
    from reprise.tracking.copying import Copying

    with progress.spinner(f"Looking at {source.uri}") as say:
        copying = Copying(source, destination, artifacts=artifacts, say=say)
        copying.experiments()
        if registry is not None:
            copying.registry(registry)
        return copying.report


def tell(done: str, report: Report, start: float, *, json_: bool, strict: bool) -> None:
    """Say what was ``done`` (``Imported``, ``Pushed``) since ``start``, a ``time.monotonic()``.

    Raises:
        TrackingError: there were problems, and the user is ``strict``.
    """
    if json_:
        show.as_json(report)
    took = show.duration(time.monotonic() - start)
    click.echo(f"{done} {_counts(report)} in {took}; {_there(report)}", err=True)
    if strict and report.problems:
        raise TrackingError(
            f"{show.counted(len(report.problems), 'problem')}, told above",
            hint="the same command tries again; without --strict the rest is enough",
        )


def _counts(report: Report) -> str:
    counts = {kind: getattr(report, kind).copied for kind in _KINDS}
    shown = [kind for kind in _KINDS if counts[kind] or kind in _KINDS[:2]]
    parts = [show.counted(counts[kind], kind.removesuffix("s").replace("_", " ")) for kind in shown]
    parts[1] += f" with {show.counted(report.points, 'metric point')}"
    return ", ".join([*parts, f"{show.counted(report.files, 'file')} ({show.size(report.size)})"])


def _there(report: Report) -> str:
    there = report.runs.there
    return f"{show.counted(there, 'run')} {'was' if there == 1 else 'were'} there already"
