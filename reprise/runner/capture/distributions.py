"""The packages installed for the interpreter of a ``local`` run: versions and origins.

The interpreter itself lists them; it may differ from ours. Its answer is cached until its import folders
change, so the next run only needs a few ``stat`` calls.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reprise import durable, paths, process
from reprise.errors import EnvError
from reprise.named_tuple import NamedTuple
from reprise.redact import redact
from reprise.schemas.record.run_record import Distribution

FOLDER = "installed-v1"

_SECONDS = 60.0
_ASK = """
import json, platform, sys
from importlib import metadata
found = {}
for one in metadata.distributions():
    name = one.metadata["Name"]
    if not name or name.lower() in found:
        continue
    url, editable = "", False
    try:
        direct = json.loads(one.read_text("direct_url.json") or "{}")
        vcs = direct.get("vcs_info") or {}
        url = (vcs["vcs"] + "+" if vcs.get("vcs") else "") + direct.get("url", "")
        url += "@" + vcs["commit_id"] if vcs.get("commit_id") else ""
        editable = bool((direct.get("dir_info") or {}).get("editable"))
    except ValueError:
        pass
    found[name.lower()] = [name, one.version or "", url, editable]
print(json.dumps({
    "python": platform.python_version(), "executable": sys.executable,
    "path": [folder for folder in sys.path if folder], "packages": sorted(found.values()),
}))
"""


class Installed(NamedTuple):
    """``python`` is the version of the interpreter ``executable``."""

    python: str
    executable: str
    packages: tuple[Distribution, ...]


def list_installed(environ: Mapping[str, str]) -> Installed:
    """Return the packages of the ``python`` that a command with this environment finds.

    Raises:
        EnvError: there is none, or it does not list them.
    """
    search = environ.get("PATH", os.defpath)
    program = shutil.which("python", path=search) or shutil.which("python3", path=search)
    if program is None:
        raise EnvError("there is no python on the PATH of the run")
    return list_installed_for(program, environ)


def list_installed_for(program: str, environ: Mapping[str, str]) -> Installed:
    """Return the packages of the Python ``program``.

    Raises:
        EnvError: it does not list them.
    """
    note = _note_of(program, environ.get("PYTHONPATH", ""))
    answer = _recall_answer(note)
    if answer is None:
        answer = _ask_python(program, environ)
        answer["folders"] = _times_of(answer["path"])
        if not _is_script(Path(program)):  # what a script starts may change without any of this changing
            _remember_answer(note, answer)
    packages = tuple(
        Distribution(name, version, redact(url) if url else "", bool(e))
        for name, version, url, e in answer["packages"]
    )
    return Installed(answer["python"], answer["executable"], packages)


def _ask_python(program: str, environ: Mapping[str, str]) -> dict[str, Any]:
    """Ask the interpreter, from a folder in which no project's module is in its way."""
    # Without the mark of the job's processes: this process is ours, and must not be ended with them.
    ours = ("REPRISE_", "MLFLOW_")
    theirs = {name: value for name, value in environ.items() if not name.startswith(ours)}
    patch: dict[str, str | None] = {**dict.fromkeys(os.environ), **theirs}
    try:
        told = process.run([program, "-c", _ASK], cwd=Path("/"), environ=patch, timeout=_SECONDS)
        answer = json.loads(told.stdout.splitlines()[-1])
    except (process.ProcessFailed, process.ProgramMissing, ValueError, IndexError) as error:
        raise EnvError(f"cannot list the packages of {program}: {error}") from error
    if not isinstance(answer, dict):
        raise EnvError(f"cannot list the packages of {program}")
    return answer


def _note_of(program: str, python_path: str) -> Path:
    name = hashlib.sha256(os.fsencode(f"{program}\0{python_path}")).hexdigest()[:32]
    return paths.cache_dir() / FOLDER / f"{name}.json"


def _recall_answer(note: Path) -> dict[str, Any] | None:
    try:
        answer: dict[str, Any] = json.loads(note.read_bytes())
        return answer if answer["folders"] == _times_of(answer["path"]) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _remember_answer(note: Path, answer: dict[str, Any]) -> None:
    try:
        durable.write_note(note, json.dumps(answer))
    except OSError:
        return  # the next run asks again


def _times_of(folders: list[str]) -> list[int]:
    """When something was last put into each of the folders, or taken out (ns; 0: there is none)."""
    return [_change_time(folder) for folder in folders]


def _change_time(folder: str) -> int:
    try:
        return Path(folder).stat().st_mtime_ns
    except OSError:
        return 0


def _is_script(program: Path) -> bool:
    with program.open("rb") as stream:
        return stream.read(2) == b"#!"
