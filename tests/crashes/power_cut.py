"""What a power cut would take: the system calls of a command, read in their order.

A file is on the disk when it was synced after it was last written, and when each folder that leads to it
was synced after its name was put there. Nothing less is promised by POSIX, and nothing more is assumed.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.crashes.programs import Program

_CALLS = (
    *("openat", "creat", "write", "pwrite64", "writev", "pwritev", "sendfile", "copy_file_range"),
    *("ftruncate", "fsync", "fdatasync", "rename", "renameat", "renameat2", "link", "linkat"),
    *("mkdir", "mkdirat", "exit_group"),
)
_WRITES = {"write", "pwrite64", "writev", "pwritev", "ftruncate"}
_COPIES = {"sendfile": 0, "copy_file_range": 1}
"""Calls that write into a descriptor, and which of those in their arguments it is."""
_LINE = re.compile(r"(?P<pid>\d+) +(?:<\.\.\. (?P<resumed>\w+) resumed>|(?P<call>\w+)\()(?P<rest>.*)")
_FILE = re.compile(r"(?:AT_FDCWD|\d+)<(?P<path>/[^>]*)>")
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')
_UNFINISHED = " <unfinished ...>"


class Call(NamedTuple):
    """A call that ended well; ``arguments`` as strace shows them."""

    name: str
    arguments: str

    @property
    def files(self) -> list[str]:
        """The paths of the descriptors among the arguments."""
        return _FILE.findall(self.arguments)

    @property
    def texts(self) -> list[str]:
        return [json.loads(f'"{text}"') for text in _TEXT.findall(self.arguments) if "\\" not in text]

    @property
    def paths(self) -> list[str]:
        """The paths among the arguments, those after the folder of a descriptor below it."""
        found, folder = [], ""
        for match in re.finditer(f"{_FILE.pattern}|{_TEXT.pattern}", self.arguments):
            if match["path"] is not None:
                folder = match["path"]
            else:
                found.append(str(Path(folder, match[2])))
        return found


class Disk:
    """What is on the disk for certain, as calls come in; ``known``: what was there before."""

    def __init__(self, known: set[str]) -> None:
        self._known = known
        self._dirty: set[str] = set()
        self._unnamed: dict[str, set[str]] = {}

    def find_loss(self, path: Path) -> str | None:
        """Why a power cut would take the file ``path``; None when it would not."""
        if str(path) in self._dirty:
            return f"{path} was written and not synced"
        for place in (path, *path.parents):
            if str(place) in self._unnamed.get(str(place.parent), ()):
                return f"the name {place} was not synced"
        return None

    def take(self, call: Call) -> None:
        """Follow a call."""
        name, files = call.name, call.files
        if name in ("fsync", "fdatasync"):
            self._dirty.discard(files[0])
            self._unnamed.pop(files[0], None)
        elif name in _WRITES and files:
            self._dirty.add(files[0])
        elif name in _COPIES and len(files) > _COPIES[name]:
            self._dirty.add(files[_COPIES[name]])
        elif name in ("openat", "creat"):
            if "O_CREAT" in call.arguments:
                self._name(call.paths[0])
            if "O_TRUNC" in call.arguments:
                self._dirty.add(call.paths[0])
        elif name in ("mkdir", "mkdirat"):
            self._name(call.paths[0])
        elif name.startswith("rename"):
            self._rename(*call.paths[:2])
        elif name.startswith("link"):
            self._name(call.paths[1])

    def _name(self, path: str) -> None:
        if path not in self._known:
            self._known.add(path)
            self._unnamed.setdefault(str(Path(path).parent), set()).add(path)

    def _rename(self, source: str, target: str) -> None:
        self._dirty = {self._moved(path, source, target) for path in self._dirty - {target}}
        self._unnamed = {
            self._moved(folder, source, target): {self._moved(path, source, target) for path in paths}
            for folder, paths in self._unnamed.items()
        }
        self._known = {self._moved(path, source, target) for path in self._known}
        self._unnamed.get(str(Path(source).parent), set()).discard(source)
        self._unnamed.setdefault(str(Path(target).parent), set()).add(target)

    @staticmethod
    def _moved(path: str, source: str, target: str) -> str:
        return target + path[len(source) :] if path == source or path.startswith(f"{source}/") else path


def record_calls(program: Program) -> list[Call]:
    """Run a command, and return the calls of all its processes that ended well, in their order."""
    assert isinstance(program.arguments, tuple)
    log = program.aside / "calls.log"
    command = ["strace", "-f", "-y", "-s", "300", "-o", str(log), "-e", f"trace={','.join(_CALLS)}"]
    subprocess.run(
        [*command, sys.executable, "-m", "reprise", *program.arguments],
        cwd=program.cwd,
        env=program.environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return list(_read_calls(log))


def _read_calls(log: Path) -> Iterator[Call]:
    """A call of which another thread's came in between counts when it ends; a write also when it begins."""
    begun: dict[str, str] = {}
    for line in log.read_text(errors="replace").splitlines():
        if (match := _LINE.match(line)) is None:
            continue
        name = match["call"] or match["resumed"]
        rest = match["rest"]
        if rest.endswith(_UNFINISHED):
            begun[match["pid"]] = rest.removesuffix(_UNFINISHED)
            if name in _WRITES:
                yield Call(name, begun[match["pid"]])
            continue
        if match["resumed"]:
            rest = begun.pop(match["pid"], "") + rest
        arguments, _, result = rest.rpartition(" = ")
        if not result.startswith(("-1", "?")):
            yield Call(name, arguments)
