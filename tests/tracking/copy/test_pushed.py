"""What was pushed to a server and is imported from it is what it was: ids, times, tags, names, links."""

from __future__ import annotations

from pathlib import Path

import pytest

from reprise.schemas.entities import Metric, ModelLink
from reprise.schemas.tags import PARENT_RUN_ID
from reprise.tracking.copy.census import Census
from reprise.tracking.copy.server.destination import RestDestination
from reprise.tracking.copy.sources import open_source
from reprise.tracking.copy.tracking import TrackingSource
from reprise.tracking.copy.transfer import Transfer
from reprise.tracking.rest.store import RestTracking
from reprise.tracking.sqlite.copied.destination import EmbeddedDestination
from reprise.tracking.sqlite.store import EmbeddedStore
from tests.server.http.test_access import served

pytestmark = pytest.mark.slow

FILES = ("plain.txt", "sub dir/b #1 100%.txt", "%41.txt", "ü ✓.json")


def fill(store: EmbeddedStore) -> tuple[str, str, str, str]:
    experiment = store.create_experiment("iris", tags={"team": "a"})
    parent = store.create_run(experiment, start_time=5, user_id="ada", run_name="parent").run_id
    child = store.create_run(experiment, start_time=6, user_id="bo", tags={PARENT_RUN_ID: parent}).run_id
    store.log_batch(
        parent,
        params={"C": "0.5"},
        metrics=[Metric("loss", 1.0 / step, 10 * step, step) for step in range(1, 4)],
    )
    for name in FILES:
        with store.artifacts_of(parent).writing(name) as stream:
            stream.write(name.encode())
    model = store.create_logged_model(experiment, name="forest", source_run_id=parent, params={"n": "1"})
    with store.artifacts_of(model.model_id).writing("MLmodel") as stream:
        stream.write(b"flavors: {}")
    store.finalize_logged_model(model.model_id, "LOGGED_MODEL_READY")
    store.log_outputs(parent, [ModelLink(model.model_id, 3)])
    store.create_registered_model("iris", description="best", tags={"owner": "ada"})
    source = f"models:/{model.model_id}"
    store.create_model_version("iris", source, run_id=parent, model_id=model.model_id)
    store.set_registered_model_alias("iris", "champion", "1")
    for run_id, status in ((parent, "FINISHED"), (child, "FAILED")):
        store.update_run(run_id, status=status, end_time=99)
    return experiment, parent, child, model.model_id


def bring(source: str, folder: Path) -> Census:
    opened = open_source(source, Path.cwd())
    with EmbeddedDestination(folder) as destination:
        census = Transfer(opened, destination).transfer_all()
    opened.close()
    return census


def test_a_round_trip_changes_nothing(house: Path, tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path / "first") as first, served() as server:
        experiment, parent, child, model = fill(first)
        uri = f"http://127.0.0.1:{server.port}"
        destination = RestDestination.at(uri)
        pushed = Transfer(TrackingSource(first), destination, with_deleted=False).transfer_all()
        destination.close()
        assert pushed.differences == ()
        assert bring(uri, tmp_path / "second").differences == ()
        with EmbeddedStore(tmp_path / "second") as second:
            was, now = first.get_experiment(experiment), second.get_experiment(experiment)
            assert now == was
            for run_id in (parent, child):
                assert second.get_run(run_id) == first.get_run(run_id)
            assert second.metric_history(parent, "loss") == first.metric_history(parent, "loss")
            for name in FILES:
                assert second.artifact_digest(parent, name) == first.artifact_digest(parent, name)
            there = second.get_logged_model(model)
            assert there.tags.keys() <= {"mlflow.modelVersions"}  # which a server notes itself
            assert there._replace(tags={}) == first.get_logged_model(model)
            assert second.artifact_digest(model, "MLmodel") == first.artifact_digest(model, "MLmodel")
            assert second.get_registered_model("iris") == first.get_registered_model("iris")
            assert second.model_location("iris", "@champion") == (model, "")
        again = bring(uri, tmp_path / "first")
        assert (again.new, again.differences) == (0, ())


@pytest.mark.parametrize("step", ["update_run", "log_batch"])
def test_a_push_that_died_is_continued_wherever_it_was(
    house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """A run without its status or a tag is one that has not come yet, not one that was changed there."""

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with EmbeddedStore(tmp_path / "first") as first, served() as server:
        fill(first)

        def push() -> Census:
            destination = RestDestination.at(f"http://127.0.0.1:{server.port}")
            try:
                return Transfer(TrackingSource(first), destination, with_deleted=False).transfer_all()
            finally:
                destination.close()

        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            patched.setattr(RestTracking, step, die)
            push()
        assert push().differences == ()
