"""The processes that we start, and their ends.

The system reports the end of a child once. A calling program that ignores SIGCHLD, or collects all its
children in a handler, takes it from us, and ``subprocess`` then returns 0. There every child is
started by a witness (``witness.py``), which writes its end into a pipe. A lost end is "not known", never a
success.
"""

from __future__ import annotations

import os
import resource
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, ClassVar

from reprise.named_tuple import NamedTuple

_WITNESS = Path(__file__).with_name("witness.py")
_PAUSE = 0.01  # seconds, where the system cannot wake us when a child ends
_KILOBYTES = 1 if sys.platform == "darwin" else 1024  # the unit of ru_maxrss in bytes


class Ending(NamedTuple):
    """How a child ended.

    ``exit_code`` is negative for a signal, as in ``subprocess``. ``peak_memory`` is in bytes, of the
    largest of its processes. None: it is not known.
    """

    exit_code: int | None
    cpu_seconds: float | None = None
    peak_memory: int | None = None


class Child:
    """A running process; ``pid`` leads its process group where it was started in a session of its own."""

    _was_lost: ClassVar[bool] = False
    """Whether an ending was taken by code that we did not see: from then on there is a witness too."""

    def __init__(self, argv: Sequence[str], **options: Any) -> None:
        """Start ``argv``; the options are those of ``subprocess.Popen``.

        Raises:
            OSError: it cannot be started.
        """
        self._ending: Ending | None = None
        self._ending_lock = threading.Lock()
        self._report: int | None = None
        if _endings_are_taken() or Child._was_lost:
            self._process, self._report = _start_witness(argv, options)
            self._program = _read_pid(self._process, self._report, argv[0])
        else:
            self._process = subprocess.Popen(argv, **options)
            self._program = self._process.pid

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def stdin(self) -> IO[bytes] | None:
        return self._process.stdin

    @property
    def stdout(self) -> IO[bytes] | None:
        return self._process.stdout

    @property
    def stderr(self) -> IO[bytes] | None:
        return self._process.stderr

    def poll(self) -> Ending | None:
        """How it ended; None while it runs."""
        if self._ending_lock.acquire(blocking=False):
            try:
                self._look(os.WNOHANG)
            finally:
                self._ending_lock.release()
        return self._ending

    def wait(self) -> Ending:
        """Wait for its end."""
        with self._ending_lock:
            self._look(0)
        assert self._ending is not None
        return self._ending

    def wait_at_most(self, seconds: float) -> Ending | None:
        """Wait for its end; None when it still runs after so many seconds."""
        deadline = time.monotonic() + seconds
        descriptor = self.end_descriptor()
        try:
            while (ending := self.poll()) is None and (rest := deadline - time.monotonic()) > 0:
                if descriptor is None:
                    time.sleep(min(rest, _PAUSE))
                else:
                    _is_readable(descriptor, rest)
        finally:
            if descriptor is not None:
                os.close(descriptor)
        return ending

    def end_descriptor(self) -> int | None:
        """A new descriptor that becomes readable when it ends, where the system has such."""
        try:
            if self._report is not None:
                return os.dup(self._report)
            return os.pidfd_open(self.pid) if hasattr(os, "pidfd_open") else None
        except OSError:
            return None

    def send_signal(self, number: int) -> None:
        """Send it a signal; no effect when it has ended."""
        if self.poll() is None:
            try:
                os.kill(self._program, number)
            except ProcessLookupError:
                pass  # another has seen its end

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        for stream in (self.stdin, self.stdout, self.stderr):
            if stream is not None:
                try:
                    stream.close()
                except BrokenPipeError:
                    pass  # it did not read to the end
        self.wait()

    def _look(self, options: int) -> None:
        """See whether it has ended; without ``options`` wait for it."""
        if self._ending is not None:
            return
        if self._report is not None:
            if options == os.WNOHANG and not _is_readable(self._report):
                return
            self._ending = _read_report(self._report)
            os.close(self._report)
            self._report = None
            _reap(self.pid)
        else:
            try:
                pid, status, used = os.wait4(self.pid, options)
            except ChildProcessError:
                self._ending = Ending(None)
                Child._was_lost = True
            else:
                if pid == 0:
                    return
                own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
                self._ending = _ending(status, used.ru_utime + used.ru_stime, used.ru_maxrss, own)
        self._process.returncode = -1  # for subprocess, which is not asked for it


def _endings_are_taken() -> bool:
    """Whether the program around us ignores or collects the ends of its children."""
    return signal.getsignal(signal.SIGCHLD) is not signal.SIG_DFL


def _start_witness(argv: Sequence[str], options: dict[str, Any]) -> tuple[subprocess.Popen[bytes], int]:
    report, written = os.pipe()
    try:
        if options.get("close_fds", True):
            options = {**options, "pass_fds": (*options.get("pass_fds", ()), written)}
        else:
            os.set_inheritable(written, True)
        command = [interpreter(), "-I", "-S", str(_WITNESS), str(written), *argv]
        return subprocess.Popen(command, **options), report
    except BaseException:
        os.close(report)
        raise
    finally:
        os.close(written)


def interpreter() -> str:
    """The Python that runs us; where we are embedded in another program, the one that belongs to it."""
    if Path(sys.executable or "-").name.startswith(("python", "pypy")):
        return sys.executable
    return str(Path(sys.exec_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}"))


def _read_pid(witness: subprocess.Popen[bytes], report: int, program: str) -> int:
    """The process id of the program, once the witness has started it.

    Raises:
        OSError: it could not.
    """
    line = _read_line(report)
    if line[:1].isdigit():
        return int(line)
    os.close(report)
    _reap(witness.pid)
    witness.returncode = -1
    number = int(line[1:] or 0)
    raise OSError(number, os.strerror(number) if number else "its witness was ended", program)


def _read_report(report: int) -> Ending:
    words = _read_line(report).split()
    if len(words) != 4:
        return Ending(None)
    status, seconds, memory, own = words
    return _ending(int(status), float(seconds), int(memory), int(own))


def _is_readable(descriptor: int, seconds: float = 0) -> bool:
    """Whether it is within so many seconds; ``select`` could not do that for descriptors from 1024 on."""
    watched = select.poll()
    watched.register(descriptor, select.POLLIN)
    return bool(watched.poll(seconds * 1000))


def _read_line(descriptor: int) -> bytes:
    """The next line; what came of it when the other end was closed."""
    line = b""
    while not line.endswith(b"\n") and (byte := os.read(descriptor, 1)):
        line += byte
    return line


def _ending(status: int, cpu_seconds: float, memory: int, own: int) -> Ending:
    """Linux counts the memory of the process that starts another as that one's: less is not known."""
    peak = memory * _KILOBYTES if memory > own else None
    return Ending(os.waitstatus_to_exitcode(status), round(cpu_seconds, 3), peak)


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:
        pass  # another has
