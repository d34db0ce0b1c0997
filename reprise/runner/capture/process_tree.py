"""The processes of a job, polled regularly, including those that are not observed."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from pathlib import Path

from reprise.backends.orphans import JOB_VARIABLE
from reprise.named_tuple import NamedTuple
from reprise.runner.capture.observed import FOLDER

log = logging.getLogger(__name__)

_NOTES = "tree"
_FIRST, _LONGEST = 0.5, 30.0  # seconds between two looks: most is started at the beginning
_PYTHON = re.compile(r"python[\d.]*")


class SeenProcess(NamedTuple):
    """``program`` is its name as the system has it."""

    pid: int
    parent: int
    program: str

    @property
    def is_python(self) -> bool:
        return bool(_PYTHON.fullmatch(self.program))


class ProcessWatch:
    """Notes the processes below us that belong to the job of the folder ``job``, from start to end."""

    def __init__(self, job: Path) -> None:
        self._job = job
        self._over = threading.Event()
        self._known: set[int] = set()

    def start_watching(self) -> None:
        threading.Thread(target=self._watch_processes, name="process tree", daemon=True).start()

    def end_watching(self) -> None:
        self._over.set()

    def _watch_processes(self) -> None:
        pause = _FIRST
        while not self._over.wait(pause):
            pause = min(pause * 2, _LONGEST)
            try:
                new = [f"{item.pid}\t{item.parent}\t{item.program}\n" for item in self._look_once()]
                with (self._job / FOLDER / _NOTES).open("a", encoding="utf-8") as notes:
                    notes.writelines(new)
            except OSError as error:
                log.debug("process tree: %s", error)

    def _look_once(self) -> Iterator[SeenProcess]:
        import psutil

        for process in psutil.Process().children(recursive=True):
            if process.pid in self._known:
                continue
            try:
                if process.environ().get(JOB_VARIABLE) == self._job.name:
                    yield SeenProcess(process.pid, process.ppid(), process.name())
                self._known.add(process.pid)
            except (psutil.Error, OSError):
                continue  # gone meanwhile, or another user's


_DIGITS = 20  # of the number of a process, at most


def read_tree(job: Path) -> tuple[SeenProcess, ...]:
    """Return the seen processes of the job; a process that executed another program counts as the first."""
    try:
        text = (job / FOLDER / _NOTES).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ()
    found = (line.split("\t") for line in text.splitlines())
    return tuple(
        SeenProcess(int(fields[0]), int(fields[1]), fields[2])
        for fields in found
        if len(fields) == 3 and all(word.isdecimal() and len(word) < _DIGITS for word in fields[:2])
    )
