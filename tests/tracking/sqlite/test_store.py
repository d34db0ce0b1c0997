"""The rules of the embedded store that go beyond the protocol."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from reprise.errors import TrackingError
from reprise.schemas.entities import Dataset, DatasetInput, Metric, ModelLink, Run
from reprise.tracking.sqlite.store import EmbeddedStore


@pytest.fixture
def store(embedded_store: EmbeddedStore) -> EmbeddedStore:
    return embedded_store


@pytest.fixture
def run(store: EmbeddedStore) -> Run:
    return store.create_run("0", start_time=1, user_id="ada")


def refused(code: str, ask: Callable[[], object]) -> str:
    """The message of the refusal, whose code is ``code``."""
    with pytest.raises(TrackingError) as caught:
        ask()
    assert caught.value.code == code
    return caught.value.message


@pytest.mark.parametrize(
    ("first", "again"),
    [
        ("0.50", "0.5"),
        ("1e-3", "0.001"),
        ("1", "1.0"),
        ("1.0", "1"),
        ("+5", "5"),
        ("0.1234567890123456789", "0.12345678901234568"),
    ],
)
def test_an_equal_number_is_no_conflict_and_the_first_text_stays(
    store: EmbeddedStore, run: Run, first: str, again: str
) -> None:
    store.log_param(run.run_id, "C", first)
    store.log_param(run.run_id, "C", again)
    store.log_batch(run.run_id, params={"C": again, "other": "1"})
    assert store.get_run(run.run_id).params == {"C": first, "other": "1"}


@pytest.mark.parametrize(
    ("first", "again"),
    [
        ("0.5", "0.51"),
        ("a", "b"),
        ("1", "True"),
        ("nan", "NaN"),
        ("inf", "Infinity"),
        ("", "0"),
        ("12345678901234567890", "12345678901234567891"),
        ("1" * 5000, "1" * 5001),
    ],
)
def test_another_value_is_refused_and_takes_its_whole_batch_with_it(
    store: EmbeddedStore, run: Run, first: str, again: str
) -> None:
    store.log_param(run.run_id, "C", first)
    message = refused(
        "INVALID_PARAMETER_VALUE",
        lambda: store.log_batch(
            run.run_id, params={"new": "1", "C": again}, metrics=[Metric("m", 1, 1)], tags={"t": "1"}
        ),
    )
    assert "Changing param values is not allowed. Param with key=" in message and repr(first) in message
    found = store.get_run(run.run_id)
    assert (found.params, found.metrics, "t" in found.tags) == ({"C": first}, {}, False)


def test_a_run_is_moved_and_its_artifacts_stay(store: EmbeddedStore, run: Run, tmp_path: Path) -> None:
    other = store.create_experiment("other")
    (tmp_path / "a.txt").write_text("a")
    store.upload_artifact(run.run_id, tmp_path / "a.txt", "a.txt")
    store.move_run(run.run_id, other)
    moved = store.get_run(run.run_id)
    assert (moved.experiment_id, moved.artifact_uri) == (other, run.artifact_uri)
    assert [item.run_id for item in store.search_runs([other]).items] == [run.run_id]
    assert store.search_runs(["0"]).items == []
    assert [item.path for item in store.list_artifacts(run.run_id)] == ["a.txt"]
    store.delete_experiment(other)
    store.restore_run(run.run_id)
    refused("INVALID_PARAMETER_VALUE", lambda: store.move_run(run.run_id, other))
    refused("RESOURCE_DOES_NOT_EXIST", lambda: store.move_run(run.run_id, "777"))


def test_a_deleted_experiment_takes_its_runs_along_and_back(store: EmbeddedStore) -> None:
    experiment = store.create_experiment("x")
    kept, binned = (store.create_run(experiment, start_time=i, user_id="ada") for i in range(2))
    store.delete_run(binned.run_id)
    store.delete_experiment(experiment)
    assert store.get_experiment(experiment).lifecycle_stage == "deleted"
    assert store.get_run(kept.run_id).lifecycle_stage == "deleted"
    assert store.search_runs([experiment]).items == []
    assert len(store.search_runs([experiment], view_type="DELETED_ONLY").items) == 2
    assert "x" not in {item.name for item in store.search_experiments().items}

    refused("INVALID_PARAMETER_VALUE", lambda: store.create_run(experiment, start_time=1, user_id="a"))
    refused("INVALID_PARAMETER_VALUE", lambda: store.set_experiment_tag(experiment, "a", "b"))
    refused("INVALID_PARAMETER_VALUE", lambda: store.log_param(kept.run_id, "a", "b"))
    refused("INVALID_PARAMETER_VALUE", lambda: store.update_run(kept.run_id, status="FAILED"))
    refused("INVALID_STATE", lambda: store.rename_experiment(experiment, "y"))
    refused("RESOURCE_DOES_NOT_EXIST", lambda: store.delete_experiment(experiment))
    assert "in deleted state" in refused("RESOURCE_ALREADY_EXISTS", lambda: store.create_experiment("x"))

    store.restore_experiment(experiment)
    assert [item.run_id for item in store.search_runs([experiment]).items] == [kept.run_id]
    store.log_param(kept.run_id, "a", "b")
    refused("RESOURCE_DOES_NOT_EXIST", lambda: store.restore_experiment(experiment))


def test_an_experiment_is_renamed_and_tagged(store: EmbeddedStore) -> None:
    experiment = store.create_experiment("x", tags={"a": "1"})
    store.set_experiment_tag(experiment, "b", "2")
    store.delete_experiment_tag(experiment, "a")
    store.rename_experiment(experiment, "y")
    found = store.get_experiment(experiment)
    assert (found.name, found.tags) == ("y", {"b": "2"})
    refused("RESOURCE_ALREADY_EXISTS", lambda: store.rename_experiment(experiment, "Default"))
    refused("RESOURCE_DOES_NOT_EXIST", lambda: store.delete_experiment_tag(experiment, "a"))


@pytest.mark.parametrize(
    "bits",
    [
        "7ff0000000000000",
        "fff0000000000000",
        "8000000000000000",
        "0000000000000001",
        "3fb999999999999a",
        "7fefffffffffffff",
    ],
)
def test_every_float_comes_back_bit_for_bit(store: EmbeddedStore, run: Run, bits: str) -> None:
    value = struct.unpack(">d", bytes.fromhex(bits))[0]
    store.log_metric(run.run_id, Metric("m", value, 1))
    for found in (store.metric_history(run.run_id, "m")[0], store.get_run(run.run_id).metrics["m"]):
        assert struct.pack(">d", found.value).hex() == bits


def test_a_long_series_is_read_in_pages(store: EmbeddedStore, run: Run) -> None:
    values = [math.nan, *(float(i % 7) for i in range(24))]
    store.log_batch(run.run_id, metrics=[Metric("m", value, i // 5, i) for i, value in enumerate(values)])
    store.log_batch(
        run.run_id, metrics=[Metric("m", 0.0, 0, 1)]
    )  # sent twice, as a client does that retries
    whole = store.metric_history(run.run_id, "m")
    seen: list[Metric] = []
    token = None
    while True:
        page = store.metric_history_page(run.run_id, "m", max_results=4, page_token=token)
        seen += page.items
        if not (token := page.next_token):
            break
    assert repr(seen) == repr(whole) and len(whole) == 25
    bulk = store.metric_history_bulk([run.run_id, "unknown"], "m", max_results=10)
    assert repr([item.metric for item in bulk]) == repr(whole[:10])


@pytest.mark.parametrize(
    "key", ["", "a/../b", "/a", "a//b", "..", ".", "a%b", "a\nb", "x" * 251, "a\\b", "é\0"]
)
def test_a_bad_key_is_refused(store: EmbeddedStore, run: Run, key: str) -> None:
    for ask in (
        lambda: store.log_param(run.run_id, key, "1"),
        lambda: store.log_metric(run.run_id, Metric(key, 1.0, 1)),
        lambda: store.set_tag(run.run_id, key, "1"),
    ):
        refused("INVALID_PARAMETER_VALUE", ask)


@pytest.mark.parametrize(
    "metric",
    [Metric("m", 1.0, -1), Metric("m", 1.0, 2**63), Metric("m", 1.0, 1, 2**63), Metric("m", True, 1)],
)
def test_a_bad_metric_is_refused(store: EmbeddedStore, run: Run, metric: Metric) -> None:
    refused("INVALID_PARAMETER_VALUE", lambda: store.log_metric(run.run_id, metric))


def test_values_that_cannot_be_kept_are_refused_not_crashed_on(store: EmbeddedStore, run: Run) -> None:
    refused("INVALID_PARAMETER_VALUE", lambda: store.log_param(run.run_id, "a", "\ud800"))
    refused("INVALID_PARAMETER_VALUE", lambda: store.update_run(run.run_id, end_time=2**64))
    refused("INVALID_PARAMETER_VALUE", lambda: store.update_run(run.run_id, status="DONE"))
    refused("INVALID_PARAMETER_VALUE", lambda: store.get_experiment("one"))
    refused("INVALID_PARAMETER_VALUE", lambda: store.create_experiment("  "))
    refused("INVALID_PARAMETER_VALUE", lambda: store.record_logged_model(run.run_id, "[1]"))
    with pytest.raises(TrackingError, match="named"):
        store.create_run("0", start_time=1, user_id="a", run_name="a", tags={"mlflow.runName": "b"})


def test_the_run_name_and_its_tag_are_one(store: EmbeddedStore, run: Run) -> None:
    store.set_tag(run.run_id, "mlflow.runName", "by tag")
    assert store.get_run(run.run_id).run_name == "by tag"
    store.delete_tag(run.run_id, "mlflow.runName")
    refused("RESOURCE_DOES_NOT_EXIST", lambda: store.delete_tag(run.run_id, "mlflow.runName"))


def test_inputs_and_outputs_are_noted_once(store: EmbeddedStore, run: Run) -> None:
    dataset = Dataset("iris", "d1", "http", '{"url": "x"}', "{}", None)
    given = DatasetInput(dataset, {"mlflow.data.context": "training"})
    for _ in range(2):
        store.log_inputs(run.run_id, datasets=[given], models=[ModelLink("m-1")])
        store.log_outputs(run.run_id, [ModelLink("m-2", 5), ModelLink("m-3")])
    found = store.get_run(run.run_id)
    assert found.dataset_inputs == (given,)
    assert found.model_inputs == (ModelLink("m-1"),)
    assert found.model_outputs == (ModelLink("m-3", 0), ModelLink("m-2", 5))
    (summary,) = store.search_datasets(["0"])
    assert (summary.name, summary.digest, summary.context) == ("iris", "d1", "training")
    store.delete_run(run.run_id)
    assert store.search_datasets(["0"]) == []


def test_models_of_mlflow_2_are_appended_to_the_runs_history(store: EmbeddedStore, run: Run) -> None:
    store.record_logged_model(run.run_id, '{"artifact_path": "a"}')
    store.record_logged_model(run.run_id, '{"artifact_path": "b"}')
    assert (
        store.get_run(run.run_id).tags["mlflow.log-model.history"]
        == '[{"artifact_path": "a"}, {"artifact_path": "b"}]'
    )


def test_a_store_that_cannot_be_made_is_told_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TrackingError, match="file/mlruns cannot be opened"):
        EmbeddedStore(tmp_path / "file" / "mlruns").get_experiment("0")


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "mlruns")
    store.get_experiment("0")
    store.close()
    with pytest.raises(RuntimeError, match="was closed"):
        store.get_experiment("0")
