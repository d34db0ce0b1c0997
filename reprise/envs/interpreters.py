"""Which Python an environment gets: the ones uv finds, pyenv's too, and what each one is."""

from __future__ import annotations

import json
import os
import platform
import re
import sysconfig
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from reprise.envs import uv
from reprise.envs.base import running
from reprise.errors import EnvError
from reprise.process import Completed, run

_DOWNLOAD_SECONDS = 300.0
_SERIES = re.compile(r"[=\s]*(?P<series>\d+(?:\.\d+)?)\.[*x]\s*")
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


def find(request: str | None, log: Path, *, offline: bool = False) -> Interpreter:
    """The interpreter for ``request`` (``3.11``, ``3.11.7``, ``3.11.*``, ``>=3.9,<3.12``), None = ours.

    One that is missing is downloaded by uv, where we are not ``offline`` and its settings
    (``UV_PYTHON_DOWNLOADS``) allow it.

    Raises:
        EnvError: there is none; names those that are there.
    """
    wanted = None if request is None else _as_uv_writes(request)
    if wanted is None or _is_met_by_ours(wanted):
        return _ours()
    result = _ask(["find", "--system", wanted], log)
    may_download = result.exit_code != 0 and _may_download(wanted)
    if may_download and not offline:
        result = _download(wanted, log)
    if result.exit_code != 0:
        tried = ", and --offline forbids to download it" if offline else ", and uv could not download it"
        raise EnvError(
            f"Python {request} is not on this machine" + (tried if may_download else ""),
            hint=f"these are: {', '.join(installed(log)) or 'none'}; install Python {request}, "
            "or change the version that the project asks for",
        )
    return _described(Path(result.stdout.strip()), log)


def present(request: str, log: Path) -> Interpreter | None:
    """The interpreter for ``request`` where it is on this machine; nothing is downloaded."""
    if _is_met_by_ours(request):
        return _ours()
    result = _ask(["find", "--system", request], log)
    return _described(Path(result.stdout.strip()), log) if result.exit_code == 0 else None


def exactly(implementation: str, version: str) -> str:
    """The request that only this version satisfies."""
    return version if implementation == "CPython" else f"{implementation.lower()}@{version}"


def installed(log: Path) -> list[str]:
    """The versions on this machine, newest first."""
    listed = _ask(["list", "--only-installed"], log)
    keys = [line.split()[0].split("-") for line in listed.stdout.splitlines() if line.strip()]
    return list(dict.fromkeys(key[1] for key in keys if len(key) > 1))


def _as_uv_writes(request: str) -> str:
    """``3.10.*`` and ``3.10.x`` are the series 3.10; everything else is uv's own language."""
    series = _SERIES.fullmatch(request)
    return series["series"] if series else request.strip()


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
def _ours() -> Interpreter:
    """The Python that runs us, which knows itself."""
    try:
        libc = (os.confstr("CS_GNU_LIBC_VERSION") or "").replace(" ", "")
    except (ValueError, OSError):
        libc = ""
    name = f"{sysconfig.get_platform()}-{libc}" if libc else sysconfig.get_platform()
    return Interpreter(running(), platform.python_implementation(), platform.python_version(), name)


def _may_download(wanted: str) -> bool:
    policy = os.environ.get("UV_PYTHON_DOWNLOADS", "automatic").lower()
    return policy in {"automatic", "auto", "1", "true"} and wanted[:1] in "<>=~!0123456789"


def _download(wanted: str, log: Path) -> Completed:
    from reprise.progress import spinner

    with spinner(f"Looking for Python {wanted} to download"):
        done = uv.call(["python", "install", wanted, "--no-bin"], log=log, timeout=_DOWNLOAD_SECONDS)
    return _ask(["find", "--system", wanted], log) if done.exit_code == 0 else done


def _ask(arguments: list[str], log: Path) -> Completed:
    return uv.call(["python", *arguments], log=log, environ={"UV_PYTHON_SEARCH_PATH": _search_path()})


def _search_path() -> str:
    """Our own interpreter's folder, PATH without pyenv's shims (slow, and broken for most), pyenv's own."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    path = [folder for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    folders = [
        str(running().parent),
        *(folder for folder in path if Path(folder) != pyenv / "shims"),
        *(str(folder) for folder in sorted(pyenv.glob("versions/*/bin"), key=_by_version, reverse=True)),
    ]
    return os.pathsep.join(dict.fromkeys(folders))


def _by_version(folder: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", folder.parent.name)]


def _described(path: Path, log: Path) -> Interpreter:
    result = run([str(path), "-E", "-s", "-c", _PROBE], check=False, log_file=log)
    try:
        implementation, version, system, libc, executable = json.loads(result.stdout)
    except ValueError:
        raise EnvError(f"the Python at {path} does not start", hint=result.stderr.strip() or None) from None
    name = f"{system}-{libc}" if libc else system
    return Interpreter(Path(executable), implementation, version, name)
