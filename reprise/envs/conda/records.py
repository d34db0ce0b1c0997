"""The lock of a conda environment: JSON with all that is needed to install it, no repodata.

Conda packages are records with address and hashes; packages of the pip section are requirement lines with
hashes. What the machine itself must have (``__glibc >=2.17``) is kept as it was asked for, not as it was
found, so that two machines with the same packages have the same lock.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reprise.envs.conda import credentials
from reprise.named_tuple import NamedTuple
from reprise.schemas.environment import Lock
from reprise.schemas.json_text import read_json

if TYPE_CHECKING:
    from rattler import RepoDataRecord

NAME = "conda"
FORMAT = 1
CONDA_LOCK = "conda-lock.yml"
PIXI_LOCK = "pixi.lock"

_ARCHIVE = re.compile(r"(?P<name>[^/]+)-(?P<version>[^-/]+)-(?P<build>[^-/]+)(?P<end>\.conda|\.tar\.bz2)")
_EMPTY: tuple[object, ...] = ("", (), None, 0)


class CondaRecord(NamedTuple):
    """One conda package; ``url`` and ``channel`` are without credentials, hashes are hex digits."""

    name: str
    version: str
    build: str
    subdir: str
    url: str
    build_number: int = 0
    channel: str = ""
    sha256: str = ""
    md5: str = ""
    size: int = 0
    noarch: str = ""
    depends: tuple[str, ...] = ()
    constrains: tuple[str, ...] = ()
    track_features: tuple[str, ...] = ()
    site_packages: str = ""
    timestamp: int = 0

    @property
    def file_name(self) -> str:
        return self.url.rpartition("/")[2]

    @property
    def shown(self) -> str:
        return f"{self.name} {self.version} ({self.build})"


class PipPart(NamedTuple):
    """What uv installs on top: index options, requirement lines with hashes, and local projects.

    The keys are those of the locks of Python packages. ``root`` is the folder of editable projects,
    empty where there are none.
    """

    sources: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    local: tuple[Mapping[str, Any], ...] = ()
    root: str = ""


class CondaLock(NamedTuple):
    """Records by name; ``platform`` is conda's word (``linux-64``)."""

    platform: str
    records: tuple[CondaRecord, ...]
    pip: PipPart = PipPart()


def current_platform() -> str:
    """conda's word for this machine, or what ``CONDA_SUBDIR`` says instead."""
    if told := os.environ.get("CONDA_SUBDIR"):
        return told
    system = os.uname()
    name = "osx" if system.sysname == "Darwin" else system.sysname.lower()
    return f"{name}-{'64' if system.machine == 'x86_64' else system.machine}"


def lock_of(content: CondaLock) -> Lock:
    """The lock as deterministic text."""
    facts: dict[str, Any] = {
        "format": FORMAT,
        "platform": content.platform,
        "virtual_packages": machine_needs(content.records),
        "packages": [
            {key: value for key, value in record._asdict().items() if value not in _EMPTY}
            for record in sorted(content.records)
        ],
    }
    if content.pip.requirements:
        facts["sources"] = []
        facts |= {key: value for key, value in content.pip._asdict().items() if value not in _EMPTY}
    return Lock(NAME, json.dumps(facts, indent=1) + "\n")


def read_lock(lock: Lock) -> CondaLock:
    """What :func:`lock_of` wrote."""
    facts = read_json(lock.text)
    pip = {key: _freeze_value(facts[key]) for key in PipPart._fields if key in facts}
    records = tuple(
        CondaRecord(**{key: _freeze_value(value) for key, value in item.items()})
        for item in facts["packages"]
    )
    return CondaLock(facts["platform"], records, PipPart(**pip))


def machine_needs(records: Iterable[CondaRecord]) -> list[str]:
    """What the packages ask of the machine: the specs of virtual packages, ``__glibc >=2.17``."""
    return sorted({spec for record in records for spec in record.depends if spec.startswith("__")})


def from_rattler(found: RepoDataRecord) -> CondaRecord:
    # The build number of a record without one is 0; kinds of noarch are "python" and "generic".
    noarch = "python" if found.noarch.python else "generic" if found.noarch.generic else ""
    return CondaRecord(
        name=found.name.normalized,
        version=str(found.version),
        build=str(found.build),
        subdir=found.subdir,
        url=credentials.hide_secrets(found.url),
        build_number=found.build_number,
        channel=credentials.hide_secrets(found.channel or "").rstrip("/"),
        sha256=found.sha256.hex() if found.sha256 else "",
        md5=found.md5.hex() if found.md5 else "",
        size=found.size or 0,
        noarch=noarch,
        depends=tuple(map(str, found.depends)),
        constrains=tuple(map(str, found.constrains)),
        track_features=tuple(found.track_features),
        site_packages=found.python_site_packages_path or "",
        timestamp=int(found.timestamp.timestamp() * 1000) if found.timestamp else 0,
    )


def to_rattler(record: CondaRecord, url: str | None = None) -> RepoDataRecord:
    """``record`` for rattler, to be fetched from ``url`` instead of its own address."""
    import datetime

    from rattler import BuildString, NoArchType, PackageRecord, RepoDataRecord

    noarch = NoArchType("python" if record.noarch == "python" else "generic" if record.noarch else None)
    package = PackageRecord(
        name=record.name,
        version=record.version,
        build=BuildString(record.build),
        build_number=record.build_number,
        subdir=record.subdir,
        noarch=noarch,
        depends=list(record.depends),
        constrains=list(record.constrains),
        sha256=bytes.fromhex(record.sha256) if record.sha256 else None,
        md5=bytes.fromhex(record.md5) if record.md5 else None,
        size=record.size or None,
        python_site_packages_path=record.site_packages or None,
    )
    if record.track_features:
        package.track_features = list(record.track_features)
    if record.timestamp:
        package.timestamp = datetime.datetime.fromtimestamp(record.timestamp / 1000, datetime.UTC)
    return RepoDataRecord(package, record.file_name, url or record.url, record.channel)


def from_url(url: str, **known: Any) -> CondaRecord | None:
    """Return the record of a package known by little more than its URL, or None.

    Tools that keep no kind of noarch mean: Python where the package needs Python.
    """
    bare = credentials.hide_secrets(url if "://" in url else Path(url).as_uri())
    head, _, file_name = bare.partition("#")[0].rpartition("/")
    channel, _, subdir = head.rpartition("/")
    found = _ARCHIVE.fullmatch(file_name)
    if found is None:
        return None
    number = re.search(r"(\d+)$", found["build"])
    record = CondaRecord(found["name"], found["version"], found["build"], subdir, bare, channel=channel)
    record = record._replace(build_number=int(number[1]) if number else 0, **known)
    if record.subdir == "noarch" and not record.noarch:
        needs_python = any(re.match(r"python(\s|$)", spec) for spec in record.depends)
        record = record._replace(noarch="python" if needs_python else "generic")
    return record


def _freeze_value(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
