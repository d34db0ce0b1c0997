"""Death by ``strace``: any program can be followed, also one that makes its calls without the C library."""

from __future__ import annotations

import re
import subprocess
import time
from collections import Counter
from pathlib import Path

from tests.crashes.points import Calls, Point
from tests.crashes.programs import During, Ended, Program, Tracer, kill_descendants, perform

SYSCALLS = (
    *("write", "pwrite64", "fsync", "fdatasync", "ftruncate", "sendto", "close", "flock", "openat"),
    *("rename", "renameat", "renameat2", "link", "linkat", "symlink", "unlink", "unlinkat", "rmdir"),
    *("mkdir", "mkdirat", "chmod", "utimensat", "clone", "clone3", "vfork", "execve", "wait4"),
)

_KILLED = re.compile(r"killed by SIGKILL")
_CALL = re.compile(r"^(?:(\d+) +)?(\w+)\(")
_LIMIT = 120.0  # seconds


class Strace:
    """A :class:`~tests.crashes.points.Killer`, slow and thorough."""

    def count_calls(self, program: Program, during: During | None = None) -> Calls:
        log = program.aside / "strace.log"
        perform(program, _Following(("-f", "-e", f"trace={','.join(SYSCALLS)}"), log), during)
        counts: dict[str, Counter[str]] = {}
        with log.open(errors="replace") as lines:
            for line in lines:
                if match := _CALL.match(line):
                    counts.setdefault(match[1] or "", Counter())[match[2]] += 1
        own, *others = counts.values()
        return Calls(own, tuple(others))

    def run_to_death(self, program: Program, point: Point, during: During | None = None) -> Ended:
        log = program.aside / "strace.log"
        log.unlink(missing_ok=True)
        inject = ("-e", f"trace={point.call}", "-e", f"inject={point.call}:signal=KILL:when={point.number}")
        deep = ("-f", "--seccomp-bpf") if program.real else ("-f",)
        following = _Following((*deep * point.deep, *inject), log, point.all_die)
        return perform(program, following, during)._replace(died=following.saw_death)


class _Following(Tracer):
    def __init__(self, options: tuple[str, ...], log: Path, all_die: bool = False) -> None:
        self.prefix = ("strace", "-o", str(log), *options)
        self._log, self._all_die = log, all_die
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def saw_death(self) -> bool:
        return self._log.exists() and _KILLED.search(self._log.read_text(errors="replace")) is not None

    def attach(self, pid: int) -> None:
        self._process = subprocess.Popen(
            [*self.prefix, "-q", "-p", str(pid)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + _LIMIT
        while "TracerPid:\t0\n" in Path(f"/proc/{pid}/status").read_text():
            if time.monotonic() > deadline:
                raise RuntimeError("strace did not come")
            time.sleep(0.001)

    def look(self) -> None:
        if self._all_die and self.saw_death:
            kill_descendants()

    def end(self) -> None:
        if self._process is not None:
            self._process.wait(_LIMIT)  # it stays with what the command has started
