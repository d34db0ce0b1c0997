"""Compiled modules of installed packages, shared between environments.

uv installs sources only. The first import in a new environment then compiles a thousand files, seconds of
work, and does so at every start where Python may not write (``PYTHONDONTWRITEBYTECODE``). Here the compiled
modules of a distribution are kept by the content of its sources, ``<cache>/bytecode-v1/<tag>/<digest>/``: a
new environment gets links to those that are known, and the rest is compiled by a process that takes only
what the machine has idle. Each compiled file carries the hash of its source, so that Python itself
notices one that does not fit.

That process is this very file, run by the environment's own Python: nothing of reprise is imported here
at the top, and the syntax is that of Python 3.7.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import py_compile
import shutil
import sys
from pathlib import Path

FOLDER = "bytecode-v1"
MAKING = ".making-"
"""How the name of a folder begins that is being filled; its maker has it locked."""

# Never imported by those who use a package, and half of all its files.
_NOT_IMPORTED = {"test", "tests"}


def share_bytecode(prefix: Path) -> None:
    """Link the compiled modules that exist into the new environment at ``prefix``, and compile the rest."""
    from reprise.paths import cache_dir

    if os.environ.get("UV_COMPILE_BYTECODE"):
        return  # uv has done it
    for site in prefix.glob("lib/python3*/site-packages"):
        tag = site.parent.name.replace("python", "cpython-").replace(".", "")
        unknown = []
        for record in sorted(site.glob("*.dist-info/RECORD")):
            digest, modules = _list_sources(record)
            known = cache_dir() / FOLDER / tag / digest
            if known.is_dir():
                _link_files(known, site)
            elif modules:
                unknown.append((str(known), modules))
        if unknown:
            _compile_when_idle(prefix, site, unknown)


def _list_sources(record: Path) -> tuple[str, list[str]]:
    """The modules that an installed distribution lists in its RECORD, and the digest of their contents."""
    lines = record.read_text(encoding="utf-8", errors="replace").splitlines()
    entries = [line.rsplit(",", 2)[:2] for line in lines if ".py,sha256=" in line]
    modules = sorted(entry for entry in entries if entry[0].endswith(".py") and _is_imported(entry[0]))
    digest = hashlib.sha256(json.dumps(modules).encode()).hexdigest()
    return digest, [path for path, _ in modules]


def _is_imported(path: str) -> bool:
    parts = path.split("/")
    return ".." not in parts and not path.startswith("/") and _NOT_IMPORTED.isdisjoint(parts)


def _compile_when_idle(prefix: Path, site: Path, unknown: list[tuple[str, list[str]]]) -> None:
    """Start the process that compiles; it outlives us, and belongs to no run."""
    import subprocess
    import tempfile

    python = [str(prefix / "bin" / "python"), "-I", "-S", "-W", "ignore", __file__, str(site)]
    ours = ("REPRISE_", "MLFLOW_", "PYTHON")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    with tempfile.TemporaryFile() as work:
        work.write(json.dumps(unknown).encode())
        work.seek(0)
        compiling = subprocess.Popen(
            python,
            env=environ,
            stdin=work,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    compiling.returncode = 0  # it is not waited for, and Python must not warn about that


def _link_files(compiled: Path, site: Path) -> None:
    """Put every file of ``compiled`` at its place below ``site``, unless it exists."""
    try:
        for folder, _, names in os.walk(compiled):
            target = f"{site}/{os.path.relpath(folder, compiled)}"
            if names:
                Path(target).mkdir(exist_ok=True)
            for name in names:
                _link_file(f"{folder}/{name}", f"{target}/{name}")
    except FileNotFoundError:
        pass  # the environment, or what was compiled, is being removed


def _link_file(source: str, place: str) -> None:
    try:
        os.link(source, place)
    except FileExistsError:
        pass  # Python was faster
    except FileNotFoundError:
        raise
    except OSError:
        shutil.copyfile(source, place)  # a file system without links


def _compile_all(site: Path, work: list[tuple[str, list[str]]]) -> None:
    for known, modules in work:
        place = Path(known)
        making = place.with_name(f"{MAKING}{place.name[:16]}-{os.getpid()}")
        owner = None
        try:
            making.mkdir(parents=True)
            owner = os.open(str(making), os.O_RDONLY)
            fcntl.flock(owner, fcntl.LOCK_EX)
            for module in modules:
                _compile_module(site / module, module, making)
            making.replace(place)
        except OSError:
            pass  # another process was first, the disk is full, or the environment was removed
        finally:
            shutil.rmtree(making, ignore_errors=True)
            if owner is not None:
                os.close(owner)
        if place.is_dir() and site.is_dir():
            _link_files(place, site)


def _compile_module(source: Path, module: str, folder: Path) -> None:
    name = f"{source.stem}.{sys.implementation.cache_tag}.pyc"
    compiled = (folder / module).parent / "__pycache__" / name
    mode = py_compile.PycInvalidationMode.CHECKED_HASH
    try:
        # The name of the source is relative: Python puts the real one in when it loads the module.
        py_compile.compile(str(source), str(compiled), module, doraise=True, invalidation_mode=mode)
    except (py_compile.PyCompileError, ValueError, RecursionError):
        pass  # a template, or code for another Python


def _step_back() -> None:
    """Run only when the machine is idle."""
    os.nice(19)
    if hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


if __name__ == "__main__":
    _step_back()
    _compile_all(Path(sys.argv[1]), json.load(sys.stdin))
