"""How many projects of others load, translate and resolve to wheels: docs/compatibility.md is made of this.

    python benchmarks/compatibility.py --projects FOLDER --environments FOLDER [--write FILE] [--state FILE]

``--projects`` is a folder of MLproject files, ``--environments`` one of conda.yaml files (``*.yaml``).
Each environment file is read, translated for the Python package index and resolved, as ``reprise lock
--env-manager virtualenv`` does it; nothing of it is installed. A resolution counts only where each of its
packages has a wheel for the Python that was chosen, or exists as source only and can be built without a
compiler, which is tried. What is in ``--state`` is not resolved again: a run that was stopped continues.
"""

from __future__ import annotations

import argparse
import datetime
import json
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import NamedTuple

from reprise import __version__
from reprise.envs.project_files import pyproject
from reprise.envs.pypi import uv
from reprise.envs.pythons import interpreters
from reprise.envs.pythons.candidates import Candidate, Candidates, find_candidates
from reprise.envs.virtualenv import resolving, translate
from reprise.envs.virtualenv.compiling import compile_packages, pins_of
from reprise.envs.virtualenv.fitting import choose_python
from reprise.envs.virtualenv.pins import Pin
from reprise.envs.virtualenv.question import ResolutionQuestion
from reprise.envs.virtualenv.wheel_coverage import Wheels, coverage_of
from reprise.errors import EnvError, ProjectError, RepriseError
from reprise.schemas.environment import Policy, PythonEnv
from reprise.schemas.environment_files import read_conda_env
from reprise.schemas.faults import Findings, refuse_faults
from reprise.schemas.loader import load_project

REPOSITORY = re.compile(r"(?:git|hg|svn|bzr)\+")
LOCAL = re.compile(r"(?:-e|--editable)?\s*\.{1,2}(?:/|$)|-r\s|-c\s")


class Outcome(NamedTuple):
    """What became of one file: ``python`` is the series that was taken, ``reason`` says why it is a miss.

    ``sources`` are its packages that exist as source only; ``aside`` are lines that need other files.
    """

    name: str
    reason: str = ""
    translated: bool = True
    python: str = ""
    was_named: bool = True
    sources: tuple[str, ...] = ()
    aside: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        return not self.reason


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--projects", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--environments", type=Path, required=True, metavar="FOLDER")
    parser.add_argument(
        "--write", type=Path, metavar="FILE", help="where the page goes; else it is printed"
    )
    parser.add_argument("--state", type=Path, metavar="FILE", help="outcomes that are known already")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="files at once")
    given = parser.parse_args()
    projects = [load(file) for file in sorted(given.projects.iterdir()) if "mlproject" in file.name.lower()]
    files = sorted(given.environments.glob("*.y*ml"))
    known = read_state(given.state)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(given.jobs) as pool:
        log = Path(folder) / "uv.log"
        outcomes = list(
            pool.map(lambda file: known.get(file.stem) or told(resolve(file, log), given.state), files)
        )
        page = "".join(f"{line}\n" for line in lines_of(projects, outcomes, log))
    if given.write:
        given.write.write_text(page, encoding="utf-8")
    else:
        print(page)


def load(file: Path) -> Outcome:
    """Whether the MLproject ``file`` is one; its environment file is not wanted."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "MLproject").write_bytes(file.read_bytes())
        try:
            load_project(Path(folder), check_environment_files=False)
        except ProjectError as error:
            return Outcome(file.name, error.faults[0] if error.faults else error.message)
    return Outcome(file.name)


def resolve(file: Path, log: Path) -> Outcome:
    """What becomes of the environment file."""
    findings = Findings(file.name)
    spec = read_conda_env(file, file.parent, findings)
    try:
        refuse_faults([findings])
        python = translate.to_python(spec)
    except RepriseError as error:
        return Outcome(file.stem, first_line(error), translated=False)
    aside = tuple(line for line in python.dependencies if LOCAL.match(line))
    kept = tuple(line for line in python.dependencies if line not in aside)
    try:
        found = resolved(python._replace(dependencies=kept), log)
    except RepriseError as error:
        found = Outcome(file.stem, miss(error, kept))
    return found._replace(name=file.stem, was_named=python.python is not None, aside=aside)


def resolved(python: PythonEnv, log: Path) -> Outcome:
    """The resolution of ``python``, held against what the index has for the Python that was chosen."""
    spec = resolving.make_absolute(python)
    question = ResolutionQuestion(
        spec, resolving.read_requirements(spec), pyproject.read_pyproject(spec), Policy(), log
    )

    def resolve_for(candidate: Candidate) -> tuple[Pin, ...]:
        return pins_of(question, compile_packages(question, candidate), "CPython", candidate.version)

    fit = choose_python(question, pythons(spec.python, log), resolve_for)
    pins = [pin.head for pin in fit.pins if pin.name and "==" in pin.head]
    series = fit.python.series
    lacking = Wheels(question, pythons(None, log), pins).lacking(fit.python)
    if lacking:
        compiles = ", ".join(f"{name} {version}" for name, version in lacking.items())
        return Outcome("", f"has no wheels for Python {series}: {compiles}", python=series)
    sources = coverage_of(pins, fit.python, question).built
    compiled_ones = [
        f"{name} {version}"
        for name, version in sources.items()
        if needs_compiler(name, version, fit.python)
    ]
    if compiled_ones:
        return Outcome("", f"has to compile {', '.join(compiled_ones)}", python=series)
    return Outcome("", python=series, sources=tuple(map(" ".join, sources.items())))


def pythons(request: str | None, log: Path) -> Candidates:
    """The Pythons that come into question, those included that would have to be downloaded first."""
    if interpreters.is_choice(request):
        return find_candidates(request, log)
    series = ".".join((request or "").split(".")[:2])
    near = find_candidates(f"=={series}.*", log)
    if not near:
        raise EnvError(f"Python {request} is not here and cannot be downloaded")
    return near


@cache
def needs_compiler(name: str, version: str, python: Candidate) -> bool:
    """Whether the source of a package becomes no wheel on a machine without a compiler."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["pip", "install", "--no-deps", "--no-cache", "--target", folder, *uv.no_index()]
        done = uv.call_uv(
            [*arguments, *python.options, f"{name}=={version}"],
            log=Path(folder) / "uv.log",
            environ={"CC": "/bin/false", "CXX": "/bin/false"},
        )
        return done.exit_code != 0


def miss(error: RepriseError, lines: Iterable[str]) -> str:
    """Why there is no resolution, in a few words."""
    repositories = [line for line in lines if REPOSITORY.search(line)]
    if "Git operation failed" in error.message and repositories:
        return f"a repository could not be reached from the machine that tried: {', '.join(repositories)}"
    return (error.hint or first_line(error)).partition("; the project says")[0]


def first_line(error: RepriseError) -> str:
    lines = [line.strip() for line in error.message.splitlines()]
    return lines[1] if len(lines) > 1 else lines[0]


def read_state(state: Path | None) -> dict[str, Outcome]:
    """The outcomes of an earlier run, by name."""
    if state is None or not state.is_file():
        return {}
    found = [json.loads(line) for line in state.read_text(encoding="utf-8").splitlines()]
    return {item["name"]: Outcome(**item) for item in found}


def told(outcome: Outcome, state: Path | None) -> Outcome:
    """``outcome``, shown and noted."""
    print(outcome.name, outcome.reason or f"Python {outcome.python}", file=sys.stderr, flush=True)
    if state is not None:
        with state.open("a", encoding="utf-8") as file:
            file.write(f"{json.dumps(outcome._asdict())}\n")
    return outcome


def lines_of(projects: list[Outcome], environments: list[Outcome], log: Path) -> Iterator[str]:
    """The page, line by line."""
    loaded = sum(project.is_good for project in projects)
    translated = [outcome for outcome in environments if outcome.translated]
    good = [outcome for outcome in environments if outcome.is_good]
    chosen = [outcome for outcome in good if not outcome.was_named]
    total = len(environments)
    yield "# Compatibility with public projects"
    yield ""
    yield f"Made by `benchmarks/compatibility.py` with reprise {__version__} on {datetime.date.today()},"
    yield (
        f"on {interpreters.find_interpreter(None, log).platform}, from {len(projects)} "
        f"MLproject files and {total}"
    )
    yield "`conda.yaml` files of public repositories, each file once. The index is the one of that day."
    yield ""
    yield "| | files | of |"
    yield "|---|---|---|"
    yield f"| MLproject files that load | {loaded} | {len(projects)} |"
    yield f"| environment files that translate to packages of the index | {len(translated)} | {total} |"
    yield f"| of these, files that resolve to wheels | {len(good)} | {total} |"
    yield ""
    yield f"That is {100 * len(good) / max(total, 1):.0f} % of the environment files, with no conda and no"
    yield f"compiler. {len(chosen)} of them leave the Python open; they got the newest that they fit:"
    yield ""
    yield "| Python | named | chosen |"
    yield "|---|---|---|"
    by_series = Counter((outcome.python, outcome.was_named) for outcome in good)
    for series in sorted(
        {outcome.python for outcome in good}, key=lambda text: [*map(int, text.split("."))]
    ):
        yield f"| {series} | {by_series[series, True]} | {by_series[series, False]} |"
    yield ""
    yield "A resolution counts only where every package has a wheel for that Python, or is on the index as"
    yield "source only and was built for it without a compiler. What has to compile is a miss. Source only:"
    sources = Counter(source.split()[0] for outcome in good for source in outcome.sources)
    yield f"{', '.join(f'{name} ({count})' for name, count in sources.most_common()) or 'none'}."
    aside = Counter(line for outcome in environments for line in outcome.aside)
    if aside:
        count = sum(bool(outcome.aside) for outcome in environments)
        named = ", ".join(f"`{line}`" for line in aside)
        yield ""
        yield f"Without the rest of their projects, {count} of the files were resolved without {named}."
    yield ""
    yield "## What does not resolve, and why"
    yield ""
    yield "| file | Python | reason |"
    yield "|---|---|---|"
    for outcome in (*projects, *environments):
        if outcome.reason:
            reason = outcome.reason.replace("|", "\\|")
            yield f"| {outcome.name[:40]} | {outcome.python} | {reason} |"


if __name__ == "__main__":
    main()
