"""Runs in runs are deleted and restored together, lost runs are ended, misspelt names get a hint."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from reprise.runner.jobs.lease import Lease
from reprise.schemas.entities import Metric, Run
from reprise.schemas.tags import JOB, PARENT_RUN_ID, REASON
from reprise.tracking.sqlite.store import EmbeddedStore
from tests.cli.conftest import Reprise
from tests.server.http.test_access import served


@pytest.fixture
def store(house: Path) -> Iterator[EmbeddedStore]:
    with EmbeddedStore(Path("mlruns").absolute()) as opened:
        yield opened


def make_run(store: EmbeddedStore, parent: str | None = None, **tags: str) -> str:
    tags = {**tags, **({PARENT_RUN_ID: parent} if parent else {})}
    return store.create_run("0", start_time=1, user_id="ada", tags=tags).run_id


def active(store: EmbeddedStore) -> set[str]:
    return {run.run_id for run in store.search_runs(["0"]).items}


def test_a_parent_is_deleted_by_choice_only(store: EmbeddedStore, reprise: Reprise) -> None:
    parent = make_run(store)
    child = make_run(store, parent)
    refused = reprise("runs", "delete", parent)
    assert refused.exit_code == 2
    assert "child runs: 1 run" in refused.err and "--with-children" in refused.err
    assert active(store) == {parent, child}
    assert reprise("runs", "delete", parent, "--without-children").exit_code == 0
    assert active(store) == {child}
    assert reprise("runs", "delete", child).exit_code == 0


def test_what_was_deleted_together_comes_back_together(store: EmbeddedStore, reprise: Reprise) -> None:
    parent, other = make_run(store), make_run(store)
    children = [make_run(store, parent) for _ in range(2)]
    grandchild = make_run(store, children[0])
    store.delete_run(children[1])  # before, and by itself
    done = reprise("runs", "delete", parent, "--with-children")
    assert done.exit_code == 0 and "2 child runs" in done.err
    assert active(store) == {other}
    assert reprise("runs", "restore", parent).exit_code == 0
    assert active(store) == {other, parent, children[0], grandchild}


def test_a_child_restored_alone_stays_when_its_parent_comes(store: EmbeddedStore) -> None:
    parent = make_run(store)
    child = make_run(store, parent)
    store.delete_run(parent, with_children=True)
    store.restore_run(child)
    store.delete_run(child)
    store.restore_run(parent)
    assert active(store) == {parent}


def test_runs_that_are_in_each_other_are_deleted_too(store: EmbeddedStore, reprise: Reprise) -> None:
    first = make_run(store)
    second = make_run(store, first)
    store.log_batch(first, tags={PARENT_RUN_ID: second})
    assert reprise("runs", "delete", first, "--with-children").exit_code == 0
    assert active(store) == set()
    store.restore_run(first)
    assert active(store) == {first, second}


def test_over_a_server_they_go_and_come_together(store: EmbeddedStore, reprise: Reprise) -> None:
    parent = make_run(store)
    child = make_run(store, parent)
    with served() as server:
        uri = f"http://127.0.0.1:{server.port}"
        assert reprise("runs", "delete", parent, "--with-children", "--tracking-uri", uri).exit_code == 0
        assert active(store) == set()
        assert reprise("runs", "restore", parent, "--tracking-uri", uri).exit_code == 0
    assert active(store) == {parent, child}


@pytest.mark.mlflow
def test_on_a_server_of_mlflow_the_children_go_too(house: Path, reprise: Reprise) -> None:
    from reprise.tracking.rest.store import RestTracking
    from tests.fakes.mlflow_server import tracking_uri

    tracking = RestTracking(uri := tracking_uri())
    experiment = tracking.create_experiment("family")

    def made(parent: str = "") -> Run:
        tags = {PARENT_RUN_ID: parent} if parent else {}
        return tracking.create_run(experiment, start_time=1, user_id="ada", tags=tags)

    parent = made()
    made(parent.run_id)
    assert reprise("runs", "delete", parent.run_id, "--with-children", "--tracking-uri", uri).exit_code == 0
    assert tracking.search_runs([experiment]).items == []
    tracking.close()


def test_a_run_of_a_dead_machine_is_ended_with_a_reason(store: EmbeddedStore, reprise: Reprise) -> None:
    run = make_run(store, **{JOB: "gone"})
    refused = reprise("runs", "stop", run)
    assert refused.exit_code == 2 and "--force" in refused.err
    assert reprise("runs", "stop", run, "--reason", "x").exit_code == 2
    assert reprise("runs", "stop", run, "--force", "--reason", "the disk burned").exit_code == 0
    ended = store.get_run(run)
    assert ended.status == "KILLED" and ended.end_time is not None
    assert ended.tags[REASON].startswith("the disk burned (ended by ")
    again = reprise("runs", "stop", run, "--force")
    assert again.exit_code == 2 and "has ended already" in again.err


def test_a_run_whose_job_lives_is_not_forced(store: EmbeddedStore, reprise: Reprise) -> None:
    lease = Lease.take(store.directory / "jobs", None, None)
    run = make_run(store, **{JOB: lease.folder.name})
    lease.names(run)
    try:
        refused = reprise("runs", "stop", run, "--force")
        assert refused.exit_code == 2 and "is running" in refused.err
        assert store.get_run(run).status == "RUNNING"
    finally:
        lease.release()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("metrics.acuracy > 0", 'no run has the metric "acuracy"; did you mean "accuracy"?'),
        (
            "params.epoch = '3'",
            'no run has the param "epoch"; did you mean "epochs"?',
        ),
        ("tags.teem = 'a'", 'no run has the tag "teem"; did you mean "team"?'),
        ("metrics.xyzzy > 0", 'no run has the metric "xyzzy"'),
        ("metrics.accuracy > 5", ""),
        ("tags.none IS NULL AND metrics.accuracy > 5", ""),
        ("statsu = 'FAILED'", 'did you mean "status"'),
        ("metric_s.accuracy > 0", 'did you mean "metrics"'),
    ],
)
def test_a_filter_that_finds_nothing_tells_of_misspelt_names(
    store: EmbeddedStore, reprise: Reprise, text: str, told: str
) -> None:
    run = make_run(store, team="a")
    store.log_batch(run, metrics=[Metric("accuracy", 1.0, 1)], params={"epochs": "3"})
    found = reprise("runs", "list", "-f", text)
    assert told in found.err if told else found.err == ""
    listed = reprise("runs", "list", "-f", "metrics.accuracy > 0", "--json")
    assert [one["run_id"] for one in json.loads(listed.out)] == [run] and listed.err == ""


def test_misspelt_names_are_told_of_a_store_on_a_server_too(store: EmbeddedStore, reprise: Reprise) -> None:
    store.log_batch(make_run(store), metrics=[Metric("accuracy", 1.0, 1)])
    with served() as server:
        uri = f"http://127.0.0.1:{server.port}"
        found = reprise("runs", "list", "-f", "metrics.acuracy > 0", "--tracking-uri", uri)
    assert 'no run has the metric "acuracy"; did you mean "accuracy"?' in found.err
