"""The warm process, which has imported everything and forks: ``warm.py MODULE SOCKET``.

It is started by ``carriers.py``. It has one thread, opens nothing, and forks for each message that comes by
the socket. It ends when its caller does, or when it is idle. What it has forked continues without it.
"""

from __future__ import annotations

import gc
import importlib
import os
import pickle
import signal
import socket
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping
from typing import Any, NoReturn

_IDLE = 300.0  # seconds after which it ends; the next run of its caller starts another
_MOST_DESCRIPTORS = 8


def main() -> int:
    module_name, number = sys.argv[1:]
    if os.fork() != 0:
        os._exit(0)
    os.setsid()
    os.chdir("/")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system takes the ends of what we fork
    module = importlib.import_module(module_name)
    module.warm_up()
    gc.collect()
    gc.freeze()  # what is imported stays in memory that all forks share
    gc.set_threshold(50_000)  # a fork ends before there is much garbage
    descriptors = _wait_for_task(socket.socket(fileno=int(number)))
    if descriptors is not None:
        _carry(module, *descriptors)
    return 0


def _wait_for_task(connection: socket.socket) -> list[int] | None:
    """Fork for each message: its descriptors, in the new process. None, in this one, when it is to end."""
    connection.settimeout(_IDLE)
    with connection:
        while True:
            try:
                data, descriptors, _, _ = socket.recv_fds(connection, 1, _MOST_DESCRIPTORS)
            except (TimeoutError, ConnectionError):
                return None
            if not data:
                return None
            if os.fork() == 0:
                return descriptors
            for descriptor in descriptors:
                os.close(descriptor)


def _carry(module: Any, channel: int, log: int, folder: int, *descriptors: int) -> NoReturn:
    """Call ``carry`` of ``module`` in this fork, send the exit code over the socket ``channel``, and
    exit.
    """
    os.setsid()
    for descriptor in (channel, *descriptors):
        os.set_inheritable(descriptor, False)
    connection = socket.socket(fileno=channel)
    connection.sendall(b"%d\n" % os.getpid())
    with connection.makefile("rb") as stream:
        environ, message = pickle.load(stream)
    _take_over(log, folder, environ)
    try:
        code: int = module.carry(message, *descriptors)
    except Exception:
        traceback.print_exc()
        code = 1
    try:
        connection.sendall(b"%d\n" % code)
    except OSError:
        pass  # our caller has ended
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # to take the modules apart would copy the memory that all forks share


def _take_over(log: int, folder: int, environ: Mapping[bytes, bytes]) -> None:
    """Be like a process that our caller has started itself."""
    os.fchdir(folder)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(folder)
    os.close(log)
    os.environb.clear()
    os.environb.update(environ)
    time.tzset()
    tempfile.tempdir = None  # it was found by the variables of another time, if at all


if __name__ == "__main__":
    sys.exit(main())
