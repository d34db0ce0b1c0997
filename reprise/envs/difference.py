"""Two environments, package by package."""

from __future__ import annotations

from collections.abc import Iterable

from reprise.envs.project_files.requirements import canonical_name
from reprise.named_tuple import NamedTuple
from reprise.schemas.environment import Package


class PackageChange(NamedTuple):
    """``kind`` is ``added``, ``removed`` or ``changed``; ``note`` says what changed beside the version."""

    kind: str
    name: str
    a: Package | None
    b: Package | None
    note: str = ""


def compare_packages(a: Iterable[Package], b: Iterable[Package]) -> tuple[PackageChange, ...]:
    """What is to be done to ``a`` so that it becomes ``b``, by name."""
    of_a, of_b = _by_name(a), _by_name(b)
    changes = []
    for name in sorted({*of_a, *of_b}):
        one, other = of_a.get(name), of_b.get(name)
        if one is None or other is None:
            changes.append(PackageChange("added" if one is None else "removed", name, one, other))
        elif (note := _note_difference(one, other)) or one.version != other.version:
            changes.append(PackageChange("changed", name, one, other, note))
    return tuple(changes)


def _by_name(packages: Iterable[Package]) -> dict[str, Package]:
    return {_name_of(package): package for package in packages}


def _name_of(package: Package) -> str:
    """Return a key: the interpreter has one name for all sources; a local project has its path."""
    if package.kind == "python":
        return "python"
    return package.name if package.name.startswith((".", "/")) else canonical_name(package.name)


def _note_difference(one: Package, other: Package) -> str:
    said = []
    if one.kind != other.kind:
        said.append(f"{one.kind} is now {other.kind}")
    elif one.build != other.build and "" not in (one.build, other.build):
        said.append(f"build {one.build} is now {other.build}")
    elif one.version == other.version and one.hashes and other.hashes:
        if not {*one.hashes} & {*other.hashes}:
            said.append("the same version with other files" if one.version else "other files")
    elif one.version == other.version and one.origin != other.origin and one.origin and other.origin:
        said.append(f"from {one.origin}, now from {other.origin}")
    return ", ".join(said)
