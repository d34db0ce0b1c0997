"""Logged models, registered models and their versions in the embedded store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from reprise.errors import TrackingError
from reprise.schemas.entities import LoggedModel, Metric, Run
from reprise.tracking.sqlite.store import EmbeddedStore


@pytest.fixture
def store(embedded_store: EmbeddedStore) -> EmbeddedStore:
    return embedded_store


@pytest.fixture
def run(store: EmbeddedStore) -> Run:
    return store.create_run("0", start_time=1, user_id="ada")


@pytest.fixture
def model(store: EmbeddedStore, run: Run) -> LoggedModel:
    return store.create_logged_model("0", name="iris", source_run_id=run.run_id, params={"C": "0.5"})


def refused(code: str, ask: Callable[[], object]) -> None:
    with pytest.raises(TrackingError) as caught:
        ask()
    assert caught.value.code == code


def test_a_logged_model_lives_from_pending_to_deleted(
    store: EmbeddedStore, run: Run, model: LoggedModel
) -> None:
    assert model.status == "LOGGED_MODEL_PENDING"
    assert model.artifact_uri == f"mlflow-artifacts:/0/models/{model.model_id}/artifacts"
    store.log_logged_model_params(model.model_id, {"C": "0.50", "kernel": "rbf"})
    refused("INVALID_PARAMETER_VALUE", lambda: store.log_logged_model_params(model.model_id, {"C": "2"}))
    store.set_logged_model_tags(model.model_id, {"a": "1", "b": "2"})
    store.delete_logged_model_tag(model.model_id, "a")
    refused("RESOURCE_DOES_NOT_EXIST", lambda: store.delete_logged_model_tag(model.model_id, "a"))
    ready = store.finalize_logged_model(model.model_id, "LOGGED_MODEL_READY")
    assert (ready.status, ready.params, ready.tags) == (
        "LOGGED_MODEL_READY",
        {"C": "0.5", "kernel": "rbf"},
        {"b": "2"},
    )
    refused("INVALID_PARAMETER_VALUE", lambda: store.finalize_logged_model(model.model_id, "READY"))
    store.delete_logged_model(model.model_id)
    refused("RESOURCE_DOES_NOT_EXIST", lambda: store.get_logged_model(model.model_id))
    assert store.get_logged_model(model.model_id, allow_deleted=True).lifecycle_stage == "deleted"
    assert store.search_logged_models(["0"]).items == []


def test_metrics_of_a_run_that_name_a_model_are_the_models_too(
    store: EmbeddedStore, run: Run, model: LoggedModel
) -> None:
    on_train = Metric("acc", 0.9, 1, 0, model.model_id, "iris", "d1")
    on_test = Metric("acc", 0.8, 1, 0, model.model_id, "iris-test", "d2")
    store.log_batch(run.run_id, metrics=[on_train, on_test, Metric("loss", 0.1, 1)])
    found = store.get_logged_model(model.model_id).metrics
    assert {(item.run_id, item.metric.dataset_name, item.metric.value) for item in found} == {
        (run.run_id, "iris", 0.9),
        (run.run_id, "iris-test", 0.8),
    }
    assert {item.model_id for item in found} == {model.model_id}
    assert store.metric_history(run.run_id, "acc") == [on_test, on_train]
    unknown = Metric("acc", 1.0, 1, 0, "m-unknown")
    refused("RESOURCE_DOES_NOT_EXIST", lambda: store.log_metric(run.run_id, unknown))


@pytest.mark.parametrize("name", ["", "a/b", "a:b", "a.b", "50%"])
def test_a_logged_model_needs_a_plain_name(store: EmbeddedStore, name: str) -> None:
    refused("INVALID_PARAMETER_VALUE", lambda: store.create_logged_model("0", name=name))


def test_a_registered_model_is_made_changed_renamed_and_deleted(store: EmbeddedStore) -> None:
    store.create_registered_model("iris", description="flowers", tags={"team": "bio"})
    refused("RESOURCE_ALREADY_EXISTS", lambda: store.create_registered_model("iris"))
    store.set_registered_model_tag("iris", "stage", "alpha")
    store.delete_registered_model_tag("iris", "team")
    store.delete_registered_model_tag("iris", "never there")
    store.create_model_version("iris", "file:///models/1")
    store.set_registered_model_alias("iris", "best", "1")
    assert store.update_registered_model("iris", description="more").description == "more"
    renamed = store.rename_registered_model("iris", "flowers")
    assert (renamed.name, renamed.tags, renamed.aliases) == ("flowers", {"stage": "alpha"}, {"best": 1})
    assert store.get_model_version("flowers", "1").source == "file:///models/1"
    refused("RESOURCE_DOES_NOT_EXIST", lambda: store.get_registered_model("iris"))
    store.create_registered_model("taken")
    refused("RESOURCE_ALREADY_EXISTS", lambda: store.rename_registered_model("taken", "flowers"))
    store.delete_registered_model("flowers")
    refused("RESOURCE_DOES_NOT_EXIST", lambda: store.get_model_version("flowers", "1"))
    assert [item.name for item in store.search_registered_models().items] == ["taken"]


@pytest.mark.parametrize("name", ["", " ", "a/b", "a:b", ".", ".."])
def test_a_registered_model_needs_a_plain_name(store: EmbeddedStore, name: str) -> None:
    refused("INVALID_PARAMETER_VALUE", lambda: store.create_registered_model(name))


def test_prompts_stay_out_of_sight_unless_asked_for(store: EmbeddedStore) -> None:
    store.create_registered_model("model")
    store.create_registered_model("prompt", tags={"mlflow.prompt.is_prompt": "true"})
    asked = store.search_registered_models(filter="tags.`mlflow.prompt.is_prompt` = 'true'")
    assert [item.name for item in asked.items] == ["prompt"]
    assert [item.name for item in store.search_registered_models().items] == ["model"]


def test_versions_are_numbered_and_a_number_is_not_given_again(store: EmbeddedStore, run: Run) -> None:
    store.create_registered_model("iris")
    for i in range(3):
        made = store.create_model_version("iris", f"file:///{i}", run_id=run.run_id, tags={"i": str(i)})
        assert made.version == i + 1
    store.set_registered_model_alias("iris", "last", "3")
    store.delete_model_version("iris", "3")
    assert store.get_registered_model("iris").aliases == {}
    assert store.create_model_version("iris", "file:///4").version == 4
    refused("RESOURCE_DOES_NOT_EXIST", lambda: store.get_model_version("iris", "3"))
    refused("INVALID_PARAMETER_VALUE", lambda: store.get_model_version("iris", "one"))
    refused("RESOURCE_DOES_NOT_EXIST", lambda: store.create_model_version("nobody", "file:///x"))
    found = store.search_model_versions(filter=f"run_id = '{run.run_id}'", order_by=["version_number ASC"])
    assert [(item.version, item.tags) for item in found.items] == [(1, {"i": "0"}), (2, {"i": "1"})]


def test_stages_move_and_archive(store: EmbeddedStore) -> None:
    store.create_registered_model("iris")
    for i in range(2):
        store.create_model_version("iris", f"file:///{i}")
    store.transition_model_version_stage("iris", "1", "production")
    moved = store.transition_model_version_stage("iris", "2", "Production", archive_existing_versions=True)
    assert moved.current_stage == "Production"
    assert store.get_model_version("iris", "1").current_stage == "Archived"
    latest = {item.current_stage: item.version for item in store.get_latest_versions("iris")}
    assert latest == {"Production": 2, "Archived": 1}
    assert [item.version for item in store.get_latest_versions("iris", ["archived"])] == [1]
    refused("INVALID_PARAMETER_VALUE", lambda: store.transition_model_version_stage("iris", "1", "Beta"))
    refused(
        "INVALID_PARAMETER_VALUE",
        lambda: store.transition_model_version_stage("iris", "1", "None", archive_existing_versions=True),
    )


@pytest.mark.parametrize("alias", ["latest", "Latest", "v1", "V22", "", "a b", "a/b", "x" * 256])
def test_a_reserved_or_odd_alias_is_refused(store: EmbeddedStore, alias: str) -> None:
    store.create_registered_model("iris")
    store.create_model_version("iris", "file:///1")
    refused("INVALID_PARAMETER_VALUE", lambda: store.set_registered_model_alias("iris", alias, "1"))


def test_a_version_made_of_a_logged_model_leads_to_its_files(
    store: EmbeddedStore, run: Run, model: LoggedModel, tmp_path: Path
) -> None:
    folder = store.artifact_folder(model.model_id)
    folder.mkdir(parents=True)
    (folder / "MLmodel").write_text("flavors: {}")
    store.create_registered_model("iris")
    version = store.create_model_version("iris", f"models:/{model.model_id}")
    assert (version.run_id, version.model_id) == (run.run_id, model.model_id)
    assert store.model_version_download_uri("iris", "1") == model.artifact_uri
    store.create_model_version("iris", "models:/iris/1")
    store.set_registered_model_alias("iris", "best", "1")
    store.transition_model_version_stage("iris", "1", "Staging")
    for name, selector in (
        (model.model_id, ""),
        ("iris", "1"),
        ("iris", "2"),
        ("iris", "latest"),
        ("iris", "@best"),
        ("iris", "staging"),
    ):
        owner, path = store.model_location(name, selector)
        destination = tmp_path / "models" / (selector or "plain")
        store.download_artifact(owner, path, destination)
        assert (destination / "MLmodel").read_text() == "flavors: {}"
    assert [item.path for item in store.list_model_artifacts(model.model_id)] == ["MLmodel"]


def test_a_version_made_of_a_runs_artifacts_leads_to_them(store: EmbeddedStore, run: Run) -> None:
    store.create_registered_model("iris")
    store.create_model_version("iris", f"{run.artifact_uri}/model/data", run_id=run.run_id)
    store.create_model_version("iris", f"runs:/{run.run_id}/model")
    store.create_model_version("iris", "s3://bucket/model", run_id=run.run_id)
    assert store.model_location("iris", "1") == (run.run_id, "model/data")
    assert store.model_location("iris", "2") == (run.run_id, "model")
    refused("RESOURCE_DOES_NOT_EXIST", lambda: store.model_location("iris", "3"))
    refused("RESOURCE_DOES_NOT_EXIST", lambda: store.model_location("iris", "production"))
    refused("INVALID_PARAMETER_VALUE", lambda: store.model_location("iris", "@worst"))


def test_a_client_that_wants_no_prompts_gets_the_models(store: EmbeddedStore) -> None:
    store.create_registered_model("plain")
    store.create_registered_model("asks", tags={"mlflow.prompt.is_prompt": "true"})
    found = store.search_registered_models(filter="tag.`mlflow.prompt.is_prompt` != 'true'").items
    assert [model.name for model in found] == ["plain"]
