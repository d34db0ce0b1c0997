"""Runs are found, deleted and restored from the command line; gc removes what was deleted."""

from __future__ import annotations

import json

import pytest

from reprise.runner.jobs.lease import Lease
from reprise.schemas.entities import Metric, Run
from reprise.schemas.tags import JOB
from reprise.tracking.sqlite.store import EmbeddedStore
from tests.cli.conftest import Reprise


def logged(store: EmbeddedStore, name: str, accuracy: float, experiment: str = "0") -> Run:
    start = int(accuracy * 1000)
    run = store.create_run(experiment, start_time=start, user_id="ada", run_name=name)
    store.log_batch(run.run_id, metrics=[Metric("acc", accuracy, 1)], params={"C": f"{accuracy}!"})
    store.update_run(run.run_id, status="FINISHED", end_time=start + 2000)
    return run


def test_runs_are_filtered_sorted_limited_and_shown_in_columns(
    reprise: Reprise, store: EmbeddedStore
) -> None:
    other = store.create_experiment("iris")
    for number in range(5):
        logged(store, f"run {number}", number / 10, other if number % 2 else "0")
    columns = ("--columns", "name,metrics.acc,params.C,experiment,took,tags.none")
    result = reprise("runs", "list", "-f", "metrics.acc > 0.1", "--sort", "metrics.acc desc", *columns)
    assert result.exit_code == 0
    assert [line.split() for line in result.out.splitlines()] == [
        ["name", "metrics.acc", "params.C", "experiment", "took", "tags.none"],
        ["run", "4", "0.4", "0.4!", "Default", "2.0", "s"],
        ["run", "3", "0.3", "0.3!", "iris", "2.0", "s"],
        ["run", "2", "0.2", "0.2!", "Default", "2.0", "s"],
    ]
    for experiment in ("iris", other):
        listed = json.loads(reprise("runs", "list", "--experiment", experiment, "--json").out)
        assert [run["run_name"] for run in listed] == ["run 3", "run 1"]
    assert len(json.loads(reprise("runs", "list", "--limit", "2", "--json").out)) == 2


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["--columns", "nmae"], 2, '"nmae" is not a column'),
        (["--columns", "metrics."], 2, '"metrics." is not a column'),
        (["--experiment", "nope"], 2, 'there is no experiment "nope"'),
        (["-f", "metrics.acc >"], 6, "metrics.acc >"),
        (["--limit", "0"], 2, "--limit"),
    ],
)
def test_what_cannot_be_listed_is_told(
    reprise: Reprise, store: EmbeddedStore, args: list[str], code: int, said: str
) -> None:
    result = reprise("runs", "list", *args)
    assert (result.exit_code, said in result.err) == (code, True), result.err


def test_runs_are_deleted_and_restored_by_the_start_of_their_ids(
    reprise: Reprise, store: EmbeddedStore
) -> None:
    runs = [logged(store, f"run {number}", number) for number in range(3)]
    one, two = runs[0].run_id, runs[1].run_id
    result = reprise("runs", "delete", one[:12], two)
    assert (result.exit_code, result.err) == (0, f"Deleted run {one}\nDeleted run {two}\n")
    assert [run["run_id"] for run in json.loads(reprise("runs", "list", "--json").out)] == [runs[2].run_id]
    deleted = json.loads(reprise("runs", "list", "--deleted", "--json").out)
    assert {run["run_id"] for run in deleted} == {one, two}
    assert "deleted" in reprise("runs", "show", one).out
    gone = reprise("runs", "show", one[:12])
    assert (gone.exit_code, f"run {one} is deleted" in gone.err) == (2, True)
    assert reprise("runs", "restore", two[:12]).exit_code == 0
    assert {found.run_id for found in store.search_runs(["0"]).items} == {two, runs[2].run_id}


def test_nothing_is_deleted_when_one_of_the_runs_cannot_be(reprise: Reprise, store: EmbeddedStore) -> None:
    run, deleted = logged(store, "one", 1), logged(store, "two", 2)
    store.delete_run(deleted.run_id)
    for wrong, said in (
        ("ffff" * 8, "RESOURCE"),
        (deleted.run_id, "is already deleted"),
        ("zz", "is not a run"),
    ):
        result = reprise("runs", "delete", run.run_id, wrong)
        assert result.exit_code in {2, 6} and (said == "RESOURCE" or said in result.err)
        assert store.get_run(run.run_id).lifecycle_stage == "active"
    result = reprise("runs", "restore", run.run_id)
    assert (result.exit_code, "is not deleted" in result.err) == (2, True)


def test_a_run_that_goes_on_is_not_deleted(reprise: Reprise, store: EmbeddedStore) -> None:
    lease = Lease.take(store.directory / "jobs", None, None)
    run = store.create_run("0", start_time=1, user_id="ada", tags={JOB: lease.name})
    lease.names(run.run_id)
    for command in (["runs", "delete", run.run_id], ["experiments", "delete", "Default"]):
        result = reprise(*command)
        assert (result.exit_code, "is running" in result.err, "runs stop" in result.err) == (2, True, True)
    assert store.get_run(run.run_id).lifecycle_stage == "active"
    lease.release()


def test_a_run_of_a_deleted_experiment_is_restored_with_it(reprise: Reprise, store: EmbeddedStore) -> None:
    run = logged(store, "one", 1, store.create_experiment("it's old"))
    assert reprise("experiments", "delete", "it's old").exit_code == 0
    result = reprise("runs", "restore", run.run_id[:10])
    assert (result.exit_code, 'reprise experiments restore "it\'s old"' in result.err) == (2, True)
    assert reprise("experiments", "restore", "it's old").exit_code == 0
    assert store.get_run(run.run_id).lifecycle_stage == "active"


def test_gc_tells_what_goes_and_removes_it(reprise: Reprise, store: EmbeddedStore) -> None:
    run = logged(store, "one", 1)
    store.delete_run(run.run_id)
    told = reprise("gc", "--dry-run")
    assert run.run_id in told.out and "Would remove 0 experiments, 1 run, 0 logged models" in told.err
    assert json.loads(reprise("gc", "--older-than", "1d", "--json").out)["removed"] == []
    done = json.loads(reprise("gc", "--json").out)
    assert [item["id"] for item in done["removed"]] == [run.run_id]
    assert reprise("runs", "show", run.run_id).exit_code == 6


@pytest.mark.parametrize("age", ["", "soon", "-1d", "3 years"])
def test_an_age_that_is_none_is_refused(reprise: Reprise, store: EmbeddedStore, age: str) -> None:
    result = reprise("gc", "--older-than", age)
    assert (result.exit_code, "30d" in result.err) == (2, True)
