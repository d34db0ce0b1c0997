"""What every backend does the same: one project, on this machine and on a cluster.

Each test gets a ``Place``: the backend's options on the command line. What only a scheduler does has
tests of its own below.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from reprise import projects
from reprise.backends.base import Reach, Way
from reprise.backends.registry import get
from reprise.backends.watch import watch_of
from reprise.schemas import tags
from reprise.schemas.entities import Run
from tests.backends.test_local import alive
from tests.conftest import ProjectFolder, eventually
from tests.fakes.distributions import install_cluster

pytestmark = pytest.mark.slow

FILES = {
    "MLproject": """
name: conform
entry_points:
  main:
    parameters:
      C: {type: float, default: 0.1}
    command: "echo C={C}; echo err >&2; echo 1 > out.txt"
  fail: {command: "echo before; exit 3"}
  slow: {command: "echo $$ > pid.txt; echo begun; sleep 300"}
  short: {command: "echo $$ > pid.txt; echo begun; while [ ! -e go ]; do sleep 0.05; done; echo whole"}
  killed: {command: "kill -KILL $$"}
  secret: {parameters: {token: {type: string, secret: true}}, command: "echo it is {token}"}
""",
}


@dataclass(frozen=True, slots=True)
class Place:
    """A backend with its options; ``root`` is the cluster's folder where it is one."""

    name: str
    options: tuple[str, ...]
    root: Path

    @property
    def is_scheduler(self) -> bool:
        return self.name != "local"

    @property
    def questions(self) -> int:
        path = self.root / "questions"
        return len(path.read_text().splitlines()) if path.exists() else 0

    def with_config(self, **config: object) -> tuple[str, ...]:
        return ("-b", self.name, "-c", json.dumps({"root": str(self.root), **config}))


@pytest.fixture(params=["local", "fake"])
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Place:
    return make_place(request.param, monkeypatch, tmp_path)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Place:
    return make_place("fake", monkeypatch, tmp_path)


def make_place(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Place:
    watch_of.cache_clear()
    root = tmp_path / "cluster"
    root.mkdir()
    if name == "local":
        return Place("local", (), root)
    install_cluster(monkeypatch, tmp_path / "site")
    return Place(name, ("-b", name, "-c", json.dumps({"root": str(root)})), root)


@pytest.fixture
def folder(project: Callable[[Mapping[str, str]], ProjectFolder]) -> ProjectFolder:
    return project(FILES)


@pytest.fixture
def started(folder: ProjectFolder) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts ``reprise run`` as a process of its own, in a session that ends with the test."""
    processes = []

    def start(*options: str) -> subprocess.Popen[bytes]:
        command = [
            sys.executable,
            "-m",
            "reprise",
            "run",
            str(folder.path),
            "--env-manager=local",
            *options,
        ]
        process = subprocess.Popen(command, start_new_session=True)
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()
    pid = folder.path / "pid.txt"
    if pid.exists() and alive(int(pid.read_text())):
        os.killpg(os.getpgid(int(pid.read_text())), signal.SIGKILL)


def last(folder: ProjectFolder) -> Run:
    return folder.runs()[0]


def is_begun(folder: ProjectFolder) -> bool:
    path = folder.path / "pid.txt"
    return path.exists() and bool(path.read_text())


def job_of(folder: ProjectFolder) -> int:
    return int((folder.path / "pid.txt").read_text())


def test_a_run_finishes_with_its_record_and_its_log(folder: ProjectFolder, place: Place) -> None:
    done = folder.run(*place.options, "-P", "C=0.5")
    assert (done.exit_code, "C=0.5" in done.out) == (0, True), done.err
    run = last(folder)
    assert (run.status, run.params) == ("FINISHED", {"C": "0.5"})
    assert (run.tags[tags.PROJECT_BACKEND], run.tags[tags.EXIT_CODE]) == (place.name, "0")
    assert sorted(folder.artifact(run, "reprise/output.log").split()) == ["C=0.5", "err"]
    record = json.loads(folder.artifact(run, "reprise/run.json"))
    assert record["project"]["command"].startswith("echo C=0.5")
    assert list(Path("mlruns/jobs").iterdir()) == []
    assert list(place.root.glob("*/state.json")) == []


def test_a_failure_has_the_exit_code_of_the_job(folder: ProjectFolder, place: Place) -> None:
    done = folder.run(*place.options, "-e", "fail")
    run = last(folder)
    assert (done.exit_code, run.status, run.tags[tags.EXIT_CODE]) == (3, "FAILED", "3")
    assert run.tags[tags.REASON] == "exit code 3\nbefore"


def test_a_job_that_takes_longer_than_its_time_has_failed(folder: ProjectFolder, place: Place) -> None:
    done = folder.run(*place.options, "-e", "slow", "--time", "1s")
    run = last(folder)
    assert (done.exit_code, run.status) == (1, "FAILED")
    assert "time limit" in run.tags[tags.REASON]
    assert eventually(lambda: not alive(job_of(folder)))


def test_out_of_memory_is_told(folder: ProjectFolder, place: Place) -> None:
    folder.run(*place.options, "-e", "killed")
    run = last(folder)
    assert (run.status, "out of memory" in run.tags[tags.REASON]) == ("FAILED", True)


def test_a_secret_is_masked_in_the_log(folder: ProjectFolder, place: Place) -> None:
    folder.run(*place.options, "-e", "secret", "-P", "token=hunter22")
    assert folder.artifact(last(folder), "reprise/output.log") == "it is ******\n"


def test_a_run_is_stopped_from_elsewhere(
    folder: ProjectFolder, place: Place, started: Callable[..., subprocess.Popen[bytes]]
) -> None:
    process = started(*place.options, "-e", "slow")
    assert eventually(lambda: is_begun(folder))
    stopped = folder.reprise("runs", "stop", last(folder).run_id)
    assert stopped.exit_code == 0, stopped.err
    assert last(folder).status == "KILLED"
    assert eventually(lambda: not alive(job_of(folder)))
    process.wait()


def test_the_submitter_is_interrupted(
    folder: ProjectFolder, place: Place, started: Callable[..., subprocess.Popen[bytes]]
) -> None:
    process = started(*place.options, "-e", "slow")
    assert eventually(lambda: is_begun(folder))
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130
    assert last(folder).status == "KILLED"
    assert eventually(lambda: not alive(job_of(folder)))


def test_the_submitter_is_killed(
    folder: ProjectFolder, place: Place, started: Callable[..., subprocess.Popen[bytes]]
) -> None:
    """Its job ends with it on this machine; a cluster's job lives on, and its run is not closed before."""
    process = started(*place.options, "-e", "short")
    assert eventually(lambda: is_begun(folder))
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if not place.is_scheduler:
        assert eventually(lambda: not alive(job_of(folder)))
        folder.reprise("runs", "list")
        assert last(folder).status == "KILLED"
        return
    folder.reprise("runs", "list")
    assert (last(folder).status, alive(job_of(folder))) == ("RUNNING", True)
    (folder.path / "go").touch()
    assert eventually(lambda: folder.reprise("runs", "list").out and last(folder).status == "FINISHED")
    run = last(folder)
    assert (run.tags[tags.EXIT_CODE], run.end_time is not None) == ("0", True)
    assert folder.artifact(run, "reprise/output.log") == "begun\nwhole\n"
    assert list(Path("mlruns/jobs").iterdir()) == []


def test_a_run_from_python_that_is_not_waited_for(folder: ProjectFolder, place: Place) -> None:
    config = {"root": str(place.root)} if place.is_scheduler else None
    submitted = projects.run(
        str(folder.path), backend=place.name, backend_config=config, env_manager="local", synchronous=False
    )
    assert submitted.wait()
    assert (submitted.get_status(), last(folder).status) == ("FINISHED", "FINISHED")
    assert "C=0.1" in folder.artifact(last(folder), "reprise/output.log")


def test_reproduce_of_its_run_says_the_same(folder: ProjectFolder, place: Place) -> None:
    folder.run(*place.options)
    again = folder.reprise("reproduce", last(folder).run_id)
    assert again.exit_code == 0, again.err


def test_a_server_alone_closes_a_run_whose_job_has_ended(
    folder: ProjectFolder, place: Place, started: Callable[..., subprocess.Popen[bytes]]
) -> None:
    process = started(*place.options, "-e", "short")
    assert eventually(lambda: is_begun(folder))
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    (folder.path / "go").touch()
    server = subprocess.Popen([sys.executable, "-m", "reprise", "server", "--port", "0"])
    try:
        ended = "FINISHED" if place.is_scheduler else "KILLED"
        assert eventually(lambda: last(folder).status == ended)
    finally:
        server.terminate()
        server.wait()


def test_a_run_that_waits_in_the_queue_is_scheduled(
    folder: ProjectFolder, cluster: Place, started: Callable[..., subprocess.Popen[bytes]]
) -> None:
    process = started(*cluster.with_config(queue=3600), "-e", "slow")
    assert eventually(lambda: folder.runs() and last(folder).status == "SCHEDULED")
    assert eventually(lambda: list(cluster.root.glob("*/state.json")))
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    folder.reprise("runs", "list")
    assert last(folder).status == "SCHEDULED"
    assert folder.reprise("runs", "stop", last(folder).run_id).exit_code == 0
    assert last(folder).status == "KILLED"
    assert last(folder).tags[tags.REASON].startswith("cancelled while it waited")


def test_a_job_that_the_cluster_does_not_mention_has_not_ended(
    folder: ProjectFolder, cluster: Place, started: Callable[..., subprocess.Popen[bytes]]
) -> None:
    process = started(*cluster.options, "-e", "slow")
    assert eventually(lambda: is_begun(folder) and last(folder).status == "RUNNING")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    (state,) = cluster.root.glob("*/state.json")
    hidden = state.rename(state.with_name("hidden"))
    for verb in (("runs", "list"), ("gc",), ("runs", "show", last(folder).run_id)):
        folder.reprise(*verb)
    assert last(folder).status == "RUNNING"
    hidden.rename(state)
    assert folder.reprise("runs", "stop", last(folder).run_id).exit_code == 0
    assert last(folder).status == "KILLED"


def test_a_cluster_that_cannot_be_asked_ends_no_run(
    folder: ProjectFolder, cluster: Place, started: Callable[..., subprocess.Popen[bytes]]
) -> None:
    process = started(*cluster.options, "-e", "short")
    assert eventually(lambda: is_begun(folder))
    (state,) = cluster.root.glob("*/state.json")
    state.write_text("not JSON: the answer of an engine in trouble")
    asked = cluster.questions
    assert eventually(lambda: cluster.questions > asked + 1)
    assert process.poll() is None
    (folder.path / "go").touch()
    assert process.wait() == 0
    assert last(folder).status == "FINISHED"


def test_a_preempted_job_says_so(folder: ProjectFolder, cluster: Place) -> None:
    done = folder.run(*cluster.with_config(preempt=0.2), "-e", "slow")
    run = last(folder)
    assert (done.exit_code, run.status, run.tags[tags.REASON].splitlines()[0]) == (1, "KILLED", "preempted")


def test_resources_that_no_node_has_are_refused_before_there_is_a_run(
    folder: ProjectFolder, cluster: Place
) -> None:
    done = folder.run(*cluster.options, "--gpus", "9")
    assert (done.exit_code, "asks for 9 GPUs" in done.err, folder.runs()) == (5, True, [])


def test_a_store_that_jobs_do_not_reach_is_refused_before_there_is_a_run(
    folder: ProjectFolder, cluster: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(get("fake"), "reach", lambda config: Reach(Way.SPOOL))
    done = folder.run(*cluster.options)
    assert (done.exit_code, "do not reach this machine" in done.err, folder.runs()) == (5, True, [])


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("{}", "root"),
        ('{"root": 1}', "$.root"),
        ('{"root": ".", "partitions": "gpu"}', "$.partitions"),
        ('{"root": ".", "preempt": "soon"}', "$.preempt"),
        ('{"root": "/none"}', "no cluster in /none"),
    ],
)
def test_a_config_that_does_not_fit_is_refused(
    folder: ProjectFolder, cluster: Place, config: str, words: str
) -> None:
    done = folder.run("-b", "fake", "-c", config)
    assert (done.exit_code in (2, 5), words in done.err, folder.runs()) == (True, True, []), done.err


def test_optional_and_list_values_of_a_config_are_taken_and_other_keys_warned_of(
    folder: ProjectFolder, cluster: Place
) -> None:
    done = folder.run(*cluster.with_config(preempt=None, partitions=["gpu", "cpu"], qos="high"))
    assert (done.exit_code, '"qos" is ignored' in done.err) == (0, True), done.err


def test_many_runs_of_one_process_ask_the_cluster_together(folder: ProjectFolder, cluster: Place) -> None:
    program = f"""
import sys, threading
from reprise import projects
def run(number):
    projects.run({str(folder.path)!r}, "slow", backend="fake", env_manager="local",
        backend_config={{"root": {str(cluster.root)!r}, "preempt": 5.0}}, run_name=str(number))
threads = [threading.Thread(target=run, args=(number,)) for number in range(6)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
"""
    subprocess.run([sys.executable, "-c", program], check=True, stderr=subprocess.DEVNULL)
    assert {run.status for run in folder.runs()} == {"KILLED"}
    sizes = [int(line) for line in (cluster.root / "questions").read_text().split()]
    assert max(sizes) == 6
