"""What a model's requirements ask for: whether a lock has it, and what they ought to say and do not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from reprise.envs import registry as envs
from reprise.envs.project_files import requirement_files, requirements
from reprise.redact import redact
from reprise.schemas.environment import CondaEnv, Lock, PythonEnv

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

_STARLETTE = "starlette<1"
_BOUNDS_STARLETTE = "3.17"
"""Earlier MLflow accepts any starlette, but its scoring server fails with later versions."""


def find_lacking(lock: Lock, spec: PythonEnv) -> str | None:
    """The first requirement of ``spec`` that ``lock`` does not meet, or None."""
    from packaging.requirements import InvalidRequirement, Requirement

    held = envs.MANAGERS[lock.manager].packages(lock)
    if any(package.name.startswith((".", "/")) for package in held):
        return "packages from an index only"
    pinned = {requirements.canonical_name(package.name): package.version for package in held}
    for line in _read_lines(spec.dependencies, spec):
        try:
            one = Requirement(line)
        except InvalidRequirement:
            return redact(line)
        if one.marker is not None and not one.marker.evaluate():
            continue
        version = pinned.get(requirements.canonical_name(one.name))
        if one.url or version is None or not one.specifier.contains(version, prereleases=True):
            return redact(line)
    return None


def find_unsaid(dependencies: Iterable[str], spec: PythonEnv | CondaEnv) -> tuple[str, ...]:
    """What an older MLflow among ``dependencies`` needs for its scoring server and does not say."""
    from packaging.requirements import InvalidRequirement, Requirement

    named = {}
    for line in _read_lines(dependencies, spec):
        try:
            one = Requirement(line)
        except InvalidRequirement:
            continue
        named[requirements.canonical_name(one.name)] = one
    mlflow = named.get("mlflow") or named.get("mlflow-skinny")
    if (
        mlflow is None
        or mlflow.url
        or "starlette" in named
        or _allows_version(mlflow.specifier, _BOUNDS_STARLETTE)
    ):
        return ()
    return (_STARLETTE,)


def _allows_version(specifier: SpecifierSet, least: str) -> bool:
    """Whether it allows ``least`` or a newer version that it names itself."""
    from packaging.version import Version

    named = (Version(one.version.removesuffix(".*")) for one in specifier)
    candidates = (Version(least), *(version for version in named if version >= Version(least)))
    return any(specifier.contains(version, prereleases=True) for version in candidates)


def _read_lines(dependencies: Iterable[str], spec: PythonEnv | CondaEnv) -> Iterator[str]:
    """The requirements ``dependencies`` of ``spec`` and of the files that these name, without options."""
    asked = requirement_files.read_requirements(dependencies, spec.root, spec.file)
    return (line for line in asked.lines if not line.startswith("-"))
