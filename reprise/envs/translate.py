"""A conda.yaml as packages of the Python package index, where that is sound.

Most conda packages of Python projects are on the index under the same name; ``conda_to_pypi.json`` holds
the other names, and the patterns of what is no Python package. What cannot be translated is refused in
one error that lists all of it; nothing is dropped without a word.
"""

from __future__ import annotations

import json
import logging
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from reprise.envs.requirements import canonical
from reprise.errors import EnvError
from reprise.schemas.environment import CondaEnv, PythonEnv

logger = logging.getLogger(__name__)

# Every conda Python brings these; the setuptools of the time had pkg_resources, which old packages import.
_BROUGHT = {"pip": "pip", "setuptools": "setuptools<81"}
_BUILD = {"pip", "setuptools", "wheel"}

_SPEC = re.compile(r"(?:[^\s:\[]+::?)?(?P<name>[A-Za-z0-9_][\w.\-]*)\s*(?P<rest>.*)", re.DOTALL)
_KEY = re.compile(r"(?P<key>\w+)\s*=\s*(?:'(?P<single>[^']*)'|\"(?P<double>[^\"]*)\"|(?P<bare>[^,\]]+))")
_CLAUSE = re.compile(
    r"(?P<operator>===?|~=|!=|>=|<=|>|<|=|)\s*(?P<version>[0-9][\w.!+\-]*?)(?P<star>\.?\*)?"
)
_NAME = re.compile(r"[A-Za-z0-9][\w.\-]*")
_RELEASE = re.compile(r"\d+(?:\.\d+)*")


class _Untranslatable(ValueError):
    """Why one dependency cannot be translated."""


@dataclass(frozen=True, slots=True)
class _Match:
    """A conda match spec: ``version`` in conda's language, ``""`` for any."""

    name: str
    version: str
    build: str


def to_python(spec: CondaEnv) -> PythonEnv:
    """The same environment for uv; the pip section's lines come last, as they are.

    Raises:
        EnvError: lists every dependency that needs conda, with the reason.
    """
    requirements: dict[str, str] = {}
    python: str | None = None
    refused: list[str] = []
    builds: list[str] = []
    for dependency in spec.dependencies:
        try:
            match = _parse(dependency)
            if match.name == "python":
                python = _python_request(match.version)
            else:
                name = _pypi_name(match.name)
                requirements[canonical(name)] = name + _version(match.version)
            if match.build not in ("", "*"):
                builds.append(dependency)
        except _Untranslatable as reason:
            refused.append(f"{dependency}: {reason}")
    if refused:
        lines = "\n".join(f"  {line}" for line in refused)
        raise EnvError(
            f"{spec.file}: these cannot come from the Python package index:\n{lines}",
            hint="take them out where the project does without, or run it in an environment that has them "
            "with --env-manager local",
        )
    _tell(spec, builds)
    return _assembled(spec, python, requirements)


def _assembled(spec: CondaEnv, python: str | None, requirements: dict[str, str]) -> PythonEnv:
    in_pip = {canonical(found[0]) for line in spec.pip if (found := re.match(r"[A-Za-z0-9][\w.\-]*", line))}
    for name in sorted(in_pip & requirements.keys()):
        logger.info("%s: the pip section wins over conda's %s", spec.file, requirements.pop(name))
    wanted = {name: line for name, line in _BROUGHT.items() if name not in in_pip} | requirements
    return PythonEnv(
        root=spec.file.parent,
        file=spec.file,
        python=python,
        build_dependencies=tuple(line for name, line in wanted.items() if name in _BUILD),
        dependencies=(*(line for name, line in wanted.items() if name not in _BUILD), *spec.pip),
    )


def _tell(spec: CondaEnv, builds: list[str]) -> None:
    logger.info("%s: conda packages are taken from the Python package index", spec.file)
    if spec.variables:
        logger.warning("%s: its variables are set in a conda environment only", spec.file)
    if builds:
        logger.info("%s: the build strings of %s have no meaning there", spec.file, ", ".join(builds))


def _parse(dependency: str) -> _Match:
    bare, _, keys = dependency.partition("[")
    found = _SPEC.fullmatch(bare.strip())
    if found is None:
        raise _Untranslatable("not a conda match spec")
    version, build = _split(found["rest"].strip())
    for key in _KEY.finditer(keys):
        value = key["single"] or key["double"] or key["bare"] or ""
        if key["key"] == "version":
            version = value.strip()
        elif key["key"] == "build":
            build = value.strip()
    return _Match(found["name"].lower(), version, build)


def _split(rest: str) -> tuple[str, str]:
    """Version and build of what follows the name: ``=1.2=py38_0``, ``1.2 py38_0``, ``>=1, <2``."""
    joined = re.sub(r"\s*([,|])\s*", r"\1", re.sub(r"([<>=!~])\s+", r"\1", rest))
    if pinned := re.fullmatch(r"(==?[^=\s,|]+)=([^=\s,|]+)", joined):
        return pinned[1], pinned[2]
    version, _, build = joined.partition(" ")
    return version, build.strip()


def _version(version: str) -> str:
    """conda's version constraint in the index's language: ``=1.2`` is ``==1.2.*``."""
    if version in ("", "*", "=", "=*", "==*"):
        return ""
    if "|" in version:
        raise _Untranslatable(f'"{version}" offers a choice, which a requirement cannot')
    return ",".join(_clause(clause) for clause in version.split(","))


def _clause(clause: str) -> str:
    found = _CLAUSE.fullmatch(clause.strip())
    if found is None:
        raise _Untranslatable(f'"{clause}" is not a version that the index knows')
    operator, version, star = found["operator"], found["version"], found["star"]
    fuzzy = bool(star) or operator == "="
    if operator in ("", "=", "==", "==="):
        return f"=={version}.*" if fuzzy and _RELEASE.fullmatch(version) else f"=={version}"
    return f"{operator}{version}" + (".*" if star and operator == "!=" else "")


def _python_request(version: str) -> str | None:
    """conda's ``python`` constraint as a request for an interpreter.

    A full version is met by a later patch release too: few machines have the very one.
    """
    clauses = _version(version)
    exact = re.fullmatch(r"==(?P<release>\d+(?:\.\d+)*)(?:\.\*)?", clauses)
    if exact is None:
        return clauses or None
    release = exact["release"]
    return release if release.count(".") < 2 else f"~={release}"


def _pypi_name(name: str) -> str:
    names, refused = _tables()
    if name in names:
        return names[name]
    for reason, patterns in refused.items():
        if any(fnmatchcase(name, pattern) for pattern in patterns):
            raise _Untranslatable(reason)
    return name


@cache
def _tables() -> tuple[dict[str, str], dict[str, list[str]]]:
    """conda name -> index name, and reason -> patterns of conda names."""
    content = json.loads(Path(__file__).with_name("conda_to_pypi.json").read_text(encoding="utf-8"))
    return content["names"], content["refused"]


def index_name(name: str) -> str | None:
    """The name on the Python package index of a conda package, None for what is no Python package."""
    try:
        return canonical(_pypi_name(name))
    except _Untranslatable:
        return None
