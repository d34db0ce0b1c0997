"""One suite over every store: what the executor and the command line rely on."""

from __future__ import annotations

import math
from itertools import count
from pathlib import Path

import pytest

from reprise.errors import TrackingError
from reprise.schemas.entities import Metric, Run
from reprise.tracking.base import Tracking

_unique = count()


@pytest.fixture
def experiment(store: Tracking) -> str:
    return store.create_experiment(f"experiment {next(_unique)}")


@pytest.fixture
def run(store: Tracking, experiment: str) -> Run:
    return store.create_run(experiment, start_time=1_000, user_id="ada")


def test_the_default_experiment_is_there_from_the_start(store: Tracking) -> None:
    assert store.get_experiment("0").name == "Default"
    found = store.get_experiment_by_name("Default")
    assert found is not None and found.experiment_id == "0"


def test_an_experiment_is_made_once_and_found_by_id_and_name(store: Tracking) -> None:
    name = f'pet  "project" / {next(_unique)}'
    number = store.create_experiment(name)
    assert store.get_experiment(number).name == name
    found = store.get_experiment_by_name(name)
    assert found is not None and (found.experiment_id, found.lifecycle_stage) == (number, "active")
    with pytest.raises(TrackingError) as refused:
        store.create_experiment(name)
    assert refused.value.code == "RESOURCE_ALREADY_EXISTS"
    assert store.get_experiment_by_name(f"{name}?") is None


def test_experiments_come_newest_first_page_by_page(store: Tracking) -> None:
    made = [store.create_experiment(f"paged {next(_unique)}") for _ in range(3)]
    seen: list[str] = []
    token = None
    while True:
        page = store.search_experiments(max_results=2, page_token=token)
        assert len(page.items) <= 2
        seen += [item.experiment_id for item in page.items]
        token = page.next_token
        if not token:
            break
    assert len(seen) == len(set(seen))
    assert {*made, "0"} <= set(seen)


def test_what_does_not_exist_is_told_so(store: Tracking, experiment: str) -> None:
    for ask in (
        lambda: store.get_run("0" * 32),
        lambda: store.get_experiment("99887766"),
        lambda: store.create_run("99887766", start_time=1, user_id="ada"),
        lambda: store.log_batch("0" * 32, params={"a": "1"}),
        lambda: store.update_run("0" * 32, status="FAILED"),
    ):
        with pytest.raises(TrackingError) as refused:
            ask()
        assert refused.value.code == "RESOURCE_DOES_NOT_EXIST"


def test_a_new_run_is_running_and_has_a_name(store: Tracking, experiment: str) -> None:
    run = store.create_run(experiment, start_time=12345, user_id="ada", tags={"team": "vision"})
    assert (run.status, run.start_time, run.end_time) == ("RUNNING", 12345, None)
    assert (run.experiment_id, run.user_id, run.lifecycle_stage) == (experiment, "ada", "active")
    assert run.run_name and run.tags["mlflow.runName"] == run.run_name
    assert run.tags["team"] == "vision"
    assert store.get_run(run.run_id).tags == run.tags
    named = store.create_run(experiment, start_time=1, user_id="ada", run_name="my run")
    assert named.run_name == store.get_run(named.run_id).run_name == "my run"


def test_texts_come_back_as_they_were_given(store: Tracking, run: Run) -> None:
    awkward = "a 'b' \"c\" $d ; e\nf\\ `g` – ü 😀"
    store.log_batch(
        run.run_id, params={"p q/r.s-t": awkward, "empty": ""}, tags={"reprise.command": awkward}
    )
    found = store.get_run(run.run_id)
    assert found.params == {"p q/r.s-t": awkward, "empty": ""}
    assert found.tags["reprise.command"] == awkward


def test_more_than_a_request_holds_is_recorded_whole(store: Tracking, run: Run) -> None:
    params = {f"p{i}": str(i) for i in range(250)}
    tags = {f"t{i}": str(i) for i in range(120)}
    metrics = [Metric("loss", i / 7, 1_000 + i, i) for i in range(1100)]
    store.log_batch(run.run_id, params=params, tags=tags, metrics=metrics)
    found = store.get_run(run.run_id)
    assert found.params == params
    assert tags.items() <= found.tags.items()
    assert store.metric_history(run.run_id, "loss") == metrics
    assert found.metrics["loss"] == metrics[-1]


def test_the_last_point_of_a_series_is_by_step_whatever_the_order_of_arrival(
    store: Tracking, run: Run
) -> None:
    store.log_batch(run.run_id, metrics=[Metric("acc", 0.3, 30, 3), Metric("acc", 0.1, 10, 1)])
    store.log_batch(run.run_id, metrics=[Metric("acc", 0.2, 20, 2)])
    assert store.get_run(run.run_id).metrics["acc"].value == 0.3
    assert [point.value for point in store.metric_history(run.run_id, "acc")] == [0.1, 0.2, 0.3]
    assert store.metric_history(run.run_id, "never logged") == []


def test_a_metric_may_be_no_number(store: Tracking, run: Run) -> None:
    store.log_batch(run.run_id, metrics=[Metric("acc", math.nan, 1, 1)])
    assert math.isnan(store.get_run(run.run_id).metrics["acc"].value)
    assert math.isnan(store.metric_history(run.run_id, "acc")[0].value)


def test_a_param_keeps_its_first_value(store: Tracking, run: Run) -> None:
    store.log_batch(run.run_id, params={"alpha": "0.5", "beta": "x"})
    store.log_batch(run.run_id, params={"alpha": "0.5"})
    with pytest.raises(TrackingError) as refused:
        store.log_batch(run.run_id, params={"alpha": "0.7"})
    assert refused.value.code == "INVALID_PARAMETER_VALUE"
    assert store.get_run(run.run_id).params["alpha"] == "0.5"


def test_a_run_is_updated_value_by_value(store: Tracking, run: Run) -> None:
    store.update_run(run.run_id, run_name="renamed")
    store.update_run(run.run_id, status="FAILED", end_time=2_000)
    found = store.get_run(run.run_id)
    assert (found.status, found.end_time, found.run_name) == ("FAILED", 2_000, "renamed")
    assert found.tags["mlflow.runName"] == "renamed"
    store.update_run(run.run_id, status="RUNNING")
    assert (store.get_run(run.run_id).status, store.get_run(run.run_id).run_name) == ("RUNNING", "renamed")


def test_runs_are_filtered_sorted_and_paged(store: Tracking, experiment: str) -> None:
    for i in range(5):
        made = store.create_run(experiment, start_time=100 + i, user_id="ada", run_name=f"run {i}")
        store.log_batch(made.run_id, metrics=[Metric("acc", i / 10, 1)], params={"odd": str(i % 2 == 1)})

    def names(**query: object) -> list[str]:
        found: list[str] = []
        token = None
        while True:
            page = store.search_runs([experiment], max_results=2, page_token=token, **query)  # type: ignore[arg-type]
            found += [run.run_name for run in page.items]
            token = page.next_token
            if not token:
                return found

    assert names() == ["run 4", "run 3", "run 2", "run 1", "run 0"]
    assert names(order_by=["metrics.acc ASC"]) == ["run 0", "run 1", "run 2", "run 3", "run 4"]
    assert names(filter="metrics.acc > 0.1 AND params.odd = 'True'") == ["run 3"]
    assert names(filter="attributes.status = 'FINISHED'") == []
    assert store.search_runs([], max_results=10).items == []
    with pytest.raises(TrackingError) as refused:
        store.search_runs([experiment], filter="metrics.acc >")
    assert refused.value.code == "INVALID_PARAMETER_VALUE"


def test_artifacts_go_in_and_come_out(store: Tracking, run: Run, tmp_path: Path) -> None:
    source = tmp_path / "source.bin"
    source.write_bytes(b"\0\xff data")
    store.upload_artifact(run.run_id, source, "top.bin")
    store.upload_artifact(run.run_id, source, "model/data/weights ü.bin")
    listed = {item.path: (item.is_dir, item.size) for item in store.list_artifacts(run.run_id)}
    assert listed == {"top.bin": (False, 7), "model": (True, None)}
    assert [item.path for item in store.list_artifacts(run.run_id, "model/data")] == [
        "model/data/weights ü.bin"
    ]
    assert store.list_artifacts(run.run_id, "nowhere") == []

    store.download_artifact(run.run_id, "top.bin", tmp_path / "deep" / "one.bin")
    assert (tmp_path / "deep" / "one.bin").read_bytes() == b"\0\xff data"
    store.download_artifact(run.run_id, "model", tmp_path / "folder")
    assert (tmp_path / "folder" / "data" / "weights ü.bin").read_bytes() == b"\0\xff data"
    store.download_artifact(run.run_id, "", tmp_path / "all")
    assert (tmp_path / "all" / "top.bin").is_file() and (tmp_path / "all" / "model" / "data").is_dir()
    with pytest.raises(TrackingError) as refused:
        store.download_artifact(run.run_id, "model/missing.bin", tmp_path / "missing")
    assert refused.value.code == "RESOURCE_DOES_NOT_EXIST"
    assert not (tmp_path / "missing").exists()


def test_a_local_artifact_folder_is_what_the_store_lists(store: Tracking, run: Run) -> None:
    folder = store.artifact_folder(run.run_id)
    if folder is None:
        assert store.uri.startswith("http")
        return
    (folder / "reprise").mkdir(parents=True)
    (folder / "reprise" / "output.log").write_text("hello")
    assert [item.path for item in store.list_artifacts(run.run_id, "reprise")] == ["reprise/output.log"]


def test_an_unknown_model_is_told_so(models: Tracking) -> None:
    for name, selector in (
        ("nobody", "1"),
        ("nobody", "@best"),
        ("nobody", "latest"),
        ("m-" + "0" * 32, ""),
    ):
        with pytest.raises(TrackingError) as refused:
            models.model_location(name, selector)
        assert refused.value.code == "RESOURCE_DOES_NOT_EXIST"


def test_a_run_without_registered_models_has_no_versions(models: Tracking, run: Run) -> None:
    assert list(models.model_versions(run.run_id)) == []
