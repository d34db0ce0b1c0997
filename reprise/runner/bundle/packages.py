"""The packages of an environment as files in a bundle, each one that the lock has the hash of."""

from __future__ import annotations

import json
import logging
import re
import shutil
import time
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from reprise import paths
from reprise.errors import EnvError, UsageError
from reprise.runner.record import digests
from reprise.schemas.environment import Credentials, Lock

log = logging.getLogger(__name__)

IMAGE = "image.tar"

_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_LOCAL = ("-e ", ".", "/")


def put_packages(lock: Lock, folder: Path, *, offline: bool) -> None:
    """Fill the new folder with everything that the environment of ``lock`` is made from but its Python.

    Raises:
        UsageError: the run ran in the environment that its machine had.
        EnvError: something is not to be had, or is not what was locked.
    """
    started = time.monotonic()
    log_file = paths.state_dir() / "logs" / "environment.log"
    folder.mkdir()
    if lock.manager == "virtualenv":
        _put_wheels(json.loads(lock.text), lock.credentials, folder, log_file, offline)
    elif lock.manager == "conda":
        _put_conda(lock, folder, log_file, offline)
    elif lock.manager == "docker":
        _save_image(lock, folder / IMAGE, log_file)
    else:
        raise UsageError(
            "--with-packages: the run ran in the current environment of its machine, which has no lock",
            hint="run it with --env-manager virtualenv to have one",
        )
    count = sum(1 for path in folder.rglob("*") if path.is_file())
    log.info("Fetched %d files of packages in %.1f s", count, time.monotonic() - started)


def load_image(folder: Path) -> None:
    """Give the image of a bundle's packages, where there is one, to the engine.

    Raises:
        EnvError: there is no engine, or it refused.
    """
    if not (folder / IMAGE).exists():
        return
    from reprise.envs.docker import client

    if reason := client.unusable():
        raise EnvError(reason)
    log_file = paths.state_dir() / "logs" / "environment.log"
    done = client.work("load", "--input", str(folder / IMAGE), log=log_file)
    if done.exit_code != 0:
        raise client.failure("the image of the bundle cannot be loaded:", done, log_file)


def _save_image(lock: Lock, target: Path, log_file: Path) -> None:
    from reprise.envs.docker import client, images
    from reprise.schemas.environment import Policy

    image = images.obtain(images.Image.read(lock.text), Policy(), log_file, {})
    named = images.inspect(image.name, image.name)
    # under its name where that is still it, so that the name arrives as well
    reference = image.name if named is not None and named.id == image.id else image.id
    done = client.work("save", "--output", str(target), "--", reference, log=log_file)
    if done.exit_code != 0:
        raise client.failure(f"image {image.shown} cannot be saved:", done, log_file)


def _put_conda(lock: Lock, folder: Path, log_file: Path, offline: bool) -> None:
    from reprise.envs.conda import packages, pip, records

    held = records.read(lock)
    packages.collect(held.records, lock.credentials, folder, offline=offline)
    if held.pip.requirements:
        python = pip.python_of(held.records, Path("environment.lock")).version
        facts = {**held.pip._asdict(), "python": python, "implementation": "CPython"}
        _put_wheels(facts, lock.credentials, folder, log_file, offline)


def _put_wheels(
    facts: Mapping[str, Any], credentials: Credentials, folder: Path, log_file: Path, offline: bool
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
        _fetch_file(_choose_file(package, known, rank), credentials, known, folder)


def _make_pylock(
    lines: Iterable[str], credentials: Credentials, python: str, log_file: Path, offline: bool
) -> str:
    """The lock in the format that names every file of a package, as TOML."""
    from reprise.envs.base import running
    from reprise.envs.pypi import uv, uv_failures

    arguments = ["pip", "compile", "--no-header", "--no-deps", "--format", "pylock.toml", *uv.no_index()]
    arguments += ["--python", str(running()), "--python-version", python]
    with uv.requirements_file(lines, credentials) as source:
        done = uv.call(
            [*arguments, str(source)], log=log_file, environ={"UV_CONSTRAINT": None}, offline=offline
        )
    if done.exit_code != 0:
        what = "the packages of the environment cannot be found"
        raise uv_failures.failure(what, done, log_file, offline=offline)
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
    """The file to take of a package of a pylock, which is one that the lock knows."""
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
            f"no index has a file of {package['name']} {package.get('version', '')} that the lock knows",
            hint="it may have been taken off; reprise run makes a run with what there is today",
        )
    log.warning(
        "%s is bundled as sources: what builds it is not in the bundle, and must be in uv's cache",
        _name_of(sources),
    )
    return sources


def _explain_missing(package: Mapping[str, Any], where: str) -> str:
    return f"{package['name']} comes from {where}, not from an index: such a package cannot be bundled"


def _fetch_file(
    file: Mapping[str, Any], credentials: Credentials, known: Collection[str], folder: Path
) -> None:
    from reprise.envs.project_files.credentials import restore_credentials
    from reprise.errors import SourceError
    from reprise.runner.sources.downloads import download

    target = folder / _name_of(file)
    url = file.get("url") or Path(file["path"]).absolute().as_uri()
    try:
        if url.startswith("file:"):
            shutil.copyfile(unquote(urlsplit(url).path), target)
        else:
            download(restore_credentials(url, credentials), target)
    except (SourceError, OSError) as error:
        raise EnvError(f"{target.name} cannot be fetched: {error}") from error
    found = digests.of_bytes(target).sha256
    if found not in known:
        raise EnvError(f"{target.name} is not what was locked: it has sha256 {found}")


def _name_of(file: Mapping[str, Any]) -> str:
    """The file's name; only its last part, whatever the index says."""
    return str(file.get("name") or unquote(urlsplit(file.get("url") or file["path"]).path)).rpartition("/")[
        2
    ]


def _sha256_of(file: Mapping[str, Any]) -> str:
    return str(file.get("hashes", {}).get("sha256", ""))
