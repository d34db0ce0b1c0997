"""Read and write ``conda-lock.yml``, and read ``pixi.lock``, next to a project.

Our own files contain the digest of their spec, so that their validity is known at once. In the file of
another tool, each spec of the project is looked up.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from reprise.envs.conda import (
    channels as conda_channels,
)
from reprise.envs.conda import (
    credentials,
    specs,
)
from reprise.envs.conda import (
    pip as conda_pip,
)
from reprise.envs.conda import (
    records as conda_records,
)
from reprise.envs.conda.records import (
    CONDA_LOCK,
    PIXI_LOCK,
    CondaLock,
    CondaRecord,
)
from reprise.envs.project_files.credentials import hide_credentials
from reprise.envs.project_files.requirements import NAME, Requirements, canonical_name
from reprise.envs.virtualenv import translate
from reprise.envs.virtualenv.pins import Pin
from reprise.errors import EnvError
from reprise.named_tuple import NamedTuple
from reprise.schemas.environment import CondaEnv

_DIGEST = "reprise-spec"


class HeldCondaLock(NamedTuple):
    """The content of a lock file: packages by platform, and the digest of its spec if it is ours."""

    file: Path
    records: Mapping[str, tuple[CondaRecord, ...]]
    pip: Mapping[str, tuple[Pin, ...]]
    digest: str | None = None

    @property
    def platforms(self) -> tuple[str, ...]:
        return tuple(self.records)


def find_lock_file(spec: CondaEnv) -> Path | None:
    """Return the lock file of ``spec``; of two, that of its own ecosystem."""
    names = (CONDA_LOCK, PIXI_LOCK)
    if spec.file.name in ("pixi.toml", "pyproject.toml"):
        names = (PIXI_LOCK, CONDA_LOCK)
    files = (spec.file.with_name(name) for name in names)
    return next((file for file in files if file.is_file()), None)


def read_lock_file(file: Path) -> HeldCondaLock:
    """Return the packages in ``file`` by platform.

    Raises:
        EnvError: it is not a lock file, or of an unknown version.
    """
    import yaml

    try:
        # all of it as text: a hash or a version may look like a number
        content = yaml.load(file.read_bytes(), getattr(yaml, "CBaseLoader", yaml.BaseLoader))
        version = content["version"]
        if file.name == CONDA_LOCK and version == "1":
            return _conda_lock(file, content)
        if file.name == PIXI_LOCK and version == "6":
            return _pixi_lock(file, content)
        return _by_rattler(file)
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise EnvError(
            f"cannot read {file} as a lock file: {type(error).__name__}: {error}",
            hint="regenerate it with the tool that wrote it, or remove it",
        ) from error


def find_misfit(
    held: HeldCondaLock, spec: CondaEnv, asked: Requirements, digest: str, platform: str
) -> str | None:
    """Why the lock file does not say what the project asks for, or None."""
    if platform not in held.records:
        known = ", ".join(held.platforms) or "no platform"
        return f"it is for {known}, not for {platform}"
    if held.digest is not None:
        return None if held.digest == digest else _explain_changed(held, spec, asked, platform)
    return _find_unsatisfied(held, spec, asked, platform)


def as_lock(held: HeldCondaLock, spec: CondaEnv, asked: Requirements, platform: str) -> CondaLock | None:
    """What the file says of ``platform``, as a lock; None where it says nothing."""
    if platform not in held.records:
        return None
    part = conda_pip.make_part(spec, asked, held.pip.get(platform, ()))
    return CondaLock(platform, held.records[platform], part)


def format_lock(
    spec: CondaEnv,
    digest: str,
    channels: Iterable[str],
    records: Mapping[str, Iterable[CondaRecord]],
    pip: Mapping[str, Iterable[tuple[Pin, str]]],
) -> str:
    """The text of a ``conda-lock.yml``.

    Args:
        pip: for each platform the pins, each with the URL of the file that is taken.
    """
    import yaml

    packages = [_conda_entry(record, platform) for platform, found in records.items() for record in found]
    packages += [_pip_entry(pin, url, platform) for platform, found in pip.items() for pin, url in found]
    content = {
        "version": 1,
        "metadata": {
            "content_hash": dict.fromkeys(records, digest),
            "channels": [{"url": credentials.hide_secrets(url), "used_env_vars": []} for url in channels],
            "platforms": list(records),
            "sources": [spec.file.name],
            "custom_metadata": {_DIGEST: digest},
        },
        "package": sorted(packages, key=lambda entry: (entry["manager"], entry["name"], entry["platform"])),
    }
    head = "# Made by `reprise lock`, which also brings it up to date. conda-lock reads it.\n"
    return head + yaml.safe_dump(content, sort_keys=False, width=1000)


def _conda_lock(file: Path, content: Any) -> HeldCondaLock:
    metadata = content["metadata"]
    records: dict[str, list[CondaRecord]] = {name: [] for name in metadata["platforms"]}
    pip: dict[str, list[Pin]] = {name: [] for name in records}
    for entry in content["package"]:
        if entry.get("category", "main") != "main" or entry.get("optional") == "true":
            continue
        hashes = entry.get("hash") or {}
        if entry["manager"] == "pip":
            pip[entry["platform"]].append(_make_pin(entry["name"], entry["version"], entry["url"], hashes))
            continue
        depends = tuple(
            f"{name} {spec}".strip() for name, spec in (entry.get("dependencies") or {}).items()
        )
        records[entry["platform"]].append(
            _make_record(entry["url"], sha256=hashes.get("sha256"), md5=hashes.get("md5"), depends=depends)
        )
    digest = (metadata.get("custom_metadata") or {}).get(_DIGEST)
    return _make_held(file, records, pip, digest)


def _pixi_lock(file: Path, content: Any) -> HeldCondaLock:
    """The environment ``default`` of a pixi.lock; conda packages say in their address what they are."""
    known = {str(item.get("conda") or item.get("pypi")): item for item in content["packages"]}
    records: dict[str, list[CondaRecord]] = {}
    pip: dict[str, list[Pin]] = {}
    for platform, entries in content["environments"]["default"]["packages"].items():
        records[platform], pip[platform] = [], []
        for entry in entries:
            address = str(entry.get("conda") or entry.get("pypi"))
            item = known[address]
            if "pypi" in entry:
                pip[platform].append(_make_pin(item["name"], item.get("version", ""), address, item))
                continue
            records[platform].append(
                _make_record(
                    address,
                    sha256=item.get("sha256"),
                    md5=item.get("md5"),
                    size=int(item.get("size") or 0),
                    depends=tuple(item.get("depends") or ()),
                    constrains=tuple(item.get("constrains") or ()),
                    noarch=item.get("noarch") if item.get("noarch") in ("python", "generic") else "",
                    site_packages=item.get("python_site_packages_path"),
                )
            )
    return _make_held(file, records, pip, None)


def _by_rattler(file: Path) -> HeldCondaLock:
    """The versions of the formats that rattler has seen come and go."""
    from rattler import LockFile
    from rattler.exceptions import ParseCondaLockError

    try:
        environment = LockFile.from_path(file).default_environment()
    except ParseCondaLockError as error:
        raise ValueError(conda_channels.explain_plainly(error)) from error
    if environment is None:
        raise ValueError("it has no default environment")
    records = {
        platform: [conda_records.from_rattler(record) for record in found]
        for platform, found in environment.conda_repodata_records().items()
    }
    pip: dict[str, list[Pin]] = {platform: [] for platform in records}
    for where, packages in (environment.pypi_packages() or {}).items():
        for package in packages:
            hashes = package.hashes.sha256.hex() if package.hashes and package.hashes.sha256 else None
            pin = _make_pin(package.name, package.version, package.location, {"sha256": hashes})
            pip[str(where)].append(pin)
    return _make_held(file, records, pip, None)


def _make_held(
    file: Path,
    records: Mapping[str, Iterable[CondaRecord]],
    pip: Mapping[str, Iterable[Pin]],
    digest: str | None,
) -> HeldCondaLock:
    return HeldCondaLock(
        file,
        {platform: tuple(sorted(found)) for platform, found in records.items()},
        {platform: tuple(sorted(found, key=lambda pin: pin.name)) for platform, found in pip.items()},
        digest,
    )


def _make_record(url: str, **known: Any) -> CondaRecord:
    record = conda_records.from_url(url, **{name: value for name, value in known.items() if value})
    if record is None:
        raise ValueError(f"{url} is not the address of a conda package")
    return record


def _make_pin(name: str, version: str, url: str, said: Mapping[str, Any]) -> Pin:
    """Return a package of the index by version and file hash; another package by its URL."""
    sha256, bare = said.get("sha256"), hide_credentials(url)
    given = (f"sha256:{sha256}",) if sha256 else ()
    if url.startswith(("git+", "hg+", "svn+")) or not version or not sha256:
        if "://" not in url:  # a folder of the project
            path = url if url.startswith((".", "/")) else f"./{url}"
            return Pin(f"-e {path}" if said.get("editable") == "true" else path)
        return Pin(f"{canonical_name(name)} @ {bare}", given)
    return Pin(f"{canonical_name(name)}=={version}", given)


def _conda_entry(record: CondaRecord, platform: str) -> dict[str, Any]:
    hashes = {name: getattr(record, name) for name in ("md5", "sha256") if getattr(record, name)}
    depends: dict[str, str] = {}
    for text in record.depends:
        name, _, constraint = text.partition(" ")
        # the format has one constraint for a name
        depends[name] = ",".join(filter(None, (depends.get(name), constraint)))
    return {
        "name": record.name,
        "version": record.version,
        "manager": "conda",
        "platform": platform,
        "dependencies": depends,
        "url": record.url,
        "hash": hashes,
        "category": "main",
        "optional": False,
    }


def _pip_entry(pin: Pin, url: str, platform: str) -> dict[str, Any]:
    sha256 = next((value.removeprefix("sha256:") for value in pin.hashes), None)
    return {
        "name": pin.name,
        "version": "0" if "==" not in pin.head else pin.version,
        "manager": "pip",
        "platform": platform,
        "dependencies": {},
        "url": url,
        "hash": {"sha256": sha256} if sha256 else {},
        "category": "main",
        "optional": False,
    }


def _explain_changed(held: HeldCondaLock, spec: CondaEnv, asked: Requirements, platform: str) -> str:
    return _find_unsatisfied(held, spec, asked, platform) or f"{spec.file.name} has changed since"


def _find_unsatisfied(
    held: HeldCondaLock, spec: CondaEnv, asked: Requirements, platform: str
) -> str | None:
    records = {record.name: record for record in held.records[platform]}
    for written in spec.dependencies:
        _, bare = specs.split_channel(written)
        wanted = specs.match_spec(bare, spec.file)
        record = records.get(wanted.name.normalized)
        if record is None:
            return f'it has no package for "{written}"'
        if not conda_records.to_rattler(record).matches(wanted):
            return f'"{written}" is not met by its {record.shown}'
    return _find_unsatisfied_pip(held, asked, records, platform)


def _find_unsatisfied_pip(
    held: HeldCondaLock, asked: Requirements, records: Mapping[str, CondaRecord], platform: str
) -> str | None:
    from packaging.requirements import InvalidRequirement, Requirement

    versions = {translate.index_name(record.name): record.version for record in records.values()}
    versions |= {pin.name: pin.version for pin in held.pip.get(platform, ())}
    lines = (*asked.lines, *asked.constraints)
    for line in lines:
        if not NAME.match(line):
            continue
        try:
            wanted = Requirement(re.split(r"\s+--", line, maxsplit=1)[0])
        except InvalidRequirement:
            continue
        if wanted.marker is not None and not wanted.marker.evaluate():
            continue
        version = versions.get(canonical_name(wanted.name))
        if version is None:
            return f'it has no package for "{line}" of the pip section'
        if not wanted.url and not wanted.specifier.contains(version, prereleases=True):
            return f'"{line}" of the pip section is not satisfied by its {wanted.name} {version}'
    return None
