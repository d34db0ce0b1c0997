"""The first steps of our programs, so that inherited state cannot cause wrong results."""

from __future__ import annotations

import os
import signal
import sys

_NAMES = ("stdin", "stdout", "stderr")


def prepare_process() -> None:
    """Open what is closed of descriptors 0 to 2, and see the ends of our children again.

    Without it a lock, a pipe or a socket would be taken for one of the streams. A shell, a supervisor or a
    container that ignores SIGCHLD hands that on.
    """
    for descriptor in occupy_standard_descriptors():
        if getattr(sys, _NAMES[descriptor]) is None:
            mode, errors = ("r", "strict") if descriptor == 0 else ("w", "backslashreplace")
            stream = open(descriptor, mode, encoding="utf-8", errors=errors, closefd=False)  # noqa: SIM115
            setattr(sys, _NAMES[descriptor], stream)
    if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def occupy_standard_descriptors() -> list[int]:
    """Open ``/dev/null`` on each of the descriptors 0 to 2 that is closed; which ones these were.

    They stay open: another thread may have come to rely on it.
    """
    closed = [descriptor for descriptor in range(3) if not _is_open(descriptor)]
    for descriptor in closed:
        opened = os.open(os.devnull, os.O_RDWR)
        if opened != descriptor:  # another thread was faster
            os.close(opened)
        else:
            os.set_inheritable(descriptor, True)
    return closed


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
