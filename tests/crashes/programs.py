"""Commands of reprise, each a fork of one process that has imported it or a process of its own."""

from __future__ import annotations

import ctypes
import gc
import importlib
import os
import pkgutil
import select
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, NoReturn

import reprise
from reprise import durable

_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER
_PTRACER, _ANY = 0x59616D61, -1  # PR_SET_PTRACER
_LIMIT = 120.0  # seconds that a command may take
_libc = ctypes.CDLL(None, use_errno=True)

During = Callable[[int], None]
Words = tuple[str, ...]
Command = Words | Callable[[], None]
"""Words of reprise, or a function for a fork."""


class Ended(NamedTuple):
    """``died``: the process was killed at the point; ``code`` is its exit code when it was not."""

    code: int
    died: bool
    output: str


class Program(NamedTuple):
    """What runs in a world: ``arguments`` of reprise or, in a fork, a function.

    ``real``: its own process, else a fork that spares imports. ``aside``: a folder for what is noted of it.
    ``boot``: a file with the id of the boot, for a fork.
    """

    arguments: Command
    cwd: Path
    environ: Mapping[str, str]
    aside: Path
    boot: Path
    real: bool = True


class Tracer:
    """What is done around a program; this one does nothing."""

    prefix: tuple[str, ...] = ()

    def environ(self, pid: int) -> dict[str, str]:
        """Variables for the program; ``pid``: its process."""
        return {}

    def attach(self, pid: int) -> None:
        """Begin to follow a fork, which waits for that."""

    def look(self) -> None:
        """Called every few milliseconds."""

    def end(self) -> None:
        """Called when the program has ended."""


def become_subreaper() -> None:
    """Processes whose parents die become our children, so that none is overlooked."""
    _libc.prctl(_SUBREAPER, 1, 0, 0, 0)


def import_reprise() -> None:
    """Import what commands import, so that forks need not; but not what is large and rare."""
    for module in pkgutil.walk_packages(reprise.__path__, "reprise."):
        if not any(part in module.name for part in ("__main__", ".observer", "mlflow", ".image_")):
            with suppress(ImportError):  # of an extra that is not installed
                importlib.import_module(module.name)
    gc.freeze()  # forks share these pages


def run(program: Program) -> Ended:
    """Run it to its end, undisturbed."""
    return perform(program, Tracer())


def perform(program: Program, tracer: Tracer, during: During | None = None) -> Ended:
    """Run it to its end or its death; ``during`` is called with its process while it lives."""
    output = program.aside / "output.txt"
    pid = _start(program, tracer, output) if program.real else _fork(program, tracer, output)
    if during is not None:
        during(pid)
    code = _wait(pid, tracer)
    tracer.end()
    return Ended(code, False, output.read_text(errors="replace"))


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
        time.sleep(0.005)


def kill_descendants() -> None:
    for pid in _descendants():
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _start(program: Program, tracer: Tracer, output: Path) -> int:
    assert isinstance(program.arguments, tuple)
    command = [sys.executable, "-m", "reprise", *program.arguments]
    with output.open("wb") as out:
        process = subprocess.Popen(
            [*tracer.prefix, *command],
            cwd=program.cwd,
            env={**program.environ, **tracer.environ(0)},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    process.returncode = 0  # we wait for it
    return process.pid


def _fork(program: Program, tracer: Tracer, output: Path) -> int:
    start, go = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(go)
        _become(program, tracer, start, output)
    os.close(start)
    tracer.attach(pid)
    os.write(go, b"x")
    os.close(go)
    return pid


def _become(program: Program, tracer: Tracer, start: int, output: Path) -> NoReturn:
    """In the fork: wait for the tracer, and be the command."""
    code = 70
    try:
        os.setsid()
        _libc.prctl(_PTRACER, _ANY, 0, 0, 0)
        os.chdir(program.cwd)
        environ = {**program.environ, **tracer.environ(os.getpid())}
        os.environ.clear()
        os.environ.update(environ)
        with Path(os.devnull).open("rb") as null, output.open("wb") as out:
            os.dup2(null.fileno(), 0)
            os.dup2(out.fileno(), 1)
            os.dup2(out.fileno(), 2)
        os.read(start, 1)
        os.close(start)
        durable._BOOT_ID = str(program.boot)
        if hasattr(_libc, "crash_arm"):
            _libc.crash_arm()
        code = _be(program.arguments)
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _be(command: Command) -> int:
    from reprise.cli import perform_command

    if callable(command):
        command()
        return 0
    sys.argv = ["reprise", *command]
    return perform_command(command)


def _wait(pid: int, tracer: Tracer) -> int:
    """The exit code of a child, as subprocess has it; it is killed when it takes too long."""
    deadline = time.monotonic() + _LIMIT
    process = os.pidfd_open(pid)
    try:
        while not select.select([process], [], [], 0.003)[0]:
            tracer.look()
            if time.monotonic() > deadline:
                kill_descendants()
    finally:
        os.close(process)
    _, status = os.waitpid(pid, 0)
    tracer.look()
    return os.waitstatus_to_exitcode(status)


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
