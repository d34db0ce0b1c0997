"""A conda.yaml as packages of the Python package index, where that is sound.

Most conda packages of Python projects are on the index under the same name; ``conda_to_pypi.json`` holds
the other names. Most other packages are part of Python or of wheels, and are left out with a note; programs
must be on PATH. The rest is refused in one error that lists all of it.
"""

from __future__ import annotations

import json
import logging
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from reprise.envs.project_files.requirements import canonical_name
from reprise.errors import EnvError
from reprise.named_tuple import NamedTuple
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
    left_out: list[str] = []
    programs: list[str] = []
    replaced: list[str] = []
    for dependency in spec.dependencies:
        try:
            match = _parse_dependency(dependency)
            if match.name == "python":
                python = _python_request(match.version)
            elif _is_not_needed(match):
                left_out.append(match.name)
            elif executables := conda_names().programs.get(match.name):
                programs.append(f"{match.name} ({_on_path(executables)})")
            elif instead := _of_another_version(match):
                requirements[canonical_name(_pypi_name(match.name))] = instead
                replaced.append(f"{match.name} {match.version} as {instead}")
            else:
                name = _pypi_name(match.name)
                requirements[canonical_name(name)] = name + _translate_version(match.version)
        except _Untranslatable as reason:
            refused.append(f"{dependency}: {reason}")
    if refused:
        lines = "\n".join(f"  {line}" for line in refused)
        raise EnvError(
            f"{spec.file}: these packages are not on the Python package index:\n{lines}",
            hint="use --env-manager conda, or remove them if the project does not need them",
        )
    if spec.variables:
        logger.warning("%s: its variables are set in a conda environment only", spec.file)
    return _assemble_spec(spec, python, requirements, _make_notes(spec.file, left_out, programs, replaced))


def _make_notes(file: Path, left_out: list[str], programs: list[str], replaced: list[str]) -> Iterator[str]:
    """What of the file is not installed as it is written, a sentence each."""
    if left_out:
        yield f"{file.name}: left out, not needed here: {', '.join(left_out)}"
    if programs:
        yield f"{file.name}: used from PATH: {', '.join(programs)}"
    if replaced:
        yield f"{file.name}: the index has no wheels of the version: {', '.join(replaced)}"


def _assemble_spec(
    spec: CondaEnv, python: str | None, requirements: dict[str, str], notes: Iterable[str]
) -> PythonEnv:
    in_pip = {
        canonical_name(found[0]) for line in spec.pip if (found := re.match(r"[A-Za-z0-9][\w.\-]*", line))
    }
    for name in sorted(in_pip & requirements.keys()):
        logger.info("%s: the pip section wins over conda's %s", spec.file, requirements.pop(name))
    wanted = {name: line for name, line in _BROUGHT.items() if name not in in_pip} | requirements
    return PythonEnv(
        root=spec.file.parent,
        file=spec.file,
        python=python,
        build_dependencies=tuple(line for name, line in wanted.items() if name in _BUILD),
        dependencies=(*(line for name, line in wanted.items() if name not in _BUILD), *spec.pip),
        notes=("conda packages are installed from the Python package index", *notes),
    )


def _parse_dependency(dependency: str) -> _Match:
    bare, _, keys = dependency.partition("[")
    found = _SPEC.fullmatch(bare.strip())
    if found is None:
        raise _Untranslatable("not a conda match spec")
    version, build = _split_build(found["rest"].strip())
    for key in _KEY.finditer(keys):
        value = key["single"] or key["double"] or key["bare"] or ""
        if key["key"] == "version":
            version = value.strip()
        elif key["key"] == "build":
            build = value.strip()
    return _Match(found["name"].lower(), version, build)


def _split_build(rest: str) -> tuple[str, str]:
    """Version and build of what follows the name: ``=1.2=py38_0``, ``1.2 py38_0``, ``>=1, <2``."""
    joined = re.sub(r"\s*([,|])\s*", r"\1", re.sub(r"([<>=!~])\s+", r"\1", rest))
    if pinned := re.fullmatch(r"(==?[^=\s,|]+)=([^=\s,|]+)", joined):
        return pinned[1], pinned[2]
    version, _, build = joined.partition(" ")
    return version, build.strip()


def _translate_version(version: str) -> str:
    """conda's version constraint in the index's language: ``=1.2`` is ``==1.2.*``."""
    if version in ("", "*", "=", "=*", "==*"):
        return ""
    if "|" in version:
        raise _Untranslatable(f'"{version}" has alternatives, which requirements do not support')
    return ",".join(_translate_clause(clause) for clause in version.split(","))


def _translate_clause(clause: str) -> str:
    found = _CLAUSE.fullmatch(clause.strip())
    if found is None:
        raise _Untranslatable(f'"{clause}" is not a version of the index')
    operator, version, star = found["operator"], found["version"], found["star"]
    fuzzy = bool(star) or operator == "="
    if operator in ("", "=", "==", "==="):
        return f"=={version}.*" if fuzzy and _RELEASE.fullmatch(version) else f"=={version}"
    return f"{operator}{version}" + (".*" if star and operator == "!=" else "")


def _python_request(version: str) -> str | None:
    """conda's ``python`` constraint as a request for an interpreter."""
    clauses = _translate_version(version)
    exact = re.fullmatch(r"==(?P<release>\d+(?:\.\d+)*)(?:\.\*)?", clauses)
    return exact["release"] if exact else clauses or None


def _is_not_needed(match: _Match) -> bool:
    """Whether Python itself or the wheels of others bring it, or it came with others into an export."""
    names = conda_names()
    if match.name in names.names:
        return False
    exported = match.build not in ("", "*") or match.version == "custom"
    return (exported and match.name in names.by_others) or any(
        fnmatchcase(match.name, pattern) for pattern in names.not_needed
    )


def _on_path(executables: Sequence[str]) -> str:
    """Return the path of the first of ``executables`` that exists."""
    if found := next(filter(None, map(shutil.which, executables)), None):
        return found
    raise _Untranslatable(f"a program, and {' or '.join(executables)} is not on PATH")


def _of_another_version(match: _Match) -> str | None:
    """What is taken where the version that conda built has no wheels on the index."""
    written = f"{match.name}={match.version.lstrip('=')}"
    known = conda_names().of_another_version.items()
    return next((instead for pinned, instead in known if written.startswith(pinned)), None)


def _pypi_name(name: str) -> str:
    names = conda_names()
    if name in names.names:
        return names.names[name]
    for reason, patterns in names.refused.items():
        if any(fnmatchcase(name, pattern) for pattern in patterns):
            raise _Untranslatable(reason)
    return name


class CondaNames(NamedTuple):
    """What is known of conda's packages: patterns of names, and names on the Python package index."""

    names: Mapping[str, str]
    of_another_version: Mapping[str, str]
    programs: Mapping[str, Sequence[str]]
    by_others: Sequence[str]
    refused: Mapping[str, Sequence[str]]
    not_needed: Sequence[str]


@cache
def conda_names() -> CondaNames:
    content = json.loads(Path(__file__).with_name("conda_to_pypi.json").read_text(encoding="utf-8"))
    return CondaNames(
        content["names"],
        content["of another version"],
        content["programs"],
        content["brought by others in an export"],
        content["refused"],
        content["not needed"],
    )


def index_name(name: str) -> str | None:
    """Return the name of a conda package on the Python package index, None if it is not a Python
    package.
    """
    match = _Match(name, "", "")
    if _is_not_needed(match) or name in conda_names().programs:
        return None
    try:
        return canonical_name(_pypi_name(name))
    except _Untranslatable:
        return None
