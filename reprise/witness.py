"""Start a program, wait for it, and write its end into a pipe: ``witness.py PIPE PROGRAM ...``.

It is run by ``children.py`` where the program around us takes the ends of its children from us, and it
imports nothing of ours. It writes two lines: the process id of the program (or ``!`` and the error number
when it cannot be started), then the wait status, the CPU seconds, the largest memory of the program and
our own largest memory, as ``getrusage`` counts it.
"""

from __future__ import annotations

import os
import signal
import sys

_STOPPING = {signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGCONT}
_CHANGED_BY_PYTHON = [signal.SIGPIPE, signal.SIGXFSZ]


def main() -> None:
    import resource

    report, argv = int(sys.argv[1]), sys.argv[2:]
    os.set_inheritable(report, False)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        pid = os.posix_spawnp(
            argv[0], argv, os.environ, setsigmask=before, setsigdef=[*_CHANGED_BY_PYTHON, signal.SIGCHLD]
        )
    except OSError as error:
        os.write(report, b"!%d\n" % (error.errno or 0))
        return
    for number in signal.valid_signals() - _STOPPING - {signal.SIGKILL, signal.SIGCHLD}:
        signal.signal(number, signal.SIG_IGN)  # they are for the program, which is in our process group
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    os.write(report, b"%d\n" % pid)
    _, status, used = os.wait4(pid, 0)
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    os.write(report, b"%d %r %d %d\n" % (status, used.ru_utime + used.ru_stime, used.ru_maxrss, own))


if __name__ == "__main__":
    main()
