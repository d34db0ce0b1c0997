"""A verdict kept with the runs: as an artifact of the one that was performed again, and as tags."""

from __future__ import annotations

import json

from reprise.file_lock import scratch
from reprise.runner.verdict.report import as_data
from reprise.runner.verdict.values import Verdict
from reprise.schemas import tags
from reprise.schemas.record import run_files
from reprise.tracking.base import Tracking

ARTIFACT = run_files.VERDICT


def store_verdict(tracking: Tracking, original: str, again: str, verdict: Verdict) -> None:
    """Keep ``verdict`` on run ``again``, and say on both how it came out.

    A run that is itself another one performed again keeps its own verdict.

    Raises:
        TrackingError: the store refuses it.
    """
    with scratch() as folder:
        file = folder / "verdict.json"
        file.write_text(json.dumps(as_data(verdict), indent=1) + "\n", encoding="utf-8")
        tracking.upload_artifact(again, file, ARTIFACT)
    said = {tags.VERDICT: verdict.sentence}
    tracking.log_batch(again, tags={tags.REPRODUCES: original, **said})
    if tags.REPRODUCES not in tracking.get_run(original).tags:
        tracking.log_batch(original, tags=said)
