"""Facts about a Python, queried once until it is replaced.

The answer is kept in ``<cache>/pythons-v1`` under the path of the interpreter, with a stamp of the files
that decide it. A script that only starts a Python (a shim of pyenv or similar) is queried each time: it can
start another Python without being changed.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from reprise.children import interpreter
from reprise.durable import write_note
from reprise.errors import RepriseError
from reprise.named_tuple import NamedTuple
from reprise.paths import cache_dir
from reprise.process import run

FOLDER = "pythons-v1"

_SECONDS = 60.0
_VENV_FILE = "pyvenv.cfg"
_CONDA_FOLDER = "conda-meta"
# Without our own folder on its path, and in words that Python 2 understands too.
_ASK = (
    "import sys; sys.path[:1] = []; import json, platform; print(json.dumps("
    "[sys.executable, platform.python_version(), platform.python_implementation().lower()]))"
)


class PythonFacts(NamedTuple):
    """An interpreter: ``executable`` is the path by which it is started, ``implementation`` ``cpython``."""

    executable: Path
    version: str
    implementation: str


def describe_python(program: Path, folder: Path) -> PythonFacts | None:
    """The interpreter that ``program`` is, or starts in ``folder``; None where it does not work."""
    ours = _our_facts()
    if _is_same(program, ours.executable):
        return ours
    try:
        stamp = _stamp_of(program)
        is_script = _is_script(program)
    except OSError:
        return None
    note = cache_dir() / FOLDER / f"{hashlib.sha256(os.fsencode(program)).hexdigest()[:32]}.json"
    if not is_script and (known := _recall_facts(note, stamp)):
        return PythonFacts(program, *known)
    answer = _ask_program(program, folder)
    if answer is None:
        return None
    executable, version, implementation = answer
    if is_script:
        return PythonFacts(Path(executable), version, implementation)
    _remember_facts(note, {"stamp": stamp, "python": [version, implementation]})
    return PythonFacts(program, version, implementation)


def environment_of(executable: Path) -> Path | None:
    """The virtual or conda environment that the interpreter belongs to; None for a plain installation."""
    return next(
        (
            prefix
            for prefix in (executable.parent.parent, executable.parent)
            if (prefix / _VENV_FILE).is_file() or (prefix / _CONDA_FOLDER).is_dir()
        ),
        None,
    )


@cache
def _our_facts() -> PythonFacts:
    """The Python that runs us, which knows itself."""
    version = ".".join(map(str, sys.version_info[:3]))
    return PythonFacts(Path(interpreter()), version, sys.implementation.name)


def _is_same(program: Path, other: Path) -> bool:
    """Whether two paths start one interpreter: a link to it from elsewhere may be another environment."""
    if program == other:
        return True
    prefixes = [str(environment_of(path) or "") for path in (program, other)]
    return all(os.path.realpath(one) == os.path.realpath(two) for one, two in ((program, other), prefixes))


def _ask_program(program: Path, folder: Path) -> tuple[str, str, str] | None:
    """Return executable, version and implementation from the interpreter."""
    environ = {"PYTHONSTARTUP": None, "PYTHONINSPECT": None}
    command = [str(program), "-c", _ASK]
    try:
        told = run(command, cwd=folder, environ=environ, check=False, timeout=_SECONDS)
        executable, version, implementation = json.loads(told.stdout.splitlines()[-1])
    except (RepriseError, OSError, ValueError, TypeError, IndexError):
        return None
    if told.exit_code != 0 or not executable:
        return None
    return str(executable), str(version), str(implementation)


def _stamp_of(program: Path) -> list[int]:
    """Return a stamp that changes when the interpreter, a link to it, or its environment is recreated."""
    found = [program.stat(), program.lstat()]
    prefix = environment_of(program)
    if prefix is not None and (prefix / _VENV_FILE).is_file():
        found.append((prefix / _VENV_FILE).stat())
    return [number for file in found for number in (file.st_size, file.st_mtime_ns, file.st_ino)]


def _recall_facts(note: Path, stamp: list[int]) -> list[str] | None:
    try:
        kept: dict[str, Any] = json.loads(note.read_bytes())
        version, implementation = kept["python"]
        return [str(version), str(implementation)] if kept["stamp"] == stamp else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _remember_facts(note: Path, kept: Mapping[str, Any]) -> None:
    try:
        write_note(note, json.dumps(kept))
    except OSError:
        return  # the next run asks again


def _is_script(program: Path) -> bool:
    with program.open("rb") as stream:
        return stream.read(2) == b"#!"
