"""What a Python process of a run is seen to do, and that it does not notice."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from reprise.envs import local
from reprise.runner.capture.observed import BEGAN, FOLDER, Observation, read_observation
from reprise.runner.capture.observing import OBSERVER, drop_observer
from reprise.schemas.environment import Environment, Lock
from reprise.schemas.job import Command


class Place:
    """A project's folder, and the job of its run beside it."""

    def __init__(self, folder: Path) -> None:
        self.project, self.job, self.aside = (folder / name for name in ("project", "job", "aside"))
        for made in (self.project, self.job, self.aside):
            made.mkdir()
        notes = self.job / FOLDER
        notes.mkdir()
        (notes / BEGAN).touch()
        environment = Environment(local.NAME, Lock(local.NAME, ""), Path())
        environ = local.observe(environment, Command((), (), self.project), OBSERVER, notes).environ
        self.environ = {name: value or "" for name, value in environ}

    def run(
        self, script: str, *options: str, python: str = sys.executable, environ: Mapping[str, str] = {}
    ) -> subprocess.CompletedProcess[str]:
        """Perform a script of the project, observed."""
        (self.project / "main.py").write_text(script)
        return subprocess.run(
            [python, *options, "main.py"],
            cwd=self.project,
            env={**os.environ, **self.environ, **environ},
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def seen(self) -> Observation:
        observation = read_observation(self.job)
        assert observation is not None
        return observation

    def names(self, paths: tuple[str, ...]) -> set[str]:
        """Those in the folder of the test, relative to the project."""
        above = str(self.project.parent)
        return {os.path.relpath(path, self.project) for path in paths if path.startswith(above)}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    return Place(tmp_path)


FILES = """\
import os, sqlite3, sys, tempfile
sys.path.insert(0, "../aside")
import shared
open("data.csv").read()
open("made.csv", "w").close(); open("made.csv").close()
open("state", "r+").close()
open("log", "a").close()
os.close(os.open("raw", os.O_RDONLY))
sqlite3.connect("base.db"); sqlite3.connect("new.db")
os.replace("made.csv", "moved.csv"); open("moved.csv").close()
open("gone"  ).close(); os.remove("gone")
open(b"caf\\xe9 \\n\\t.txt").close()
os.chdir("../aside"); open("beside.txt").close()
for name in ("not there", "made later"):
    try: open(name)
    except FileNotFoundError: pass
open("made later", "w")
"""


def test_files_that_are_read_before_the_run_wrote_them(place: Place) -> None:
    odd = os.fsdecode(b"caf\xe9 \n\t.txt")
    for name in ("data.csv", "state", "raw", "base.db", "gone", odd):
        (place.project / name).touch()
    for name in ("shared.py", "beside.txt"):
        (place.aside / name).touch()
    assert place.run(FILES).returncode == 0
    expected = {"main.py", "../aside/shared.py", "data.csv", "state", "raw", "base.db", "gone", odd}
    assert place.names(place.seen.read) == expected | {"../aside/beside.txt", "../aside/not there"}
    assert place.names(place.seen.written) == {
        "made.csv",
        "state",
        "log",
        "new.db",
        "moved.csv",
        "../aside/made later",
    }
    assert place.names(place.seen.removed) == {"made.csv", "gone"}


SPELLINGS = """\
import os, sys
library = os.path.join(sys.base_prefix, "lib")
here = os.getcwd()
for path in ("a.csv", "./a.csv", here + "/./a.csv", here + "//a.csv", here + "/../project/a.csv",
             library + "/" + os.path.relpath(here, library) + "/b.csv"):
    open(path).close()
"""


def test_a_file_is_the_same_however_its_path_is_spelled(place: Place) -> None:
    for name in ("a.csv", "b.csv"):
        (place.project / name).touch()
    result = place.run(SPELLINGS)
    assert result.returncode == 0, result.stderr
    read = [path for path in place.seen.read if path.endswith(".csv")]
    assert sorted(read) == [str(place.project / "a.csv"), str(place.project / "b.csv")]


def test_a_module_counts_by_its_source_when_its_bytecode_is_read(place: Place) -> None:
    (place.aside / "shared.py").write_text("x = 1\n")
    for _ in range(2):  # the second time Python reads what it compiled the first time
        place.run("import shared", environ={"PYTHONPATH": f"{OBSERVER}:{place.aside}"})
    assert place.names(place.seen.read) == {"main.py", "../aside/shared.py"}
    assert place.names(place.seen.written) == set()


VARIABLES = """\
import os
os.environ.get("ASKED"); "LOOKED_FOR" in os.environ; os.environb.get(b"BYTES"); os.getenv("MISSING")
copy = dict(os.environ); os.environ["SET"] = "1"; {**os.environ}; list(os.environ.items())
os.environ["AFTER"]
"""


def test_variables_that_are_asked_for_by_name(place: Place) -> None:
    environ = dict.fromkeys(("ASKED", "LOOKED_FOR", "BYTES", "COPIED", "AFTER"), "x")
    assert place.run(VARIABLES, environ=environ).returncode == 0
    assert place.seen.variables == ("ASKED", "LOOKED_FOR", "BYTES", "MISSING", "AFTER")


PROCESSES = """\
import asyncio, os, subprocess, sys
subprocess.run(["true", "data.csv"]); os.system("true; true")
async def start(): await (await asyncio.create_subprocess_exec("true", "later")).wait()
asyncio.run(start())
subprocess.run([sys.executable, "-c", "open('in a child', 'w')"])
if os.fork() == 0:
    open("in a fork", "w"); os._exit(0)
os.wait()
if os.fork() == 0:
    os.execv(sys.executable, [sys.executable, "-c", "open('after exec', 'w')"])
os.wait()
"""
POOLS = """\
import multiprocessing, os, sys, threading, time
def work(name): open(name, "w")
if __name__ == "__main__":
    for method in ("fork", "spawn", "forkserver"):
        context = multiprocessing.get_context(method)
        child = context.Process(target=work, args=(method,)); child.start(); child.join()
    thread = threading.Thread(target=work, args=("thread",)); thread.start(); thread.join()
    os.closerange(3, 100)
    result = open("result", "w"); result.write("mine"); result.flush()
    open("behind", "w")
    os.kill(os.getpid(), 9)
"""


def test_processes_and_what_they_start(place: Place) -> None:
    assert place.run(PROCESSES).returncode == 0
    assert place.names(place.seen.written) == {"in a child", "in a fork", "after exec"}
    words = [item.words for item in place.seen.started]
    assert ("true", "data.csv") in words
    assert ("true", "later") in words
    assert ("sh", "-c", "true; true") in words
    assert {str(item.folder).rstrip("/") for item in place.seen.started} == {str(place.project)}
    first, *others = place.seen.processes
    assert first.executable == sys.executable
    assert len(others) == 4  # the child, two forks, and what one of them became
    assert first.pid in {item.parent for item in others}


def test_every_kind_of_worker_and_a_kill(place: Place) -> None:
    place.run(POOLS)
    assert place.names(place.seen.written) == {"fork", "spawn", "forkserver", "thread", "result", "behind"}
    assert (place.project / "result").read_text() == "mine"


def test_hosts(place: Place) -> None:
    script = """\
import socket, urllib.request
for url in ("http://127.0.0.1:9/x", "http://nowhere.invalid/x"):
    try: urllib.request.urlopen(url)
    except OSError: pass
"""
    assert place.run(script).returncode == 0
    assert set(place.seen.hosts) == {("127.0.0.1", "9"), ("nowhere.invalid", "80")}


UNNOTICED = """\
import os, sys, traceback
try: import sitecustomize
except ImportError as error: print(type(error), error)
else: print(sitecustomize.__file__, sitecustomize.word)
print(sys.path)
print(sorted(sys.modules))
print(sorted(os.environ), list(os.environ) == list(dict(os.environ)), os.environ.get("NOT"))
print(os.open("main.py", os.O_RDONLY), sorted(os.listdir("/proc/self/fd"))[:5])
os.environ["BACK"] = "1"
print(os.environb[b"BACK"], os.environ.pop("BACK"), os.environ.copy() == os.environ)
for fault in (lambda: os.environ["NOT"], lambda: open("not"), lambda: open(3.5), lambda: os.environ[3]):
    try: fault()
    except Exception: traceback.print_exc(file=sys.stdout)
import signal, time
def late(*_): raise ValueError("late")
signal.signal(signal.SIGALRM, late); signal.setitimer(signal.ITIMER_REAL, 0.05)
try:
    while True: os.path.exists("x"), open("main.py").close()
except ValueError as error: print(error)
"""


@pytest.mark.parametrize("own", [False, True], ids=["no sitecustomize", "an own sitecustomize"])
def test_a_script_does_not_notice(own: bool, place: Place) -> None:
    (place.aside / "sitecustomize.py").write_text("word = 'mine'\n" if own else "")
    own_path = {"PYTHONPATH": str(place.aside)} if own else {}
    plain = dict.fromkeys(place.environ, "")
    expected = place.run(UNNOTICED, environ={**plain, **own_path}).stdout
    assert "late" in expected
    search = {"PYTHONPATH": f"{OBSERVER}:{place.aside}"} if own else {}
    assert place.run(UNNOTICED, environ=search).stdout == expected
    assert place.seen.read


@pytest.mark.parametrize("option", ["-I", "-E", "-S"])
def test_a_python_that_takes_no_settings_is_not_observed(option: str, place: Place) -> None:
    assert place.run("print(1)", option).stdout == "1\n"
    assert place.seen.processes == ()


def test_nothing_fails_when_the_notes_cannot_be_written(place: Place) -> None:
    notes = Path(place.environ["REPRISE_OBSERVED"])
    script = f"import shutil; open('a', 'w'); shutil.rmtree({str(notes)!r}); open('b', 'w'); print('done')"
    assert place.run(script).stdout == "done\n"
    assert place.run("print('again')").stdout == "again\n"
    assert read_observation(place.job) is None


def test_a_line_that_was_not_finished_is_left_out(place: Place) -> None:
    place.run("open('a', 'w')")
    (file,) = (place.job / "observed").glob("[0-9]*")
    with file.open("ab") as notes:
        notes.write(b"nonsense\n\xff\t\tx\nWRITE\t1.0\t/half of a na")
    assert place.names(place.seen.written) == {"a"}
    assert place.seen.faults == ()


@pytest.mark.slow
def test_many_files_are_noted_up_to_a_limit(place: Place) -> None:
    script = """\
for number in range(100_100):
    try: open(f"/nowhere/{number}")
    except OSError: pass
"""
    assert place.run(script).returncode == 0
    assert len(place.seen.read) <= 100_000
    assert "touched more than is noted" in place.seen.faults[0]


def other_pythons() -> Iterator[tuple[int, str]]:
    """The minor versions beside ours that are on PATH, with their programs."""
    for minor in range(6, 16):
        python = shutil.which(f"python3.{minor}")
        if python is None or minor == sys.version_info.minor:
            continue
        if subprocess.run([python, "-c", ""], check=False, capture_output=True).returncode == 0:
            yield minor, python


@pytest.mark.slow
def test_other_pythons(tmp_path: Path) -> None:
    for minor, python in other_pythons():
        (folder := tmp_path / str(minor)).mkdir()
        place = Place(folder)
        (place.project / "data.csv").touch()
        done = place.run("import os; open('data.csv'); os.getenv('ASKED'); print('done')", python=python)
        assert (done.stdout, done.stderr) == ("done\n", "")
        assert place.seen.variables == ("ASKED",)
        assert place.names(place.seen.read) == ({"main.py", "data.csv"} if minor >= 8 else set())
        assert bool(place.seen.faults) is (minor < 8)


def test_the_environment_without_the_observer(place: Place) -> None:
    environ = {"A": "1", **place.environ}
    assert drop_observer(environ) == {"A": "1"}
    assert drop_observer({"PYTHONPATH": f"{OBSERVER}:/mine"}) == {"PYTHONPATH": "/mine"}


def test_notes_that_are_no_files_are_not_opened(tmp_path: Path) -> None:
    """The folder of the notes is the run's to write: a pipe there would be waited for."""
    place = Place(tmp_path)
    notes = place.job / FOLDER
    os.mkfifo(notes / "12.1")
    (tmp_path / "private").write_text("read\t1\t/etc/passwd\n")
    (notes / "12.2").symlink_to(tmp_path / "private")
    (notes / "12.3").mkdir()
    (notes / f"{'9' * 5000}"[:200]).touch()
    assert "/etc/passwd" not in str(place.seen)
