"""The processes under a server that runs for long: their end, what counts as stuck, what they print."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from reprise.runner.models import worker as workers
from reprise.runner.models.served_versions import Fleet, Served, WantedService
from reprise.runner.models.worker import Settings
from reprise.schemas.environment import Policy
from reprise.tracking.sqlite.store import EmbeddedStore
from tests.conftest import eventually
from tests.runner.models.conftest import Trained, served
from tests.runner.models.test_differential import RECORDS
from tests.runner.models.test_serve import MODEL, word

pytestmark = pytest.mark.mlflow


@contextmanager
def moody(trained: Trained, log: Path) -> Iterator[Served]:
    """The model in this process, so that a test can look at its worker."""
    with EmbeddedStore(Path("mlruns").absolute()) as store:
        wanted = WantedService(store, str(trained.moody), "local", Policy(), Settings(log))
        with closing(Served(wanted)) as one:
            yield one


def test_nobody_waits_for_a_worker_that_has_ended(
    house: Path, trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "_GRACE", 3600.0)
    with moody(trained, tmp_path / "log") as one:
        ending = threading.Thread(target=one.close, daemon=True)
        ending.start()
        ending.join(60)
        assert not ending.is_alive()


def test_a_stop_while_a_worker_is_started_again_is_no_error(
    house: Path, trained: Trained, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with EmbeddedStore(Path("mlruns").absolute()) as store:
        fleet = Fleet(
            WantedService(store, str(trained.moody), "local", Policy(), Settings(tmp_path / "log"))
        )
        (keeping,) = (each for each in threading.enumerate() if each.name == "reprise-keep")
        with closing(fleet), fleet.take_current() as one:
            first = one.worker
            first.end()
            assert eventually(lambda: one.worker is not first)
        keeping.join(60)
    assert not keeping.is_alive()
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


def test_a_model_that_loads_itself_at_its_first_request_may_take_its_time(
    trained: Trained, tmp_path: Path
) -> None:
    with served(trained, tmp_path / "log", "moody", "--timeout", "1") as server:
        assert [word(server, "sleep3600").status_code for _ in range(3)] == [504, 504, 504]
        assert eventually(lambda: word(server, "hello").status_code == 200)
    assert "no longer responds" not in server.log.read_text()


def test_an_emptied_cache_does_not_end_the_server(trained: Trained, tmp_path: Path) -> None:
    assert trained.reprise("models", "alias", "iris", "champion", "1").returncode == 0
    cache = tmp_path / "c"
    apart = trained._replace(environ={**trained.environ, "REPRISE_CACHE_DIR": str(cache)})
    with served(apart, tmp_path / "log", "models:/iris@champion") as server:
        assert trained.reprise("models", "alias", "iris", "champion", "2").returncode == 0
        shutil.rmtree(cache)
        answer = server.ask({"dataframe_records": RECORDS})
        assert (answer.status_code, answer.headers[MODEL]) == (200, "models:/iris/1"), (
            server.log.read_text()
        )
        assert eventually(lambda: "in the place of" in server.log.read_text())
    assert "the server of iris version 1 is unreachable" in server.log.read_text()
