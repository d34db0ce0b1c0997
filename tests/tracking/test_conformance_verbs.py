"""One suite over every store: what is deleted and restored, and the model registry."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from reprise.errors import TrackingError
from reprise.schemas.entities import Run, ViewType
from reprise.tracking.base import Tracking
from reprise.tracking.sqlite.store import EmbeddedStore

_unique = count()


@pytest.fixture
def experiment(store: Tracking) -> str:
    return store.create_experiment(f"verbs {next(_unique)}")


@pytest.fixture
def run(store: Tracking, experiment: str) -> Run:
    return store.create_run(experiment, start_time=1_000, user_id="ada")


def ids(store: Tracking, experiment: str, view: ViewType) -> set[str]:
    return {found.run_id for found in store.search_runs([experiment], view_type=view).items}


def test_a_run_is_deleted_and_restored(store: Tracking, experiment: str, run: Run) -> None:
    other = store.create_run(experiment, start_time=2_000, user_id="ada")
    store.delete_run(run.run_id)
    assert store.get_run(run.run_id).lifecycle_stage == "deleted"
    assert ids(store, experiment, "ACTIVE_ONLY") == {other.run_id}
    assert ids(store, experiment, "DELETED_ONLY") == {run.run_id}
    assert ids(store, experiment, "ALL") == {run.run_id, other.run_id}
    store.restore_run(run.run_id)
    assert ids(store, experiment, "ACTIVE_ONLY") == {run.run_id, other.run_id}


def test_an_experiment_is_renamed_deleted_and_restored(store: Tracking, experiment: str, run: Run) -> None:
    name = f"renamed {next(_unique)}"
    store.rename_experiment(experiment, name)
    assert store.get_experiment(experiment).name == name
    store.delete_experiment(experiment)
    assert store.get_experiment(experiment).lifecycle_stage == "deleted"
    assert experiment not in {found.experiment_id for found in store.search_experiments().items}
    deleted = store.search_experiments(view_type="DELETED_ONLY").items
    assert experiment in {found.experiment_id for found in deleted}
    assert store.get_run(run.run_id).lifecycle_stage == "deleted"
    store.restore_experiment(experiment)
    assert store.get_experiment(experiment).lifecycle_stage == "active"
    assert store.get_run(run.run_id).lifecycle_stage == "active"


def test_a_model_is_registered_aliased_staged_and_deleted(
    store: Tracking, models: Tracking, run: Run, tmp_path: Path
) -> None:
    name = f"model {next(_unique)}"
    (tmp_path / "MLmodel").write_text("flavors: {}")
    store.upload_artifact(run.run_id, tmp_path / "MLmodel", "model/MLmodel")
    assert store.create_registered_model(name, description="what it is").description == "what it is"
    with pytest.raises(TrackingError) as refused:
        store.create_registered_model(name)
    assert refused.value.code == "RESOURCE_ALREADY_EXISTS"

    source = f"{run.artifact_uri}/model"
    first = store.create_model_version(
        name, source, run_id=run.run_id, tags={"a": "b"}, description="first"
    )
    second = store.create_model_version(name, source, run_id=run.run_id)
    assert (first.version, second.version, first.run_id) == (1, 2, run.run_id)
    store.set_registered_model_alias(name, "champion", "1")
    moved = store.transition_model_version_stage(name, "2", "Production", archive_existing_versions=True)
    assert moved.current_stage == "Production"

    model = store.get_registered_model(name)
    assert (model.name, model.aliases) == (name, {"champion": 1})
    assert name in {found.name for found in store.search_registered_models(filter=f"name = '{name}'").items}
    versions = {
        found.version: found for found in store.search_model_versions(filter=f"name = '{name}'").items
    }
    assert (versions[1].tags, versions[1].description, versions[1].source) == ({"a": "b"}, "first", source)
    assert store.model_location(name, "@champion") == (run.run_id, "model")

    store.delete_registered_model_alias(name, "champion")
    store.delete_model_version(name, "1")
    assert [found.version for found in store.search_model_versions(filter=f"name = '{name}'").items] == [2]
    store.delete_registered_model(name)
    with pytest.raises(TrackingError) as gone:
        store.get_registered_model(name)
    assert gone.value.code == "RESOURCE_DOES_NOT_EXIST"


def test_an_experiment_without_logged_models_has_none(
    store: Tracking, models: Tracking, experiment: str
) -> None:
    assert list(store.search_logged_models([experiment]).items) == []
    with pytest.raises(TrackingError) as missing:
        store.get_logged_model("m-" + "0" * 32)
    assert missing.value.code == "RESOURCE_DOES_NOT_EXIST"


def test_a_tag_on_an_old_version_does_not_make_it_the_newest(embedded_store: EmbeddedStore) -> None:
    name = f"model {next(_unique)}"
    embedded_store.create_registered_model(name)
    for _ in range(3):
        embedded_store.create_model_version(name, "/tmp/m")
    before = embedded_store.get_registered_model(name).last_update_time
    versions = {
        version.version: version.last_update_time
        for version in embedded_store.search_model_versions(filter=f"name = '{name}'").items
    }
    embedded_store.set_model_version_tag(name, "1", "reviewed", "yes")
    embedded_store.delete_model_version_tag(name, "1", "reviewed")
    embedded_store.set_registered_model_alias(name, "champion", "1")
    embedded_store.delete_registered_model_alias(name, "champion")
    embedded_store.set_registered_model_tag(name, "team", "a")
    found = embedded_store.search_model_versions(filter=f"name = '{name}'").items
    assert {version.version: version.last_update_time for version in found} == versions
    assert [version.version for version in found] == [3, 2, 1]
    assert embedded_store.get_registered_model(name).last_update_time == before
