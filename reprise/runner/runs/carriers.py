"""Processes forked by a warm process (``warm.py``), without starting an interpreter.

The first call of :func:`fork` starts the warm process of this one, and further calls use it. What it has
forked continues without it and without us.

A forked process gets the environment variables and the folder that we have at the call. What it
inherits besides (limits, ignored signals, user, ...) must be as it was when the warm process was started:
otherwise a new one is started.
"""

from __future__ import annotations

import os
import pickle
import select
import socket
import threading
from collections.abc import Sequence
from pathlib import Path
from subprocess import DEVNULL

from reprise.backends.orphans import JOB_VARIABLE
from reprise.children import Child, Ending, interpreter
from reprise.named_tuple import NamedTuple

_PATIENCE = 60.0  # seconds for a forked process to report its start; it takes milliseconds
_INTERPRETER_VARIABLES = ("PYTHON", "LD_", "LC_", "LANG", "GLIBC_", JOB_VARIABLE)
_INHERITED = ("Umask", "Uid", "Gid", "Groups", "Sig", "Cap", "NoNewPrivs", "Seccomp", "Cpus_", "Mems_")
_CHANGING = ("SigQ", "SigPnd", "SigCgt")


class Forked:
    """A process forked by the warm process; ``end`` becomes readable when it has ended.

    It sends its exit code over a socket. The end of that socket is not its own end: it may still hold a
    lock.
    """

    def __init__(self, pid: int, end: int, connection: socket.socket) -> None:
        self.pid = pid
        self._end = end
        self._connection = connection
        self._ending: Ending | None = None
        self._ending_lock = threading.Lock()

    def poll(self) -> Ending | None:
        """How it ended; None while it runs."""
        if self._ending_lock.acquire(blocking=False):
            try:
                self._look(0)
            finally:
                self._ending_lock.release()
        return self._ending

    def wait(self) -> Ending:
        """Wait for its end."""
        with self._ending_lock:
            self._look(None)
        assert self._ending is not None
        return self._ending

    def _look(self, timeout: int | None) -> None:
        """See whether it has ended within ``timeout`` milliseconds; None waits for it."""
        if self._ending is not None:
            return
        watched = select.poll()
        watched.register(self._end, select.POLLIN)
        if not watched.poll(timeout):
            return
        try:
            said = self._connection.recv(64)
        except (BlockingIOError, ConnectionError):
            said = b""  # it was killed
        self._connection.close()
        os.close(self._end)
        self._ending = Ending(int(said) if said.endswith(b"\n") else None)


class _Warm(NamedTuple):
    """The warm process: the socket that it reads from, and what it has inherited."""

    connection: socket.socket
    inherited: tuple[object, ...]


_warm: _Warm | None = None
_warm_lock = threading.Lock()


def fork(module: str, message: bytes, log: int, descriptors: Sequence[int]) -> Forked | None:
    """Have ``carry(message, *descriptors)`` of ``module`` called in a new process, in a session of its own.

    Its return value is the exit code. ``log`` becomes stdout and stderr. None: there is no warm process,
    and ``message`` was given to none.

    Raises:
        OSError: the new process died before it had read ``message``.
    """
    try:
        folder = os.open(".", os.O_PATH | os.O_DIRECTORY)
    except (AttributeError, OSError):
        return None
    ours, theirs = socket.socketpair()
    try:
        with theirs:
            is_asked = _ask(module, [theirs.fileno(), log, folder, *descriptors])
    finally:
        os.close(folder)
    pid = _read_pid(ours) if is_asked else None
    end = None if pid is None else _open_end(pid)
    if pid is None or end is None:
        ours.close()  # a process that is there all the same has read no message, and ends
        return None
    try:
        ours.sendall(pickle.dumps((dict(os.environb), message)))
    except OSError:
        ours.close()
        os.close(end)
        raise
    ours.setblocking(False)
    return Forked(pid, end, ours)


def _ask(module: str, descriptors: Sequence[int]) -> bool:
    """Give the descriptors to the warm process; False when there is none and none can be started."""
    global _warm
    with _warm_lock:
        for _ in range(2):  # the first may have ended, idle or killed
            try:
                inherited = _read_inherited(module)
                if _warm is not None and _warm.inherited != inherited:
                    _forget()
                if _warm is None:
                    _warm = _Warm(_start(module), inherited)
                socket.send_fds(_warm.connection, [b"."], descriptors)
                return True
            except OSError:
                _forget()
    return False


def _read_pid(ours: socket.socket) -> int | None:
    """The process id that a forked process says first; None when it never came to that."""
    ours.settimeout(_PATIENCE)
    line = b""
    try:
        while not line.endswith(b"\n"):
            if not (data := ours.recv(1)):
                return None
            line += data
    except TimeoutError:
        with _warm_lock:
            _forget()  # it does not work: the next call must not wait for it again
        return None
    except OSError:
        return None
    return int(line)


def _open_end(pid: int) -> int | None:
    """A descriptor that becomes readable when the process has ended; None on a Linux before 5.3."""
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None


def _start(module: str) -> socket.socket:
    """Start a warm process; the socket that it reads from."""
    ours, theirs = socket.socketpair()
    with theirs:
        starter = Child(
            # -P: a module of the project's folder must not be taken for one of Python's.
            # By the name of the module here a run finds the carriers of its steps (lease.py).
            [interpreter(), "-P", "-m", "reprise.runner.runs.warm", module, str(theirs.fileno())],
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
    # the warm process is not our child: a program that waits for all its children does not hang
    starter.wait()
    ours.settimeout(_PATIENCE)
    return ours


def _read_inherited(module: str) -> tuple[object, ...]:
    """Return what a process inherits from the thread that starts it.

    Raises:
        OSError: the system does not provide it; it is not Linux.
    """
    status = [
        line
        for line in Path("/proc/thread-self/status").read_text(errors="replace").splitlines()
        if line.startswith(_INHERITED) and not line.startswith(_CHANGING)
    ]
    variables = {
        name: value for name, value in os.environ.items() if name.startswith(_INTERPRETER_VARIABLES)
    }
    more = [Path("/proc/self", name).read_text() for name in ("limits", "cgroup")]
    return module, interpreter(), status, variables, more, os.getpriority(os.PRIO_PROCESS, 0)


def _forget() -> None:
    """Release the warm process, which ends it."""
    global _warm
    if _warm is not None:
        _warm.connection.close()
        _warm = None


def _forget_after_fork() -> None:
    """Release the warm process in a fork of this process, which starts its own."""
    global _warm_lock
    _warm_lock = threading.Lock()
    _forget()


os.register_at_fork(after_in_child=_forget_after_fork)
