"""The store's folder on this machine, for what lies in it beside the runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from reprise import paths
from reprise.errors import TrackingError

if TYPE_CHECKING:
    from reprise.tracking.base import Tracking

STORE_VARIABLE = "REPRISE_STORE"
"""Tells a child the folder of the store that its facade stands before."""


def jobs_folder(tracking: Tracking) -> Path:
    """Where the job folders of a store's runs lie on this machine: in the store where that is here."""
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
    """The home of a store of ours, also of the one behind the facade of the run that we are in."""
    if tracking.home is not None:
        return tracking.home
    behind = os.environ.get(STORE_VARIABLE)
    return Path(behind) if behind and tracking.uri == os.environ.get("MLFLOW_TRACKING_URI") else None
