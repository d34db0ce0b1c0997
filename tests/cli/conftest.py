"""A store to look at, and the command line in front of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reprise.cli import perform_command
from reprise.tracking.sqlite.store import EmbeddedStore
from tests.conftest import Result

Reprise = Callable[..., Result]


@pytest.fixture
def reprise(house: Path, capfd: pytest.CaptureFixture[str]) -> Reprise:
    """Runs a command line in this process; the store is ``mlruns`` in the current folder."""

    def run(*args: str) -> Result:
        capfd.readouterr()
        code = perform_command(args)
        result = Result(code, *capfd.readouterr())
        assert "Traceback" not in result.err
        return result

    return run


@pytest.fixture
def store() -> Iterator[EmbeddedStore]:
    with EmbeddedStore(Path("mlruns").absolute()) as opened:
        opened.get_experiment("0")
        yield opened
