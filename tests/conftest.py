"""Guards that fail a test which would touch the real world, and the fixtures of the whole house."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reprise.cli import perform_command
from reprise.schemas.entities import Run
from reprise.tracking.sqlite.store import EmbeddedStore
from tests import machine

REPOSITORY = Path(__file__).resolve().parents[1]
EXAMPLES = REPOSITORY / "example_projects"
UV_CACHE = os.environ.get("UV_CACHE_DIR") or str(Path("~/.cache/uv").expanduser())
"""uv's own cache, which the tests that download packages share; read before HOME is out of reach."""
FORBIDDEN_PROGRAMS = {"conda", "mamba", "docker", "sbatch", "squeue", "scancel", "kubectl", "ray"}
FORGOTTEN = "/dev/null/this-test-must-use-the-house-fixture"
PATIENCE = 240.0
"""Seconds that something may take on a busy machine until a test gives up."""
MOST_WORKERS = 8
TOLD = "told at the end"
"""The property of a test whose text is shown when all tests have run."""


def forget_what_was_inherited() -> None:
    """Signals, their mask and the umask are those of a login: ``nohup`` and ``&`` make us ignore some."""
    ignored_by_python = {signal.SIGPIPE, signal.SIGXFSZ}
    for number in signal.valid_signals() - ignored_by_python:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.umask(0o022)


forget_what_was_inherited()


def eventually(true: Callable[[], object]) -> bool:
    """Whether it is or comes true."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--quick", action="store_true", help="leave out the tests that use real tools or are slow"
    )


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Three processes for two cores, for tests also wait.

    None where files are named: those run sooner than processes start.
    """
    if config.args_source is config.ArgsSource.ARGS:
        return 0
    return min((os.cpu_count() or 1) * 3 // 2, MOST_WORKERS)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("quick"):
        return
    left_out = [item for item in items if any(map(item.get_closest_marker, machine.NOT_QUICK))]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in set(left_out)]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test whose tools this machine lacks is left out."""
    for mark in item.iter_markers():
        if reason := machine.lacks(mark.name):
            pytest.skip(reason)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In continuous integration everything is there: a test that is left out there has failed."""
    report = yield
    if report.skipped and os.environ.get("CI"):
        report.outcome = "failed"
        report.longrepr = f"left out in continuous integration: {_reason(report)}"
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
    """The last lines say what tests count, and what was left out with what brings it."""
    yield
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, text in report.user_properties:
            if name == TOLD:
                terminalreporter.write_line(str(text))
    reasons = Counter(map(_reason, terminalreporter.stats.get("skipped", ())))
    for reason, number in reasons.most_common():
        terminalreporter.write_line(f"left out: {number} test{'s' * (number > 1)}: {reason}", yellow=True)
    if terminalreporter.config.getoption("quick"):
        terminalreporter.write_line(
            "left out: the tests that use real tools or are slow; without --quick they run"
        )


def _reason(report: pytest.TestReport) -> str:
    """Why a test was left out."""
    sentence = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return sentence.removeprefix("Skipped: ")


@pytest.fixture(autouse=True)
def _isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No real home, cache, state, store or MLflow setting is in reach of a test; it is in our Python."""
    for name in [
        key for key in os.environ if key.startswith(("MLFLOW_", "REPRISE_", "GIT_DIR", "GIT_WORK"))
    ]:
        monkeypatch.delenv(name)
    for name in ("HOME", "REPRISE_CACHE_DIR", "REPRISE_STATE_DIR", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, FORGOTTEN)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Test")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "test@example.org")
    if "mlflow" in sys.modules:  # where an earlier test of this process made it log
        monkeypatch.setattr("mlflow.tracking._tracking_service.utils._tracking_uri", None)
    monkeypatch.setenv("REPRISE_SYNCHRONOUS", "normal")  # a test waits for the disk where it is about that
    monkeypatch.setenv("NO_COLOR", "1")
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)


@pytest.fixture(autouse=True)
def _quiet_logger() -> Iterator[None]:
    """What the command line sets up for its messages does not outlive a test."""
    yield
    logger = logging.getLogger("reprise")
    logger.handlers, logger.propagate = [], True
    logger.setLevel(logging.NOTSET)


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket of the test process reaches loopback and nothing else."""
    real = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and address[0] not in {"127.0.0.1", "::1", "localhost"}:
            self.close()
            raise AssertionError(f"a test tried to reach {address}")
        real(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)


@pytest.fixture(autouse=True)
def _no_foreign_programs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """conda, docker and clusters are not started by a test that is not about them."""
    real = subprocess.Popen.__init__
    forbidden = FORBIDDEN_PROGRAMS - {mark.name for mark in request.node.iter_markers()}

    def init(self: subprocess.Popen[Any], args: Any, *rest: Any, **options: Any) -> None:
        program = Path(args if isinstance(args, str) else os.fspath(args[0])).name
        if program in forbidden:
            raise AssertionError(f"a test tried to start {program}")
        real(self, args, *rest, **options)

    monkeypatch.setattr(subprocess.Popen, "__init__", init)


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A private home, cache and state folder; yields the folder that holds them."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("REPRISE_CACHE_DIR", str(home / "cache"))
    monkeypatch.setenv("REPRISE_STATE_DIR", str(home / "state"))
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.delenv("XDG_STATE_HOME")
    yield home


@dataclass(frozen=True, slots=True)
class Result:
    """How a command ended."""

    exit_code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class ProjectFolder:
    """A project on disk, and the command line in front of it. The store is ``mlruns`` in the cwd."""

    path: Path
    capture: pytest.CaptureFixture[str]

    def reprise(self, *args: str) -> Result:
        """Run the command line in this process."""
        self.capture.readouterr()
        code = perform_command(args)
        return Result(code, *self.capture.readouterr())

    def run(self, *args: str) -> Result:
        """``reprise run PATH --env-manager=local ARGS``."""
        return self.reprise("run", str(self.path), "--env-manager=local", *args)

    def runs(self) -> list[Run]:
        """All runs of the store, newest first; none when there is no store."""
        if not Path("mlruns").exists():
            return []
        with EmbeddedStore(Path("mlruns").absolute()) as store:
            experiments = [found.experiment_id for found in store.search_experiments().items]
            return list(store.search_runs(experiments).items)

    def artifact(self, run: Run, name: str) -> str:
        """The text of a stored artifact."""
        with EmbeddedStore(Path("mlruns").absolute()) as store:
            return (store.artifact_folder(run.run_id) / name).read_text()


@pytest.fixture
def project(
    house: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> Callable[[Mapping[str, str]], ProjectFolder]:
    """Writes a project of the given files, and returns the command line in front of it."""

    def write(files: Mapping[str, str]) -> ProjectFolder:
        root = tmp_path / "project"
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        return ProjectFolder(root, capfd)

    return write
