"""What a recorded run was seen to read, looked for before it is performed again."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from reprise.schemas.record.run_record import RunRecord

log = logging.getLogger(__name__)

_LISTED = 5


def warn_of_missing_files(record: RunRecord, root: Path | None) -> None:
    """Report files that the run read and that do not exist here; ``root`` is that of the restored source.

    This is not an error: a program may work without an optional file. Declared inputs are not included:
    they are found, or an error.
    """
    if record.observed is None or root is None:
        return
    declared = {item.uri for item in record.inputs}
    read = [
        item.path for item in record.observed.inputs if not declared.intersection(_with_parents(item.path))
    ]
    missing = [path for path in read if not (root / path).exists()]
    if missing:
        more = f" and {len(missing) - _LISTED} more" if len(missing) > _LISTED else ""
        log.warning(
            "Not here, and read by run %s: %s%s", record.run_id[:8], ", ".join(missing[:_LISTED]), more
        )


def link_siblings(record: RunRecord, original: Path | None, restored: Path) -> None:
    """Make files next to the original source, such as ``../shared/module.py``, available to the restored
    source.

    Args:
        original: the original root of the source.
        restored: the restored root, in its own folder.

    Files that the run wrote there are not available: a reproduction must not change files of the user.
    """
    if record.observed is None or original is None:
        return
    written = {_top_of(path, original.parent) for path in record.observed.written}
    for name in sorted({_top_of(item.path, original.parent) for item in record.observed.inputs} - written):
        target, link = original.parent / name, restored.parent / name
        if name and not name.startswith(".") and target.exists() and not os.path.lexists(link):
            link.symlink_to(target)


def _with_parents(path: str) -> tuple[str, ...]:
    return (path, *map(str, Path(path).parents))


def _top_of(path: str, folder: Path) -> str:
    """Return the name in ``folder`` that leads to ``path``; empty if it is elsewhere."""
    return Path(path).relative_to(folder).parts[0] if Path(path).is_relative_to(folder) else ""
