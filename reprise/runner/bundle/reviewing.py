"""Check that the source shown by a bundle is the source that would run: ``source/`` against
``objects/``.
"""

from __future__ import annotations

import filecmp
import os
from collections.abc import Iterator
from pathlib import Path

from reprise.errors import SourceError
from reprise.runner.bundle import layout
from reprise.runner.bundle.layout import Bundle
from reprise.runner.restore import source as restore_source
from reprise.runner.restore.source import SourceOrigin
from reprise.runner.sources import working_copy
from reprise.schemas.job import Checkout
from reprise.schemas.record.run_record import RunRecord
from reprise.tracking.registry import open_own_store

_SHOWN = 5


def check_kept_source(bundle: Bundle, record: RunRecord) -> None:
    """Restore the source from ``objects/``, and compare it with ``source/``.

    Raises:
        SourceError: it cannot be restored, or differs.
    """
    source = record.source._replace(uri=layout.SOURCE, url=None)
    # A store keeps its contents in a folder of this name, and nothing else of it is asked for here.
    origin = SourceOrigin(open_own_store(str(bundle.folder), bundle.folder), record.run_id, "", source)
    for fault in restore_source.find_faults(origin):
        raise fault
    with restore_source.restore_source(origin, offline=True) as checkout:
        try:
            check_shown_source(bundle, checkout)
        finally:
            working_copy.discard_checkout(checkout)


def check_shown_source(bundle: Bundle, checkout: Checkout) -> None:
    """Compare a restored source with ``source/``, which people read before they run it.

    Raises:
        SourceError: a file differs, or is missing in one of them.
    """
    root = checkout.repository.root if checkout.repository else checkout.path
    shown = bundle.folder / layout.SOURCE
    if differing := sorted(_compare_trees(shown, root)):
        more = f" and {len(differing) - _SHOWN} more" if len(differing) > _SHOWN else ""
        raise SourceError(
            "the source shown by the bundle differs from the source it runs: "
            f"{', '.join(differing[:_SHOWN])}{more}",
            hint="do not run it; get it again from its author",
        )


def _compare_trees(shown: Path, restored: Path) -> Iterator[str]:
    one, other = _list_files(shown), _list_files(restored)
    yield from one ^ other
    for name in one & other:
        if not filecmp.cmp(shown / name, restored / name, shallow=False):
            yield name


def _list_files(folder: Path) -> set[str]:
    """The files that a bundle can show: without git's own, and without links."""
    found = set()
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != ".git"]
        paths = (Path(place, name) for name in names if name != ".git")
        found |= {str(path.relative_to(folder)) for path in paths if not path.is_symlink()}
    return found
