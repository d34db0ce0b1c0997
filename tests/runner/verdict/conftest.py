"""A store of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from reprise.tracking.sqlite.store import EmbeddedStore
from tests.runner.verdict.runs import Made

# How long an example takes says nothing on a machine that has other things to do.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture
def made(house: Path, tmp_path: Path) -> Iterator[Made]:
    with EmbeddedStore(tmp_path / "mlruns") as store:
        store.get_experiment("0")
        yield Made(store)
