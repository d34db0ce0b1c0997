"""The packages of a lock as files: for each the best file for its Python, verified against the lock."""

from __future__ import annotations

import hashlib
import logging
import re
import shutil
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from reprise.envs.base import Fetch, current_interpreter
from reprise.envs.project_files.credentials import restore_credentials
from reprise.envs.pypi import uv, uv_failures
from reprise.errors import EnvError, SourceError
from reprise.schemas.environment import Credentials

log = logging.getLogger(__name__)

_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_LOCAL = ("-e ", ".", "/")


def put_wheels(
    facts: Mapping[str, Any],
    credentials: Credentials,
    folder: Path,
    fetch: Fetch,
    log_file: Path,
    offline: bool,
) -> None:
    """Of each package the file that suits the Python of the lock best: a wheel, else the sources."""
    import tomllib

    lines = [line for line in facts["requirements"] if not line.startswith(_LOCAL)]
    if not any(not line.startswith((" ", "#")) for line in lines):
        return
    known = {found for line in lines for found in _HASH.findall(line)}
    text = _make_pylock((*facts["sources"], *lines), credentials, facts["python"], log_file, offline)
    rank = _rank_tags(facts["implementation"], facts["python"])
    for package in tomllib.loads(text).get("packages", ()):
        _fetch_file(_choose_file(package, known, rank), credentials, known, folder, fetch)


def _make_pylock(
    lines: Iterable[str], credentials: Credentials, python: str, log_file: Path, offline: bool
) -> str:
    """The lock in the format that names every file of a package, as TOML."""

    arguments = ["pip", "compile", "--no-header", "--no-deps", "--format", "pylock.toml", *uv.no_index()]
    arguments += ["--python", str(current_interpreter()), "--python-version", python]
    with uv.requirements_file(lines, credentials) as source:
        done = uv.call_uv(
            [*arguments, str(source)], log=log_file, environ={"UV_CONSTRAINT": None}, offline=offline
        )
    if done.exit_code != 0:
        what = "cannot find the packages of the environment"
        raise uv_failures.explain_failure(what, done, log_file, offline=offline)
    return done.stdout


def _rank_tags(implementation: str, python: str) -> Mapping[str, int]:
    """The wheel tags that the Python of the lock takes on this machine, the best with the lowest number."""
    from packaging import tags

    if implementation != "CPython":
        raise EnvError(f"packages for {implementation} are not bundled: only CPython's are")
    major, minor = (int(word) for word in python.split(".")[:2])
    order = [
        *tags.cpython_tags((major, minor)),
        *tags.compatible_tags((major, minor), f"cp{major}{minor}"),
    ]
    return {str(tag): number for number, tag in enumerate(order)}


def _choose_file(
    package: Mapping[str, Any], known: Collection[str], rank: Mapping[str, int]
) -> Mapping[str, Any]:
    """Return the file of a package of a pylock that the lock contains."""
    from packaging.utils import parse_wheel_filename

    if "archive" in package:
        raise EnvError(_explain_missing(package, package["archive"].get("url", "an address")))
    if "vcs" in package or "directory" in package:
        raise EnvError(_explain_missing(package, "a repository or folder"))
    ranked: list[tuple[int, str, Mapping[str, Any]]] = []
    for wheel in package.get("wheels", ()):
        fits = [rank[str(tag)] for tag in parse_wheel_filename(_name_of(wheel))[3] if str(tag) in rank]
        if fits and _sha256_of(wheel) in known:
            ranked.append((min(fits), _name_of(wheel), wheel))
    if ranked:
        return min(ranked, key=lambda item: item[:2])[2]
    sources: Mapping[str, Any] | None = package.get("sdist")
    if sources is None or _sha256_of(sources) not in known:
        raise EnvError(
            f"no index has a file of {package['name']} {package.get('version', '')} that is in the lock",
            hint="it may have been removed; use reprise run for a new run with current packages",
        )
    log.warning(
        "%s is bundled as source: its build tools are not in the bundle, and must be in uv's cache",
        _name_of(sources),
    )
    return sources


def _explain_missing(package: Mapping[str, Any], where: str) -> str:
    return f"{package['name']} comes from {where}, not from an index, and cannot be bundled"


def _fetch_file(
    file: Mapping[str, Any], credentials: Credentials, known: Collection[str], folder: Path, fetch: Fetch
) -> None:

    target = folder / _name_of(file)
    url = file.get("url") or Path(file["path"]).absolute().as_uri()
    try:
        if url.startswith("file:"):
            shutil.copyfile(unquote(urlsplit(url).path), target)
        else:
            fetch(restore_credentials(url, credentials), target)
    except (SourceError, OSError) as error:
        raise EnvError(f"cannot download {target.name}: {error}") from error
    with target.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found not in known:
        raise EnvError(f"{target.name} does not match the lock: it has sha256 {found}")


def _name_of(file: Mapping[str, Any]) -> str:
    """Return the last part of the file's name, whatever the index says."""
    return str(file.get("name") or unquote(urlsplit(file.get("url") or file["path"]).path)).rpartition("/")[
        2
    ]


def _sha256_of(file: Mapping[str, Any]) -> str:
    return str(file.get("hashes", {}).get("sha256", ""))
