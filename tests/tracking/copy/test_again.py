"""A copy that is made again brings what changed in the source since; what was changed here stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from reprise.schemas.entities import Assessment, Metric, Run, Trace
from reprise.tracking.copy.sources import open_source
from reprise.tracking.copy.transfer import Transfer
from reprise.tracking.sqlite.copied.destination import EmbeddedDestination
from reprise.tracking.sqlite.store import EmbeddedStore
from tests.tracking.copy.conftest import Copy, numbers, told
from tests.tracking.copy.stores import make_experiment, make_run

A, B, C = "a" * 32, "b" * 32, "c" * 32


def finished(store: EmbeddedStore, experiment: str = "0") -> Run:
    run = store.create_run(experiment, start_time=1, user_id="ada", run_name="one", tags={"a": "1"})
    store.log_batch(run.run_id, metrics=[Metric("m", 1.0, 1, 1)], params={"p": "1"})
    store.update_run(run.run_id, status="FINISHED", end_time=2)
    return store.get_run(run.run_id)


def test_a_run_is_brought_up_to_date(
    source: EmbeddedStore, destination: EmbeddedDestination, copy: Copy
) -> None:
    run = source.create_run("0", start_time=1, user_id="ada", tags={"gone": "x", "a": "1"})
    source.log_batch(run.run_id, metrics=[Metric("m", 1.0, 1, 1)])
    copy(source)
    source.log_batch(
        run.run_id, metrics=[Metric("m", 0.5, 0, 0)], params={"late": "x"}, tags={"a": "2", "b": "3"}
    )
    source.delete_tag(run.run_id, "gone")
    source.update_run(run.run_id, status="FINISHED", end_time=9, run_name="renamed")
    census = copy(source)
    assert (census.new, census.there, told(census)) == (0, 1, [])
    assert destination.get_run(run.run_id) == source.get_run(run.run_id)
    assert len(destination.metric_history(run.run_id, "m")) == 2
    source.log_batch(run.run_id, metrics=[Metric("later", 1.0, 5, 5)])
    assert numbers(copy(source), "points") == (3, 3, 0, 0)


def test_what_was_changed_here_stays_and_is_told(
    source: EmbeddedStore, destination: EmbeddedDestination, copy: Copy
) -> None:
    run = finished(source)
    copy(source)
    destination.log_batch(run.run_id, tags={"a": "mine", "own": "x"})
    source.log_batch(run.run_id, tags={"b": "new"})
    census = copy(source)
    assert told(census) == [
        f"run {run.run_id}: a: it is '1', here 'mine': it was changed here since it was copied"
    ]
    assert destination.get_run(run.run_id).tags == {
        "a": "mine",
        "b": "new",
        "own": "x",
        "mlflow.runName": "one",
    }
    source.log_batch(run.run_id, tags={"a": "theirs"})
    (difference,) = told(copy(source))
    assert difference.endswith("it was changed in the source and here")
    destination.log_batch(run.run_id, tags={"a": "theirs"})
    assert told(copy(source)) == []
    source.log_batch(run.run_id, tags={"a": "4"})
    assert told(copy(source)) == []
    assert destination.get_run(run.run_id).tags["a"] == "4"


def test_deletions_and_restorations_come_and_those_made_here_stay(
    source: EmbeddedStore, destination: EmbeddedDestination, copy: Copy
) -> None:
    first, second, third = finished(source), finished(source), finished(source)
    copy(source)
    source.delete_run(first.run_id)
    destination.delete_run(second.run_id)
    census = copy(source)
    assert destination.get_run(first.run_id) == source.get_run(first.run_id)
    assert [fault.owner for fault in census.differences] == [f"run {second.run_id}"]
    assert destination.get_run(second.run_id).lifecycle_stage == "deleted"
    source.restore_run(first.run_id)
    copy(source)
    assert destination.get_run(first.run_id).lifecycle_stage == "active"
    assert destination.get_run(third.run_id).lifecycle_stage == "active"


def test_an_experiment_is_brought_up_to_date(
    source: EmbeddedStore, destination: EmbeddedDestination, copy: Copy
) -> None:
    iris = source.create_experiment("iris", tags={"a": "1"})
    run = finished(source, iris)
    copy(source)
    source.rename_experiment(iris, "flowers")
    source.set_experiment_tag(iris, "a", "2")
    assert told(copy(source)) == []
    assert destination.get_experiment(iris).name == "flowers"
    assert destination.get_experiment(iris).tags == {"a": "2"}
    source.delete_experiment(iris)
    assert told(copy(source)) == []
    assert destination.get_experiment(iris).lifecycle_stage == "deleted"
    assert destination.get_run(run.run_id).lifecycle_stage == "deleted"
    source.restore_experiment(iris)
    assert told(copy(source)) == []
    assert destination.get_run(run.run_id).lifecycle_stage == "active"


def test_an_experiment_that_was_deleted_there_stays_active_with_what_is_only_here(
    source: EmbeddedStore, destination: EmbeddedDestination, copy: Copy
) -> None:
    iris = source.create_experiment("iris")
    theirs = finished(source, iris)
    copy(source)
    ours = finished(destination, iris)
    source.delete_experiment(iris)
    census = copy(source)
    assert destination.get_run(ours.run_id).lifecycle_stage == "active"
    assert destination.get_run(theirs.run_id).lifecycle_stage == "deleted"
    assert ["runs here that are not from there" in text for text in told(census)] == [True]


def test_an_experiment_that_was_deleted_here_stays_so(
    source: EmbeddedStore, destination: EmbeddedDestination, copy: Copy
) -> None:
    iris = source.create_experiment("iris")
    finished(source, iris)
    copy(source)
    destination.delete_experiment(iris)
    late = finished(source, iris)
    census = copy(source)
    assert destination.get_run(late.run_id).lifecycle_stage == "deleted"
    assert any(text.startswith("experiment 'iris'") for text in told(census))


def test_the_registry_is_brought_up_to_date(
    source: EmbeddedStore, destination: EmbeddedDestination, copy: Copy
) -> None:
    source.create_registered_model("m", description="old", tags={"a": "1"})
    for _ in range(3):
        source.create_model_version("m", "/somewhere", tags={"v": "1"})
    source.set_registered_model_alias("m", "champion", "1")
    source.set_registered_model_alias("m", "gone", "1")
    copy(source)
    source.update_registered_model("m", description="new")
    source.set_registered_model_tag("m", "a", "2")
    source.set_registered_model_alias("m", "champion", "2")
    source.delete_registered_model_alias("m", "gone")
    source.transition_model_version_stage("m", "1", "Production")
    source.update_model_version("m", "1", description="first")
    source.set_model_version_tag("m", "1", "v", "2")
    destination.set_registered_model_alias("m", "mine", "3")
    destination.set_model_version_tag("m", "2", "v", "mine")
    census = copy(source)
    assert told(census) == [
        "version 2 of 'm': v: it is '1', here 'mine': it was changed here since it was copied"
    ]
    ours, theirs = destination.get_registered_model("m"), source.get_registered_model("m")
    assert ours.aliases == {"champion": 2, "mine": 3}
    assert (ours.description, ours.tags) == (theirs.description, theirs.tags)
    first = destination.get_model_version("m", "1")
    assert (first.current_stage, first.description, first.tags) == ("Production", "first", {"v": "2"})


def test_a_version_that_was_deleted_in_the_source_goes_and_its_number_is_not_given_again(
    tmp_path: Path, destination: EmbeddedDestination, copy: Copy
) -> None:
    from tests.tracking.copy.stores import write_texts

    store = tmp_path / "mlruns"
    make_run(make_experiment(store, "1", "x"), A)
    home = store / "models" / "m"
    write_texts(home, {"meta.yaml": "name: m\ncreation_timestamp: 1\n"})
    text = "creation_timestamp: {0}\ncurrent_stage: {1}\nrun_id: ''\nsource: /x\nversion: {0}\n"
    for number in (1, 2):
        write_texts(home / f"version-{number}", {"meta.yaml": text.format(number, "None")})
    copy(store)
    destination.set_model_version_tag("m", "1", "mine", "x")
    for number in (1, 2):
        write_texts(home / f"version-{number}", {"meta.yaml": text.format(number, "Deleted_Internal")})
    census = copy(store)
    assert told(census) == []
    assert [version.version for version in destination.search_model_versions().items] == [1]
    assert any("was deleted in the source, and changed here" in note for note in census.notes)
    assert destination.create_model_version("m", "/x").version == 3


def test_traces_are_brought_up_to_date(
    source: EmbeddedStore, destination: EmbeddedDestination, copy: Copy
) -> None:
    source.record_trace(Trace("tr-1", "0", 7, "IN_PROGRESS", tags={"a": "1"}))
    copy(source)
    said = Assessment("a-1", "tr-1", "good", "feedback", '{"value": 1}', "HUMAN", "ada", 5, 5)
    source.record_trace(Trace("tr-1", "0", 7, "OK", 9, tags={"a": "2"}, assessments=(said,)))
    assert told(copy(source)) == []
    assert destination.get_trace("tr-1") == source.get_trace("tr-1")
    source.update_assessment("tr-1", "a-1", value=("feedback", '{"value": 2}'))
    assert told(copy(source)) == []
    assert destination.get_trace("tr-1").assessments == source.get_trace("tr-1").assessments


def test_a_run_that_was_copied_by_an_older_version_is_brought_up_to_date_where_it_had_not_ended(
    source: EmbeddedStore, destination: EmbeddedDestination, copy: Copy
) -> None:
    run = source.create_run("0", start_time=1, user_id="ada", tags={"a": "1"})
    copy(source)
    with destination._database.writing() as connection:
        connection.execute("DELETE FROM origin")
    source.update_run(run.run_id, status="FINISHED", end_time=9)
    source.log_batch(run.run_id, tags={"a": "2"})
    assert told(copy(source)) == []
    assert destination.get_run(run.run_id) == source.get_run(run.run_id)


@pytest.mark.parametrize("order", ["live first", "deleted first"])
def test_lifecycles_of_experiments_of_one_name_are_merged(
    tmp_path: Path, destination: EmbeddedDestination, copy: Copy, order: str
) -> None:
    gone = make_experiment(tmp_path / "B", "5", "proj", stage="deleted", trash=True, creation_time=1)
    make_run(gone, B, stage="active")
    make_run(make_experiment(tmp_path / "C", "9", "proj", creation_time=2), C)
    stores = ["C", "B"] if order == "live first" else ["B", "C"]
    censuses = [copy(tmp_path / name) for name in stores]
    assert [told(census) for census in censuses] == [[], []]
    assert len(censuses[1].notes) == 1
    assert destination.get_run(C).lifecycle_stage == "active"
    assert destination.get_run(B).lifecycle_stage == "deleted"
    names = {found.name for found in destination.search_experiments().items}
    assert names == {"Default", "proj" if order == "live first" else "proj (2)"}
    before = destination.get_run(C)
    for name in stores:
        assert told(copy(tmp_path / name)) == []
    assert destination.get_run(C) == before
    assert len(destination.search_experiments(view_type="ALL").items) == len(names) + (
        order == "deleted first"
    )


def test_a_copy_of_a_backup_in_another_folder_knows_what_was_copied(
    tmp_path: Path, destination: EmbeddedDestination, copy: Copy
) -> None:
    run = make_run(make_experiment(tmp_path / "monday" / "mlruns", "1", "x"), A, tags={"a": "1"})
    copy(tmp_path / "monday" / "mlruns")
    (run / "tags" / "a").write_text("2")
    (tmp_path / "monday").rename(tmp_path / "tuesday")
    assert told(copy(tmp_path / "tuesday" / "mlruns")) == []
    assert destination.get_run(A).tags["a"] == "2"


def test_a_run_that_a_source_has_twice_is_told(tmp_path: Path, copy: Copy) -> None:
    make_run(make_experiment(tmp_path / "mlruns", "1", "x"), A)
    make_run(make_experiment(tmp_path / "mlruns", "2", "y"), A)
    census = copy(tmp_path / "mlruns")
    assert numbers(census, "runs") == (2, 1, 0, 1)
    assert "the source has it twice" in told(census)[0]


def test_two_stores_with_models_of_one_name_do_not_write_over_each_other(
    source: EmbeddedStore, destination: EmbeddedDestination, copy: Copy, tmp_path: Path
) -> None:
    source.create_registered_model("m", description="first")
    copy(source)
    with EmbeddedStore(tmp_path / "second") as second:
        second.create_registered_model("m", description="second")
        with second._database.writing() as connection:
            connection.execute("UPDATE registered_model SET creation_time = 77")
        census = Transfer(open_source(str(second.directory), tmp_path), destination).transfer_all()
    assert destination.get_registered_model("m").description == "first"
    assert any("description is 'second', here 'first'" in text for text in told(census))
