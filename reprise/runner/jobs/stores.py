"""The store's folder on this machine, for its files other than runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from reprise import paths
from reprise.errors import TrackingError

if TYPE_CHECKING:
    from reprise.tracking.base import Tracking

STORE_VARIABLE = "REPRISE_STORE"
"""Variable with the folder of the store behind a child's facade."""


def jobs_folder(tracking: Tracking) -> Path:
    """Return the folder of the job folders of a store's runs on this machine: in a local store if
    possible.
    """
    return (store_folder(tracking) or paths.state_dir()) / "jobs"


def artifact_folder(tracking: Tracking, run_id: str) -> Path | None:
    """The local folder that is the artifact root of a run or a logged model; None where there is none."""
    try:
        return tracking.artifact_folder(run_id)
    except TrackingError as error:
        if error.code == "INVALID_STATE":  # the store has an artifact root that is no folder
            return None
        raise


def store_folder(tracking: Tracking) -> Path | None:
    """Return the folder of an embedded store, also behind the facade of the current run."""
    if tracking.home is not None:
        return tracking.home
    behind = os.environ.get(STORE_VARIABLE)
    return Path(behind) if behind and tracking.uri == os.environ.get("MLFLOW_TRACKING_URI") else None
