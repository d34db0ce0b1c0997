"""Death by a library that is loaded into every program (``calls.c``): quick, and it knows of the disk."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
import tempfile
from collections import Counter
from hashlib import sha256
from pathlib import Path

from tests.crashes.points import Calls, Point
from tests.crashes.programs import During, Ended, Program, Tracer, kill_descendants, perform

KINDS = (
    *("write", "pwrite64", "writev", "fsync", "fdatasync", "ftruncate", "sendto", "sendfile"),
    *("copy_file_range", "close", "flock", "open", "rename", "link", "symlink", "unlink", "rmdir", "mkdir"),
    *("chmod", "utimensat", "fork", "execve", "waitpid", "kill"),
)
"""As in ``calls.c``; ``open`` is one that may make a file, ``rename`` and others stand for their kind."""

_SOURCE = Path(__file__).with_name("calls.c")


def can_preload() -> bool:
    """Whether this machine can compile the library and load it."""
    return sys.platform == "linux" and shutil.which("gcc") is not None


def compile_library() -> Path:
    """The library, compiled once for each version of its source."""
    key = sha256(_SOURCE.read_bytes()).hexdigest()[:12]
    library = Path(tempfile.gettempdir()) / f"reprise-calls-{os.getuid()}-{key}.so"
    if not library.exists():
        making = library.with_suffix(f".{os.getpid()}")
        command = ["gcc", "-O1", "-shared", "-fPIC", "-o", str(making), str(_SOURCE), "-ldl", "-pthread"]
        subprocess.run(command, check=True)
        making.rename(library)
    return library


def begin_again(library: Path) -> None:
    """Start this program again with the library, unless it has it; its forks have it then."""
    if os.environ.get("LD_PRELOAD") != str(library):
        os.environ["LD_PRELOAD"] = str(library)
        os.execv(sys.executable, sys.orig_argv)


class Preload:
    """A :class:`~tests.crashes.points.Killer`; forks need a process that :func:`begin_again` started."""

    def __init__(self, library: Path) -> None:
        self._library = library

    def count_calls(self, program: Program, during: During | None = None) -> Calls:
        folder = program.aside / "counts"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        loaded = _Loaded({"CRASH_COUNTS": str(folder)}, self._library)
        perform(program._replace(real=False), loaded, during)
        counts = {file.name: _read_counts(file) for file in folder.iterdir()}
        shutil.rmtree(folder)
        own = max(
            (name for name in counts if name.startswith(f"{loaded.pid}-")),
            key=lambda name: counts[name].total(),
        )
        others = sorted(
            (count for name, count in counts.items() if name != own and count), key=Counter.total
        )
        return Calls(counts[own], tuple(others))

    def run_to_death(self, program: Program, point: Point, during: During | None = None) -> Ended:
        notice = program.aside / "notice"
        notice.unlink(missing_ok=True)
        os.mkfifo(notice)
        reader = os.open(notice, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        settings = {
            "CRASH_CALL": point.call,
            "CRASH_NUMBER": str(point.number),
            "CRASH_NOTICE": str(notice),
        }
        if point.torn:
            settings["CRASH_TORN"] = "1"
        if point.power:
            settings["CRASH_DISK"] = str(program.aside / DISK)
        loaded = _Loaded(settings, self._library, reader, point)
        try:
            return perform(program, loaded, during)._replace(died=loaded.saw_death)
        finally:
            os.close(reader)
            notice.unlink()

    def run_on_disk(self, program: Program) -> Ended:
        """Run it to its end; what it syncs is kept in the folder ``DISK``."""
        return perform(program, _Loaded({"CRASH_DISK": str(program.aside / DISK)}, self._library))


DISK = "disk"
"""The folder of a program's folder in which what is synced is kept."""


class _Loaded(Tracer):
    def __init__(
        self,
        settings: dict[str, str],
        library: Path,
        reader: int | None = None,
        point: Point | None = None,
    ) -> None:
        self._settings, self._library, self._reader, self._point = settings, library, reader, point
        self.saw_death = False
        self.pid = 0
        if point is not None and not point.deep:
            self.prefix = ("/bin/sh", "-c", 'CRASH_PID=$$ exec "$@"', "sh")

    def environ(self, pid: int) -> dict[str, str]:
        own = {"CRASH_PID": str(pid or -1)} if self._point and not self._point.deep else {}
        return {**self._settings, **own, "LD_PRELOAD": str(self._library)}

    def attach(self, pid: int) -> None:
        self.pid = pid

    def look(self) -> None:
        if self._reader is None or self._point is None:
            return
        try:
            self.saw_death |= bool(os.read(self._reader, 1000))
        except BlockingIOError:
            return
        if self._point.all_die or self._point.power:
            kill_descendants()


def _read_counts(file: Path) -> Counter[str]:
    content = file.read_bytes()
    numbers = struct.unpack(f"{len(KINDS)}l", content) if len(content) == 8 * len(KINDS) else ()
    return Counter({kind: number for kind, number in zip(KINDS, numbers, strict=False) if number})
