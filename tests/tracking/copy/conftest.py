"""A store to copy into, and a copy in one call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reprise.tracking.copy.census import Census
from reprise.tracking.copy.sources import open_source
from reprise.tracking.copy.tracking import TrackingSource
from reprise.tracking.copy.transfer import Transfer
from reprise.tracking.sqlite.copied.destination import EmbeddedDestination
from reprise.tracking.sqlite.store import EmbeddedStore

Copy = Callable[..., Census]


@pytest.fixture
def source(tmp_path: Path) -> Iterator[EmbeddedStore]:
    with EmbeddedStore(tmp_path / "source") as store:
        yield store


@pytest.fixture
def destination(tmp_path: Path) -> Iterator[EmbeddedDestination]:
    with EmbeddedDestination(tmp_path / "destination") as store:
        yield store


@pytest.fixture
def copy(destination: EmbeddedDestination) -> Copy:
    """Copies a store, or what an import's SRC names, into ``destination``."""

    def copy_store(
        given: EmbeddedStore | Path | str,
        *,
        artifacts: bool = True,
        writes: bool = True,
        beside: Path | None = None,
    ) -> Census:
        opened = (
            TrackingSource(given)
            if isinstance(given, EmbeddedStore)
            else open_source(str(given), Path.cwd(), beside)
        )
        census = Transfer(opened, destination, artifacts=artifacts, writes=writes).transfer_all()
        if not isinstance(given, EmbeddedStore):
            opened.close()
        return census

    return copy_store


def told(census: Census) -> list[str]:
    """The differences as a user reads them."""
    return [f"{fault.owner}: {fault.name}: {fault.reason}" for fault in census.differences]


def numbers(census: Census, kind: str) -> tuple[int, int, int, int]:
    """In the source, arrived, different, left out."""
    line = census.line_of(kind)
    return line.source, line.arrived, line.different, line.left_out
