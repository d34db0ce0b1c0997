"""Find the Python for an environment: those known to uv, pyenv's too."""

from __future__ import annotations

import json
import os
import platform
import re
import sys
import sysconfig
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from reprise.envs.base import current_interpreter
from reprise.envs.pypi import uv
from reprise.errors import EnvError
from reprise.process import Completed, run

_DOWNLOAD_SECONDS = 300.0
_SERIES = re.compile(r"[=\s]*(?P<series>\d+(?:\.\d+)?)\.[*x]\s*")
_PROGRAM = re.compile(r"python(\d+\.\d+)")
_PROBE = (
    "import json, os, platform, sys, sysconfig\n"
    "try: libc = os.confstr('CS_GNU_LIBC_VERSION').replace(' ', '')\n"
    "except Exception: libc = ''\n"
    "print(json.dumps([platform.python_implementation(), platform.python_version(),"
    " sysconfig.get_platform(), libc, sys.executable]))"
)


@dataclass(frozen=True, slots=True)
class Interpreter:
    """``platform`` names system, machine and C library: ``linux-x86_64-glibc2.36``."""

    path: Path
    implementation: str
    version: str
    platform: str


def find_interpreter(
    request: str | None, log: Path, *, offline: bool = False, exact: bool = True
) -> Interpreter:
    """The interpreter for ``request`` (``3.11``, ``3.11.7``, ``3.11.*``, ``>=3.9,<3.12``), None = ours.

    One that is missing is downloaded by uv, where we are not ``offline`` and its settings
    (``UV_PYTHON_DOWNLOADS``) allow it. Unless it has to be the ``exact`` one, another patch release of the
    same series that is here is taken before anything is downloaded.

    Raises:
        EnvError: there is none; the message lists the available ones.
    """
    if found := find_here(request, log, exact=exact):
        return found
    wanted = _as_uv_writes(request or "")
    if may_download() and not offline and wanted[:1] in "<>=~!0123456789":
        for version in _list_near(wanted, exact=exact):
            result = _download_python(version, log)
            if result.exit_code == 0:
                return _describe_interpreter(Path(result.stdout.strip()), log)
    raise explain_missing(request or "", log, offline=offline)


def find_here(request: str | None, log: Path, *, exact: bool = True) -> Interpreter | None:
    """As :func:`find_interpreter`, of what is on this machine; None where it is not."""
    wanted = None if request is None else _as_uv_writes(request)
    if wanted is None:
        return _our_interpreter()
    found = (find_present(version, log) for version in _list_near(wanted, exact=exact))
    return next(filter(None, found), None)


def _list_near(wanted: str, *, exact: bool) -> list[str]:
    """``wanted``, and its series where another patch release will do."""
    return [wanted] if exact or not is_release(wanted) else [wanted, wanted.rpartition(".")[0]]


def find_present(request: str, log: Path) -> Interpreter | None:
    """The interpreter for ``request`` where it is on this machine; nothing is downloaded."""
    if _is_met_by_ours(request):
        return _our_interpreter()
    result = _ask_uv(["find", "--system", request], log)
    return _describe_interpreter(Path(result.stdout.strip()), log) if result.exit_code == 0 else None


def read_interpreter(path: Path, log: Path) -> Interpreter:
    """Return the Python at ``path``."""
    return _our_interpreter() if path == current_interpreter() else _describe_interpreter(path, log)


def describe_relaxed(request: str | None, taken: str) -> str:
    """A sentence where ``taken`` is not the very version of ``request``; empty where it is."""
    if request is None or not is_release(request) or request.strip() == taken:
        return ""
    return f"Python {taken} is used for {request.strip()}, which is not on this machine"


def is_release(request: str) -> bool:
    """Whether ``request`` names one release, down to its patch level."""
    return re.fullmatch(r"\s*\d+\.\d+\.\d+\s*", request) is not None


def is_choice(request: str | None) -> bool:
    """Whether several series meet ``request``: none is named, or a range, or ``3`` alone."""
    return request is None or re.match(r"\s*(?:[<>~!]|3\s*$|.*,)", request) is not None


def explain_missing(request: str, log: Path, *, offline: bool) -> EnvError:
    """The error for a Python that is not here and cannot be downloaded."""
    if re.match(r"[=\s]*(?:2\.|3\.[0-5](?!\d))", request):
        return EnvError(
            f"Python {request} is too old: environments need Python 3.6 or newer",
            hint="use --python to select another, or --env-manager conda for older Pythons",
        )
    why = ", and --offline does not allow downloading it" if offline else ", and uv could not download it"
    return EnvError(
        f"Python {request} is not on this machine" + (why if may_download() else ""),
        hint=f"these are: {', '.join(list_installed(log)) or 'none'}; install Python {request}, "
        "or select one of them with --python or in the environment file",
    )


def exact_request(implementation: str, version: str) -> str:
    """The request that only this version satisfies."""
    return version if implementation == "CPython" else f"{implementation.lower()}@{version}"


def list_installed(log: Path) -> list[str]:
    """The versions on this machine, newest first."""
    listed = _ask_uv(["list", "--only-installed"], log)
    keys = [line.split()[0].split("-") for line in listed.stdout.splitlines() if line.strip()]
    return list(dict.fromkeys(key[1] for key in keys if len(key) > 1))


def find_installed_series() -> dict[str, Path]:
    """Where there is a Python of each series, by the names of programs alone: no program is started.

    Ours comes first, then those on PATH, pyenv's, and the ones that uv has installed.
    """
    found = {f"{sys.version_info.major}.{sys.version_info.minor}": current_interpreter()}
    for folder in _search_path().split(os.pathsep):
        if (Path(folder).parent / "pyvenv.cfg").exists():
            continue
        for program in _files_in(Path(folder)):
            if series := _PROGRAM.fullmatch(program.name):
                found.setdefault(series[1], program)
    return found


def is_downloadable(request: str, log: Path) -> bool:
    """Whether uv may download it, and has one to download."""
    wanted = _as_uv_writes(request)
    series = ".".join(wanted.split(".")[:2])
    return may_download() and any(version.startswith(f"{series}.") for version in list_downloadable(log))


def list_downloadable(log: Path) -> list[str]:
    """The versions of CPython that uv can download, newest first."""
    listed = _ask_uv(["list", "--only-downloads", "--output-format", "json"], log)
    try:
        entries: list[dict[str, Any]] = json.loads(listed.stdout)
    except ValueError:
        return []
    return [
        entry["version"]
        for entry in entries
        if entry["implementation"] == "cpython"
        and entry["variant"] == "default"
        and re.fullmatch(r"\d+\.\d+\.\d+", entry["version"])
    ]


def _files_in(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _as_uv_writes(request: str) -> str:
    """``3.10.*`` and ``3.10.x`` are the series 3.10, ``==3.10.2`` is 3.10.2; the rest uv understands."""
    if series := _SERIES.fullmatch(request):
        return series["series"]
    bare = re.sub(r"^\s*={2,3}\s*", "", request)
    return bare.strip() if is_release(bare) else request.strip()


def _is_met_by_ours(wanted: str) -> bool:
    """Whether the Python that runs us will do, which saves uv's look at every Python of the machine."""
    if "UV_PYTHON_PREFERENCE" in os.environ or platform.python_implementation() != "CPython":
        return False
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    if re.fullmatch(r"\d+(\.\d+){0,2}", wanted):
        wanted = f"=={wanted}" if wanted.count(".") == 2 else f"=={wanted}.*"
    try:
        return platform.python_version() in SpecifierSet(wanted)
    except InvalidSpecifier:
        return False


@cache
def _our_interpreter() -> Interpreter:
    """The Python that runs us, which knows itself."""
    try:
        libc = (os.confstr("CS_GNU_LIBC_VERSION") or "").replace(" ", "")
    except (ValueError, OSError):
        libc = ""
    name = f"{sysconfig.get_platform()}-{libc}" if libc else sysconfig.get_platform()
    return Interpreter(
        current_interpreter(), platform.python_implementation(), platform.python_version(), name
    )


def may_download() -> bool:
    """Whether uv's settings allow it to download a Python."""
    return os.environ.get("UV_PYTHON_DOWNLOADS", "automatic").lower() in {"automatic", "auto", "1", "true"}


def _download_python(wanted: str, log: Path) -> Completed:
    from reprise.progress import spinner

    with spinner(f"Looking for Python {wanted} to download"):
        done = uv.call_uv(["python", "install", wanted, "--no-bin"], log=log, timeout=_DOWNLOAD_SECONDS)
    return _ask_uv(["find", "--system", wanted], log) if done.exit_code == 0 else done


def _ask_uv(arguments: list[str], log: Path) -> Completed:
    return uv.call_uv(["python", *arguments], log=log, environ={"UV_PYTHON_SEARCH_PATH": _search_path()})


def _search_path() -> str:
    """Our own folder, PATH without pyenv's shims (slow, and broken for most), pyenv's own, and uv's."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    path = [folder for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    folders = [
        str(current_interpreter().parent),
        *(folder for folder in path if Path(folder) != pyenv / "shims"),
        *(str(folder) for folder in sorted(pyenv.glob("versions/*/bin"), key=_by_version, reverse=True)),
        *(str(folder) for folder in sorted(_list_managed(), key=_by_version, reverse=True)),
    ]
    return os.pathsep.join(dict.fromkeys(folders))


def _list_managed() -> list[Path]:
    """The folders of the Pythons that uv has downloaded, without those of another build."""
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    home = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or Path(data) / "uv" / "python")
    return [folder for folder in home.glob("cpython-*/bin") if "+" not in folder.parent.name]


def _by_version(folder: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", folder.parent.name)]


@cache
def _describe_interpreter(path: Path, log: Path) -> Interpreter:
    result = run([str(path), "-E", "-s", "-c", _PROBE], check=False, log_file=log)
    try:
        implementation, version, system, libc, executable = json.loads(result.stdout)
    except ValueError:
        raise EnvError(f"the Python at {path} does not start", hint=result.stderr.strip() or None) from None
    name = f"{system}-{libc}" if libc else system
    return Interpreter(Path(executable), implementation, version, name)
