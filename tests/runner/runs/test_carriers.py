"""Asynchronous runs of one process are carried by forks of one warm process, and look like any other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from reprise import projects
from reprise.projects import SubmittedRun
from reprise.runner.runs import carriers
from tests.conftest import ProjectFolder, eventually

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="elsewhere each run has a new interpreter"),
    pytest.mark.slow,
]

Write = Callable[[Mapping[str, str]], ProjectFolder]

SAYS = {
    "MLproject": """\
entry_points:
  main: {command: 'echo "$PPID $WHICH $(umask)"; until [ -e "$GO" ]; do sleep 0.05; done'}
  quick: {command: "exit 3"}
"""
}


@pytest.fixture
def says(project: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProjectFolder]:
    """A project whose job says who carries it, and ends when ``go`` is there; no warm process is."""
    monkeypatch.setenv("GO", str(tmp_path / "go"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", str(tmp_path / "work" / "mlruns"))
    carriers._forget()
    yield project(SAYS)
    (tmp_path / "go").touch()
    carriers._forget()


def start(project: ProjectFolder, entry_point: str = "main") -> SubmittedRun:
    return projects.run(str(project.path), entry_point, env_manager="local", synchronous=False)


def words_of(project: ProjectFolder, run_id: str) -> list[str]:
    """What the job has said: the process id of its carrier, ``WHICH``, its umask."""
    words: list[str] = []

    def has_said() -> bool:
        words[:] = project.reprise("runs", "logs", run_id).out.split()
        return len(words) == 3

    assert eventually(has_said)
    return words


def carrier_of(project: ProjectFolder, run: SubmittedRun) -> psutil.Process:
    return psutil.Process(int(words_of(project, run.run_id)[0]))


def is_gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_each_run_is_a_fork_of_one_process_with_variables_folder_and_umask_of_its_call(
    says: ProjectFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        monkeypatch.setenv("WHICH", name)
        runs.append(start(says))
        monkeypatch.delenv("WHICH")
    monkeypatch.chdir(tmp_path / "work")
    carriers = [carrier_of(says, run) for run in runs]
    assert [words_of(says, run.run_id)[1] for run in runs] == ["one", "two"]
    assert [carrier.cwd() for carrier in carriers] == [str(tmp_path / "one"), str(tmp_path / "two")]
    (parent,) = {carrier.ppid() for carrier in carriers}
    one = psutil.Process(parent)
    assert (one.num_threads(), one.cwd(), one.pid != os.getpid()) == (1, "/", True)
    assert {tuple(carrier.cmdline()) for carrier in carriers} == {tuple(one.cmdline())}  # none was started
    assert {os.getsid(carrier.pid) for carrier in carriers} == {carrier.pid for carrier in carriers}
    before = os.umask(0o027)
    try:
        monkeypatch.setenv("WHICH", "three")
        assert words_of(says, start(says).run_id)[2] == "0027"
    finally:
        os.umask(before)
    assert eventually(lambda: is_gone(one))  # what it inherited is not so any more
    assert [run.get_status() for run in runs] == ["RUNNING"] * 2
    (tmp_path / "go").touch()
    assert [run.wait() for run in runs] == [True] * 2


@pytest.fixture
def waiting(says: ProjectFolder, monkeypatch: pytest.MonkeyPatch) -> tuple[SubmittedRun, psutil.Process]:
    monkeypatch.setenv("WHICH", "it")
    run = start(says)
    return run, carrier_of(says, run)


def test_kill_9_of_the_warm_process_harms_no_run(
    says: ProjectFolder, waiting: tuple[SubmittedRun, psutil.Process], tmp_path: Path
) -> None:
    run, carrier = waiting
    killed = psutil.Process(carrier.ppid())
    killed.kill()
    assert eventually(lambda: is_gone(killed))
    other = start(says)
    parent = psutil.Process(carrier_of(says, other).ppid())
    assert "reprise.runner.runs.warm" in parent.cmdline()
    assert parent.pid != killed.pid
    assert start(says, "quick").wait() is False
    (tmp_path / "go").touch()
    assert (run.wait(), other.wait()) == (True, True)
    assert [run.status for run in says.runs()] == ["FAILED", "FINISHED", "FINISHED"]


def test_kill_9_of_a_carrier_is_seen(
    says: ProjectFolder, waiting: tuple[SubmittedRun, psutil.Process]
) -> None:
    run, carrier = waiting
    assert run.get_status() == "RUNNING"
    carrier.kill()
    assert (run.wait(), run.get_status()) == (False, "KILLED")
    assert [run.status for run in says.runs()] == ["KILLED"]


def test_the_death_of_the_caller_ends_the_warm_process_and_not_the_runs(
    says: ProjectFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHICH", "it")
    program = textwrap.dedent(f"""
        import os, signal
        from reprise import projects
        run = projects.run({str(says.path)!r}, env_manager="local", synchronous=False)
        print(run.run_id, flush=True)
        input()
        os.kill(os.getpid(), signal.SIGKILL)
    """)
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as caller:
        assert caller.stdout is not None
        run_id = caller.stdout.readline().strip()
        parent = psutil.Process(psutil.Process(int(words_of(says, run_id)[0])).ppid())
        assert "reprise.runner.runs.warm" in parent.cmdline()
        caller.communicate("\n")
    assert caller.returncode == -signal.SIGKILL
    assert eventually(lambda: is_gone(parent))
    assert [run.status for run in says.runs()] == ["RUNNING"]
    (tmp_path / "go").touch()
    assert eventually(lambda: [run.status for run in says.runs()] == ["FINISHED"])


def test_without_a_warm_process_each_run_has_an_interpreter_of_its_own(
    says: ProjectFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(module: str) -> None:
        raise OSError("no process")

    monkeypatch.setattr(carriers, "_start", refuse)
    monkeypatch.setenv("WHICH", "it")
    run = start(says)
    assert carrier_of(says, run).ppid() == os.getpid()
    (tmp_path / "go").touch()
    assert run.wait()


def test_threads_share_it_and_a_fork_of_the_caller_does_not(
    says: ProjectFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHICH", "it")
    with ThreadPoolExecutor(3) as threads:
        runs = [*threads.map(lambda _: start(says), range(3))]
    (parent,) = {carrier_of(says, run).ppid() for run in runs}
    child = os.fork()
    if child == 0:
        os._exit(0 if carriers._warm is None and not carriers._warm_lock.locked() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert psutil.Process(parent).is_running()
    runs[0].cancel()
    assert [run.get_status() for run in runs] == ["KILLED", "RUNNING", "RUNNING"]
    (tmp_path / "go").touch()
    assert [run.wait() for run in runs] == [False, True, True]
