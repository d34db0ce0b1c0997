"""An admin frees the space of a store that a server serves; others cannot."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reprise.runner.maintenance.gc import collect
from reprise.server.http.users import put
from reprise.tracking.sqlite.store import EmbeddedStore
from tests.cli.conftest import Reprise
from tests.server.http.test_access import served

pytestmark = pytest.mark.slow

VERB = "/api/2.0/mlflow/reprise/gc"


@pytest.fixture
def deleted(house: Path) -> str:
    with EmbeddedStore(Path("mlruns")) as store:
        run = store.create_run("0", start_time=1, user_id="ada")
        Path("file").write_bytes(b"12345")
        store.upload_artifact(run.run_id, Path("file"), "a.bin")
        store.update_run(run.run_id, status="FINISHED", end_time=2)
        store.delete_run(run.run_id)
    return run.run_id


def test_an_admin_frees_space(deleted: str, reprise: Reprise, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = {
        role: put(Path("users"), role, role, password=None) or "" for role in ("read", "write", "admin")
    }
    with served("--auth", "users", "--static-prefix", "/ml") as server:
        uri = f"http://127.0.0.1:{server.port}/ml"
        for role in ("read", "write"):
            monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", tokens[role])
            refused = reprise("gc", "--tracking-uri", uri)
            assert refused.exit_code == 6 and "admin" in refused.err
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", tokens["admin"])
        told = reprise("gc", "--dry-run", "--tracking-uri", uri)
        assert deleted in told.out and "Would remove 0 experiments, 1 run" in told.err
        assert "1 file (5 bytes)" in told.err
        assert (
            json.loads(reprise("gc", "--json", "--older-than", "1h", "--tracking-uri", uri).out)["removed"]
            == []
        )
        done = json.loads(reprise("gc", "--json", "--tracking-uri", uri).out)
        assert [item["id"] for item in done["removed"]] == [deleted]
    assert not collect(EmbeddedStore(Path("mlruns")), 0, dry_run=True).removed
    assert not list(Path("mlruns").rglob("a.bin"))


@pytest.mark.parametrize(
    "body", [[], {"older_than": -1}, {"older_than": "1d"}, {"dry_run": "yes"}, {"dryrun": True}, b"{"]
)
def test_what_is_not_understood_removes_nothing(deleted: str, body: object) -> None:
    with served() as server:
        assert server.ask(VERB, body, method="POST")[0] == 400
    with EmbeddedStore(Path("mlruns")) as store:
        assert store.get_run(deleted).lifecycle_stage == "deleted"


@pytest.mark.mlflow
def test_a_server_that_is_not_ours_is_named(house: Path, reprise: Reprise) -> None:
    from tests.fakes.mlflow_server import tracking_uri

    uri = tracking_uri()
    refused = reprise("gc", "--tracking-uri", uri)
    assert refused.exit_code == 2 and "not a reprise server" in refused.err and "mlflow gc" in refused.err
