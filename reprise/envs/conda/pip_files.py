"""Which file of each package of the pip section is installed: ``conda-lock.yml`` names files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from reprise.envs.project_files.credentials import hide_credentials
from reprise.envs.virtualenv.pins import Pin
from reprise.errors import EnvError
from reprise.named_tuple import NamedTuple

if TYPE_CHECKING:
    from packaging.tags import Tag

_MAC = (13, 0)
_MACHINES = {"64": "x86_64", "aarch64": "aarch64", "arm64": "arm64"}


class ChosenFile(NamedTuple):
    """A pin with the one hash of the file at ``url``."""

    pin: Pin
    url: str


def choose_files(
    pylock: str, python: str, platform: str, glibc: str, folder: Path
) -> tuple[ChosenFile, ...]:
    """The file of each package of ``pylock``, as uv writes it.

    Args:
        glibc: of the machines of the platform (``2.28``).
        folder: what relative paths in ``pylock`` are relative to.

    Raises:
        EnvError: a package has no file for this platform.
    """
    import tomllib

    ranks = {tag: rank for rank, tag in enumerate(_list_tags(python, platform, glibc))}
    packages = tomllib.loads(pylock).get("packages", [])
    return tuple(_choose_file(package, ranks, platform, folder) for package in packages)


def _choose_file(package: dict[str, Any], ranks: dict[Tag, int], platform: str, folder: Path) -> ChosenFile:
    name = package["name"]
    if vcs := package.get("vcs"):
        url = f"{vcs['type']}+{vcs.get('url') or vcs.get('path')}@{vcs['commit-id']}"
        return ChosenFile(Pin(f"{name} @ {url}"), url)
    if directory := package.get("directory"):
        raise EnvError(
            f"the pip section installs {directory['path']}, which conda-lock.yml does not support",
            hint="remove local projects from the pip section, and set PYTHONPATH in the command",
        )
    if archive := package.get("archive"):
        url = _address_of(archive, folder)
        return ChosenFile(
            Pin(f"{name} @ {hide_credentials(url)}", _hash_of(archive)), hide_credentials(url)
        )
    file = _best_wheel(package.get("wheels", ()), ranks) or package.get("sdist")
    if file is None:
        raise EnvError(f"{name} {package['version']} has no file for {platform}")
    url = hide_credentials(_address_of(file, folder))
    return ChosenFile(Pin(f"{name}=={package['version']}", _hash_of(file)), url)


def _best_wheel(wheels: Iterable[dict[str, Any]], ranks: dict[Tag, int]) -> dict[str, Any] | None:
    from packaging.tags import parse_tag

    fitting = []
    for wheel in wheels:
        name = wheel.get("name") or unquote(urlsplit(wheel.get("url") or wheel["path"]).path)
        tags = parse_tag("-".join(name.removesuffix(".whl").split("-")[-3:]))
        if found := [ranks[tag] for tag in tags if tag in ranks]:
            fitting.append((min(found), name, wheel))
    return min(fitting, key=lambda entry: entry[:2])[2] if fitting else None


def _address_of(file: dict[str, Any], folder: Path) -> str:
    return str(file.get("url") or (folder / file["path"]).resolve().as_uri())


def _hash_of(file: dict[str, Any]) -> tuple[str, ...]:
    sha256 = file.get("hashes", {}).get("sha256")
    return (f"sha256:{sha256}",) if sha256 else ()


def _list_tags(python: str, platform: str, glibc: str) -> Iterator[Tag]:
    """What a CPython of this version takes on ``platform``, the best first."""
    from packaging.tags import compatible_tags, cpython_tags

    major, minor = map(int, python.split(".")[:2])
    abi = f"cp{major}{minor}{'m' if (major, minor) < (3, 8) else ''}"
    names = list(_platform_tags(platform, glibc))
    yield from cpython_tags((major, minor), [abi], names)
    yield from compatible_tags((major, minor), f"cp{major}{minor}", names)


def _platform_tags(platform: str, glibc: str) -> Iterator[str]:
    system, _, word = platform.partition("-")
    machine = _MACHINES.get(word, word)
    if system == "osx":
        from packaging.tags import mac_platforms

        yield from mac_platforms(_MAC, machine)
    elif system == "win":
        yield "win_amd64" if word == "64" else f"win_{word}"
    else:
        newest = int(glibc.split(".")[1])
        older = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
        for minor in range(newest, 4, -1):
            yield f"manylinux_2_{minor}_{machine}"
            if minor in older:
                yield f"{older[minor]}_{machine}"
        yield f"linux_{machine}"
