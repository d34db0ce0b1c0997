"""Nothing around a run makes it lie: what a program inherits, closes, or does with its children."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from reprise.schemas import tags
from reprise.schemas.entities import Run
from tests.conftest import ProjectFolder, eventually

pytestmark = pytest.mark.slow

Write = Callable[[Mapping[str, str]], ProjectFolder]

FILES = {
    "MLproject": "name: p\nentry_points:\n  main: {command: 'true'}\n  fail: {command: exit 5}\n"
    "  wait: {command: 'until [ -e ../over ]; do sleep 0.05; done'}\n"
}
PROGRAM = """
import os, signal, sys
from reprise import projects
from reprise.errors import RunFailed

def reap_all(*_):
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass

kind, closed, uri = sys.argv[1:]
if kind != "usual":
    signal.signal(signal.SIGCHLD, signal.SIG_IGN if kind == "ignored" else reap_all)
for descriptor in closed:
    os.close(int(descriptor))
projects.run(uri, env_manager="local")
started = projects.run(uri, "fail", env_manager="local", synchronous=False)
try:
    projects.run(uri, "fail", env_manager="local")
except RunFailed as error:
    os._exit(error.exit_code + 10 * (not started.wait()))
os._exit(99)
"""


@pytest.fixture
def project(project: Write) -> ProjectFolder:
    return project(FILES)


def start(*arguments: str, closed: tuple[int, ...] = ()) -> int:
    """``reprise ARGUMENTS`` where SIGCHLD is ignored and descriptors are closed; its exit code."""

    def prepare() -> None:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        for descriptor in closed:
            os.close(descriptor)

    command = [sys.executable, "-m", "reprise", *arguments]
    return subprocess.run(command, preexec_fn=prepare, check=False).returncode


def newest(project: ProjectFolder) -> Run:
    return project.runs()[0]


def test_a_failed_run_is_failed_where_sigchld_is_ignored(project: ProjectFolder) -> None:
    run = ("run", str(project.path), "-e", "fail", "--env-manager=local")
    assert start(*run) == 5
    assert newest(project).status == "FAILED"
    assert start(*run, "--no-wait") == 0
    assert eventually(lambda: newest(project).status == "FAILED")
    assert newest(project).tags[tags.EXIT_CODE] == "5"


@pytest.mark.parametrize("closed", [(0,), (0, 1, 2), (1,), (2,)], ids=str)
def test_a_run_that_goes_on_is_not_closed_by_who_looks(
    closed: tuple[int, ...], project: ProjectFolder, tmp_path: Path
) -> None:
    run = ("run", str(project.path), "-e", "wait", "--env-manager=local", "--no-wait")
    assert start(*run, closed=closed) == 0
    try:
        assert start("runs", "list", closed=closed) == 0
        assert newest(project).status == "RUNNING"
    finally:
        (tmp_path / "over").touch()
    assert eventually(lambda: newest(project).status == "FINISHED")


@pytest.mark.parametrize(
    ("kind", "closed"), [("usual", "02"), ("ignored", ""), ("reaped", "01"), ("reaped", "")]
)
def test_a_program_gets_the_truth_whatever_it_does_with_its_children(
    kind: str, closed: str, project: ProjectFolder
) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, kind, closed, str(project.path)], check=False)
    assert done.returncode == 15
    assert [run.status for run in project.runs()] == ["FAILED", "FAILED", "FINISHED"]
    assert [run.tags.get(tags.EXIT_CODE) for run in project.runs()] == ["5", "5", "0"]


@pytest.mark.network
def test_a_resolution_that_failed_is_not_remembered(
    project: ProjectFolder, house: Path, tmp_path: Path
) -> None:
    (project.path / "requirements.txt").write_text("no-such-package-zzz==1\n")
    run = ("run", str(project.path), "--env-manager=virtualenv")
    assert start(*run) == 4
    assert project.reprise(*run).exit_code == 4
