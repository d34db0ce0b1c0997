"""Runs of reprise that die at a system call, by ``strace``; and what they leave behind in processes."""

from __future__ import annotations

import ctypes
import importlib
import os
import pkgutil
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, NoReturn

import reprise

SYSCALLS = (
    *("write", "pwrite64", "fsync", "fdatasync", "ftruncate", "sendto", "close", "flock", "openat"),
    *("rename", "renameat", "renameat2", "link", "linkat", "symlink", "unlink", "unlinkat", "rmdir"),
    *("mkdir", "mkdirat", "chmod", "utimensat", "clone", "clone3", "vfork", "execve", "wait4"),
)
"""Where a process is killed: as it is about to make one of these calls."""

_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER
_PTRACER, _ANY = 0x59616D61, -1  # PR_SET_PTRACER
_LIMIT = 120.0  # seconds that a command may take
_KILLED = re.compile(r"killed by SIGKILL")
_CALL = re.compile(r"^(?:(\d+) +)?(\w+)\(")
_libc = ctypes.CDLL(None, use_errno=True)


During = Callable[[int], None]


class Point(NamedTuple):
    """Death at the Nth ``call`` of a process.

    ``deep``: in any process of the command, its git and uv too; else in the one that was started.
    ``all_die``: everything that it has started dies with it, as when a machine kills a session.
    """

    call: str
    number: int
    deep: bool
    all_die: bool

    def __str__(self) -> str:
        return f"{self.call}:{self.number}{' deep' * self.deep}{' all' * self.all_die}"


class Tracing(NamedTuple):
    """How ``strace`` is called, and where it tells what it saw."""

    options: tuple[str, ...]
    log: Path
    deep: bool
    all_die: bool = False

    @property
    def command(self) -> list[str]:
        return ["strace", *(["-f"] if self.deep else []), "-o", str(self.log), *self.options]

    @property
    def saw_death(self) -> bool:
        return self.log.exists() and _KILLED.search(self.log.read_text(errors="replace")) is not None


class Ended(NamedTuple):
    """``died``: the process was killed at the point; ``code`` is its exit code when it was not."""

    code: int
    died: bool
    output: str


class Program(NamedTuple):
    """``arguments`` of reprise in a world. ``real``: its own process, else a fork that spares imports."""

    arguments: tuple[str, ...]
    cwd: Path
    environ: Mapping[str, str]
    real: bool = True


def become_subreaper() -> None:
    """Processes whose parents die become our children, so that none is overlooked."""
    _libc.prctl(_SUBREAPER, 1, 0, 0, 0)


def import_reprise() -> None:
    """Import what commands import, so that forks need not."""
    for module in pkgutil.walk_packages(reprise.__path__, "reprise."):
        if "__main__" not in module.name and ".observer" not in module.name:
            with suppress(ImportError):  # of an extra that is not installed
                importlib.import_module(module.name)


def count_calls(program: Program, during: During | None = None) -> Counter[str]:
    """How often each call is made by the process that makes it most, in one undisturbed run."""
    log = program.cwd / "strace.log"
    _perform(program, Tracing(("-e", f"trace={','.join(SYSCALLS)}"), log, deep=True), during)
    counts: Counter[tuple[str, str]] = Counter()
    with log.open(errors="replace") as lines:
        for line in lines:
            if match := _CALL.match(line):
                counts[match[1] or "", match[2]] += 1
    most: Counter[str] = Counter()
    for (_, call), number in counts.items():
        most[call] = max(most[call], number)
    return most


def choose_point(calls: Counter[str], chance: random.Random) -> Point:
    """Every kind of call is as likely as any other: renames are few, and matter most."""
    call = chance.choice(sorted(calls))
    number = chance.randint(1, calls[call])
    return Point(call, number, deep=chance.random() < 0.6, all_die=chance.random() < 0.3)


def run_to_death(program: Program, point: Point, during: During | None = None) -> Ended:
    """Run it until it dies at ``point``, or ends because it did not come there."""
    log = program.cwd / "strace.log"
    log.unlink(missing_ok=True)
    options = ("-e", f"trace={point.call}", "-e", f"inject={point.call}:signal=KILL:when={point.number}")
    tracing = Tracing(options, log, point.deep, point.all_die)
    ended = _perform(program, tracing, during)
    return ended._replace(died=tracing.saw_death)


def run(program: Program) -> Ended:
    """Run it to its end, undisturbed."""
    return _perform(program, None, None)


def wait_for_descendants(seconds: float = 60.0) -> list[str]:
    """Wait until nothing is left of what was started; the commands of what stays, which are killed."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return []
        if time.monotonic() > deadline:
            left = [_command(pid) for pid in _descendants()]
            kill_descendants()
            return left
        time.sleep(0.01)


def kill_descendants() -> None:
    for pid in _descendants():
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _perform(program: Program, tracing: Tracing | None, during: During | None) -> Ended:
    output = program.cwd / "output.txt"
    if program.real:
        code = _perform_command(program, tracing, output, during)
    else:
        code = _perform_fork(program, tracing, output, during)
    return Ended(code, False, output.read_text(errors="replace"))


def _perform_command(program: Program, tracing: Tracing | None, output: Path, during: During | None) -> int:
    command = [sys.executable, "-m", "reprise", *program.arguments]
    if tracing is not None:
        quick = ["--seccomp-bpf"] if tracing.deep else []
        command = [*tracing.command, *quick, *command]
    with output.open("wb") as out:
        process = subprocess.Popen(
            command,
            cwd=program.cwd,
            env=program.environ,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    if during is not None:
        during(process.pid)
    process.returncode = _wait(process.pid, tracing)
    return process.returncode


def _perform_fork(program: Program, tracing: Tracing | None, output: Path, during: During | None) -> int:
    start, go = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(go)
        _become(program, start, output)
    os.close(start)
    tracer = None
    if tracing is not None:
        tracer = subprocess.Popen(
            [*tracing.command, "-q", "-p", str(pid)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        _wait_for_tracer(pid)
    os.write(go, b"x")
    os.close(go)
    if during is not None:
        during(pid)
    code = _wait(pid, tracing)
    if tracer is not None:
        tracer.wait(_LIMIT)  # it stays with what the command has started
    return code


def _become(program: Program, start: int, output: Path) -> NoReturn:
    """In the fork: wait for the tracer, and be the command."""
    code = 70
    try:
        os.setsid()
        _libc.prctl(_PTRACER, _ANY, 0, 0, 0)
        os.chdir(program.cwd)
        os.environ.clear()
        os.environ.update(program.environ)
        with Path(os.devnull).open("rb") as null, output.open("wb") as out:
            os.dup2(null.fileno(), 0)
            os.dup2(out.fileno(), 1)
            os.dup2(out.fileno(), 2)
        os.read(start, 1)
        os.close(start)
        from reprise.cli import perform_command

        sys.argv = ["reprise", *program.arguments]
        code = perform_command(program.arguments)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _wait_for_tracer(pid: int) -> None:
    deadline = time.monotonic() + _LIMIT
    while time.monotonic() < deadline:
        status = Path(f"/proc/{pid}/status").read_text()
        if "TracerPid:\t0\n" not in status:
            return
        time.sleep(0.001)
    raise RuntimeError("strace did not come")


def _wait(pid: int, tracing: Tracing | None) -> int:
    """The exit code of a child, as subprocess has it; it is killed when it takes too long."""
    deadline = time.monotonic() + _LIMIT
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if tracing is not None and tracing.all_die and tracing.saw_death:
            kill_descendants()
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            kill_descendants()
        time.sleep(0.003)


def _descendants() -> list[int]:
    found: list[int] = []
    waiting = [os.getpid()]
    while waiting:
        try:
            children = Path(f"/proc/{waiting[0]}/task/{waiting[0]}/children").read_text().split()
        except OSError:
            children = []
        waiting = [*waiting[1:], *map(int, children)]
        found += map(int, children)
    return found


def _command(pid: int) -> str:
    try:
        return (
            Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        )
    except OSError:
        return "?"
