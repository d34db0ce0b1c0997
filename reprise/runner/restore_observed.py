"""What a recorded run was seen to read, looked for before it is performed again."""

from __future__ import annotations

import logging
from pathlib import Path

from reprise.schemas.run_record import RunRecord

log = logging.getLogger(__name__)

_LISTED = 5


def warn_of_missing_files(record: RunRecord, root: Path | None) -> None:
    """Say which files the run read that are not here; ``root`` is that of the source as it was restored.

    It is no error: a program may do without a file that it looked for and found.
    """
    if record.observed is None or root is None:
        return
    missing = [item.path for item in record.observed.inputs if not (root / item.path).exists()]
    if missing:
        more = f" and {len(missing) - _LISTED} more" if len(missing) > _LISTED else ""
        log.warning(
            "Not here, and read by run %s: %s%s", record.run_id[:8], ", ".join(missing[:_LISTED]), more
        )
