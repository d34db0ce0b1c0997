"""The store that a user means, with the runs closed whose watchers have died."""

from __future__ import annotations

import os

from reprise import paths
from reprise.errors import UsageError
from reprise.runner.runs.reap import reap
from reprise.tracking.base import Tracking
from reprise.tracking.registry import open_tracking


def open_store(uri: str | None, *, make: bool = False) -> Tracking:
    """Open the store at ``uri``; None: that in ``MLFLOW_TRACKING_URI``, else the nearest store.

    Raises:
        UsageError: there is no store, and it must not be created.
        TrackingError: it cannot be opened.
    """
    tracking = open_tracking(uri or os.environ.get("MLFLOW_TRACKING_URI") or None, paths.here())
    if not tracking.exists and not make:
        raise missing_store(tracking)
    try:
        reap(tracking)
    except BaseException:
        tracking.close()
        raise
    return tracking


def missing_store(tracking: Tracking) -> UsageError:
    """Return the error for reading a store that does not exist."""
    return UsageError(
        f"there is no store at {tracking.uri}",
        hint="reprise run creates a store; use --tracking-uri to select another",
    )
