"""Which requirements have a wheel for a Python, from the index only, without resolving or building."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence

from reprise.envs.project_files.requirements import NAME, URL, canonical_name
from reprise.envs.pypi import uv
from reprise.envs.pythons.candidates import Candidate, Candidates
from reprise.envs.virtualenv.question import ResolutionQuestion
from reprise.envs.virtualenv.uv_compile import compile_requirements
from reprise.named_tuple import NamedTuple

SOURCES = ("--index-url", "--extra-index-url", "--find-links", "--no-index")
_SHOWN = 3
_TOOLS = {"pip", "setuptools", "wheel"}  # each Python has its own
_BOUNDED = re.compile(r"==|~=|<")
_UNFIT = re.compile(r"(?P<pin>[\w.\-]+==[^\s,]+) (?:has no|depends on Python)")


class Coverage(NamedTuple):
    """What the index has for one Python.

    ``built`` are the versions that would have to be built from source, by name. ``unfit`` is a package
    that is not made for it, as ``numpy 1.26.4`` (empty where uv does not say which), None where all are;
    otherwise nothing is known of the others.
    """

    built: dict[str, str]
    unfit: str | None = None


class Wheels:
    """What the index has of some requirements for each candidate; looked up once, on first use."""

    def __init__(self, question: ResolutionQuestion, candidates: Candidates, lines: Sequence[str]) -> None:
        self._question = question
        self._candidates = candidates
        self._lines = lines
        self._known: dict[Candidate, Coverage] = {}
        self._shipped: dict[str, bool] = {}

    def of(self, python: Candidate) -> Coverage:
        if python not in self._known:
            self._known[python] = coverage_of(self._lines, python, self._question)
        return self._known[python]

    def lacking(self, python: Candidate) -> dict[str, str]:
        """The versions, by name, that have to be built for ``python`` and have a wheel for another."""
        built = self.of(python).built
        self._look_for_wheels([name for name in built if name not in self._shipped], python)
        return {name: version for name, version in built.items() if self._shipped[name]}

    def objection(self, python: Candidate) -> str:
        """What speaks against ``python``, as ``numpy 1.19.2 has no wheel``; empty for nothing."""
        unfit = self.of(python).unfit
        if unfit is not None:
            return f"{unfit} is not made" if unfit else "not all packages are made"
        return without_wheels(self.lacking(python))

    def rank(self, python: Candidate) -> tuple[bool, int]:
        """Small for what has nearly all: whether one is not made for it, and how many lack a wheel."""
        return self.of(python).unfit is not None, len(self.lacking(python))

    def _look_for_wheels(self, names: list[str], here: Candidate) -> None:
        """Note which of ``names``, that have none ``here``, have a wheel for another candidate."""
        for python in self._candidates:
            if not names:
                return
            if python != here:
                found = self._with_wheels(names, python)
                self._shipped |= dict.fromkeys(found, True)
                names = [name for name in names if name not in found]
        self._shipped |= dict.fromkeys(names, False)

    def _with_wheels(self, names: list[str], python: Candidate) -> list[str]:
        """Those of ``names`` that have a wheel for ``python``; what is not made for it is left aside."""
        wanted = set(names)
        sources = [line for line in self._lines if line.startswith("-")]
        while wanted:
            lines = [line for line in self._lines if name_of(line) in wanted]
            found = coverage_of([*sources, *lines], python, self._question)
            if found.unfit is None:
                return [name for name in wanted if name not in found.built]
            if (unfit := canonical_name(found.unfit.partition(" ")[0])) not in wanted:
                return []
            wanted.discard(unfit)
        return []


def name_of(line: str) -> str:
    """The canonical name of the package that a requirement line asks for; empty for options."""
    found = None if line.startswith("-") else NAME.match(line)
    return canonical_name(found[0]) if found else ""


def without_wheels(lacking: Mapping[str, str]) -> str:
    """``numpy 1.19.2 and scipy 1.5.2 have no wheel``; empty for nothing."""
    names = [f"{name} {version}" for name, version in lacking.items()]
    if len(names) < 2:
        return "".join(f"{name} has no wheel" for name in names)
    shown = names if len(names) <= _SHOWN else [*names[: _SHOWN - 1], f"{len(names) - _SHOWN + 1} more"]
    return f"{', '.join(shown[:-1])} and {shown[-1]} have no wheel"


def requirements_of(question: ResolutionQuestion) -> tuple[str, ...]:
    """The project's own requirements of an index, by name, and the options that say which index."""
    lines = (*question.asked.lines, *question.asked.constraints, *question.project.dependencies)
    return tuple(
        line
        for line in lines
        if line.startswith(SOURCES) or (NAME.match(line) and not URL.search(line) and "/" not in line)
    )


def is_bounded(lines: Iterable[str]) -> bool:
    """Whether one of ``lines`` asks for less than the newest version."""
    asked = (line.partition(";")[0] for line in lines if name_of(line) not in _TOOLS)
    return any(_BOUNDED.search(line) for line in asked if not line.startswith("-"))


def coverage_of(lines: Iterable[str], python: Candidate, question: ResolutionQuestion) -> Coverage:
    """What the index has of ``lines``, without what they depend on, for ``python``."""
    policy = question.policy
    arguments = ["--no-deps", "--format", "pylock.toml", *question.asked.options]
    bare = [re.sub(r"\s+--hash=\S+", "", line) for line in lines]
    with uv.requirements_file(bare) as source:
        done = compile_requirements(
            [*arguments, str(source)],
            python._replace(path=None),
            cwd=question.spec.root,
            log=question.log,
            offline=policy.offline,
            as_of=policy.as_of,
        )
    if done.result.exit_code != 0:
        found = _UNFIT.search(" ".join(done.result.stderr.split()))
        return Coverage({}, found["pin"].replace("==", " ", 1) if found else "")
    packages = tomllib.loads(done.result.stdout).get("packages", [])
    return Coverage(
        {
            canonical_name(package["name"]): package["version"]
            for package in packages
            if "sdist" in package and not package.get("wheels")
        }
    )
