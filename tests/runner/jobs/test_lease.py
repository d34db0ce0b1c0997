"""Leases: a run whose watcher died is closed by whoever looks next, and a watched one is left alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from reprise import durable
from reprise.backends.orphans import JOB_VARIABLE
from reprise.runner.jobs.lease import Lease, request_stop
from reprise.runner.jobs.stores import jobs_folder
from reprise.runner.runs.reap import reap
from reprise.schemas import tags
from reprise.schemas.job import Outcome, RunStatus
from reprise.tracking.names import now
from reprise.tracking.sqlite.store import EmbeddedStore
from tests.backends.test_local import alive


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    with EmbeddedStore(tmp_path / "mlruns") as opened:
        yield opened


@pytest.fixture
def jobs(tmp_path: Path) -> Path:
    return tmp_path / "mlruns" / "jobs"


def open_run(store: EmbeddedStore, **run_tags: str) -> str:
    return store.create_run("0", start_time=now(), user_id="u", tags=run_tags).run_id


def test_a_watched_run_is_left_alone(store: EmbeddedStore, jobs: Path) -> None:
    lease = Lease.take(jobs, store.uri, None)
    run_id = open_run(store)
    lease.names(run_id)
    reap(store)
    assert store.get_run(run_id).status == RunStatus.RUNNING
    lease.release()
    assert list(jobs.iterdir()) == []


def test_the_run_of_a_dead_watcher_is_closed_as_killed(
    store: EmbeddedStore, jobs: Path, house: Path
) -> None:
    temporary = house / "cache" / "work-v1" / "0123"
    temporary.mkdir(parents=True)
    lease = Lease.take(jobs, None, temporary)
    run_id = open_run(store)
    lease.names(run_id)
    (lease.folder / "reprise").mkdir()
    (lease.folder / "reprise" / "output.log").write_text("the only copy")
    lease.abandon()
    reap(store)
    run = store.get_run(run_id)
    assert run.status == "KILLED"
    assert run.tags[tags.REASON] == "the process that watched this run died\nthe only copy"
    assert run.end_time is not None
    assert (store.artifact_folder(run_id) / "reprise" / "output.log").read_text() == "the only copy"
    assert (list(jobs.iterdir()), temporary.exists()) == ([], False)


def test_a_tampered_job_folder_removes_nothing_of_the_user_s(
    store: EmbeddedStore, jobs: Path, house: Path, tmp_path: Path
) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    lease = Lease.take(jobs, None, precious)
    lease.names(open_run(store))
    lease.abandon()
    reap(store)
    assert precious.is_dir()


def test_what_the_watcher_told_outranks_what_the_script_s_client_wrote_at_its_exit(
    store: EmbeddedStore, jobs: Path
) -> None:
    lease = Lease.take(jobs, None, None)
    run_id = open_run(store)
    store.update_run(run_id, status=RunStatus.FINISHED, end_time=now())
    lease.ends(Outcome(run_id, RunStatus.FAILED, 3, "exit code 3"), 5)
    lease.abandon()
    reap(store)
    assert store.get_run(run_id).status == RunStatus.FAILED


def test_a_run_opened_in_the_instant_before_its_lease_named_it_is_found_by_its_tag(
    store: EmbeddedStore, jobs: Path
) -> None:
    lease = Lease.take(jobs, store.uri, None)
    run_id = open_run(store, **{tags.JOB: lease.name})
    lease.abandon()
    reap(store)
    assert store.get_run(run_id).status == RunStatus.KILLED


def test_an_outcome_that_could_not_be_recorded_is_recorded_later(store: EmbeddedStore, jobs: Path) -> None:
    lease = Lease.take(jobs, store.uri, None)
    run_id = open_run(store)
    lease.ends(Outcome(run_id, RunStatus.FAILED, 3, "exit code 3"), 5)
    lease.abandon()
    reap(store)
    run = store.get_run(run_id)
    assert (run.status, run.tags[tags.EXIT_CODE], run.tags[tags.REASON]) == ("FAILED", "3", "exit code 3")


def test_an_ended_run_keeps_its_status(store: EmbeddedStore, jobs: Path) -> None:
    lease = Lease.take(jobs, store.uri, None)
    run_id = open_run(store)
    lease.names(run_id)
    store.update_run(run_id, status=RunStatus.FINISHED, end_time=now())
    lease.abandon()
    reap(store)
    assert store.get_run(run_id).status == RunStatus.FINISHED


def test_runs_of_another_store_are_not_touched(store: EmbeddedStore, jobs: Path) -> None:
    lease = Lease.take(jobs, "http://elsewhere", None)
    lease.names("0" * 32)
    lease.abandon()
    reap(store)
    assert [folder.name for folder in jobs.iterdir()] == [lease.name]


def test_the_lease_of_another_machine_is_believed_free_when_it_is_silent(
    store: EmbeddedStore, jobs: Path
) -> None:
    lease = Lease.take(jobs, None, None)
    run_id = open_run(store)
    lease.names(run_id)
    record = json.loads((lease.folder / "lease").read_text())
    (lease.folder / "lease").write_text(json.dumps({**record, "host": "elsewhere"}))
    os.utime(lease.descriptor, (0, 0))
    lease.beat()
    lease.abandon()
    reap(store)
    assert store.get_run(run_id).status == RunStatus.RUNNING
    os.utime(lease.folder / "lease", (0, 0))
    reap(store)
    assert store.get_run(run_id).status == RunStatus.KILLED


def test_damaged_job_folders_do_not_stop_a_command(store: EmbeddedStore, jobs: Path) -> None:
    for name, content in (("empty", None), ("torn", "{"), ("foreign", '{"other": 1}')):
        (jobs / name).mkdir(parents=True)
        if content is not None:
            (jobs / name / "lease").write_text(content)
    reap(store)


def test_a_stop_reaches_the_holder_and_only_a_holder(store: EmbeddedStore, jobs: Path) -> None:
    lease = Lease.take(jobs, store.uri, None)
    assert not lease.stop_requested()
    assert request_stop(jobs, lease.name)
    assert lease.stop_requested()
    lease.abandon()
    assert not request_stop(jobs, lease.name)
    assert not request_stop(jobs, "never-there")


def test_kill_9_frees_the_lease_and_what_the_job_left_behind_is_ended(
    store: EmbeddedStore, jobs: Path
) -> None:
    program = textwrap.dedent(f"""
        import os, subprocess, time
        from pathlib import Path
        from reprise.runner.jobs.lease import Lease
        lease = Lease.take(Path({str(jobs)!r}), {store.uri!r}, None)
        orphan = subprocess.Popen(
            ["sleep", "300"], env={{**os.environ, {JOB_VARIABLE!r}: lease.name}}, start_new_session=True
        )
        print(orphan.pid, flush=True)
        time.sleep(300)
    """)
    holder = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    with holder.stdout:
        orphan = int(holder.stdout.readline())
    reap(store)
    os.kill(orphan, 0)  # still watched: still there
    holder.kill()
    holder.wait()
    reap(store)
    assert list(jobs.iterdir()) == []
    assert not alive(orphan)


def test_a_run_whose_job_folder_a_power_cut_took_is_closed(
    house: Path, store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looked for once after each start of the machine: the folder is there as long as the run lasts."""
    jobs = jobs_folder(store)
    lease, lost, plain, ended = (Lease.take(jobs, None, None) for _ in range(4))
    goes_on, taken, reopened = (
        store.create_run("0", start_time=1, user_id="u", tags={tags.JOB: lease.name}).run_id
        for lease in (lease, lost, ended)
    )
    of_a_client = store.create_run("0", start_time=1, user_id="u").run_id
    store.update_run(reopened, status="FINISHED", end_time=2)
    store.update_run(reopened, status="RUNNING")  # by a client, after we were done with it
    reap(store)
    for gone in (lost, plain, ended):
        gone.release()
    reap(store)
    assert store.get_run(taken).status == "RUNNING"  # the machine has not started again
    monkeypatch.setattr(durable, "current_boot", lambda: "another")
    reap(store)
    assert store.get_run(taken).status == "KILLED"
    assert "the machine stopped" in store.get_run(taken).tags[tags.REASON]
    assert {store.get_run(run).status for run in (goes_on, of_a_client, reopened)} == {"RUNNING"}
    lease.release()


@pytest.mark.parametrize("rest", [b"", bytes(16384)])
def test_a_run_whose_lease_a_power_cut_emptied_is_closed(store: EmbeddedStore, rest: bytes) -> None:
    lease = Lease.take(jobs_folder(store), None, None)
    run_id = store.create_run("0", start_time=1, user_id="u", tags={tags.JOB: lease.name}).run_id
    (lease.folder / "lease").write_bytes(rest)
    lease.abandon()
    reap(store)
    assert store.get_run(run_id).status == "KILLED"
    assert list(jobs_folder(store).iterdir()) == []
