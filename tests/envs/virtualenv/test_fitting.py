"""Which Python a project gets that names none. uv and the index are real, the other Pythons only named."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from reprise.envs.project_files import pyproject
from reprise.envs.pythons import candidates, interpreters
from reprise.envs.pythons.candidates import (
    Candidate,
    Candidates,
    find_candidates,
    was_released,
)
from reprise.envs.virtualenv import fitting, interpreter_choice, resolving
from reprise.envs.virtualenv.compiling import compile_packages, pins_of
from reprise.envs.virtualenv.fitting import Fit
from reprise.envs.virtualenv.pins import Pin
from reprise.envs.virtualenv.question import ResolutionQuestion
from reprise.errors import EnvError
from reprise.schemas.environment import Policy, PythonEnv
from tests.envs import wheels
from tests.envs.wheels import compiled_for

PYTHONS = ("3.13.1", "3.9.18", "3.8.18", "3.7.16")


def question(*dependencies: str, log: Path, policy: Policy | None = None) -> ResolutionQuestion:
    root = Path.cwd()
    spec = PythonEnv(root, root / "python_env.yaml", dependencies=dependencies)
    return ResolutionQuestion(
        spec, resolving.read_requirements(spec), pyproject.read_pyproject(spec), policy or Policy(), log
    )


def fit(asked: ResolutionQuestion, pythons: Sequence[str] = PYTHONS) -> tuple[Fit, list[str]]:
    """The choice among ``pythons``, and the ones for which a whole resolution was tried."""
    tried = []

    def resolve(python: Candidate) -> tuple[Pin, ...]:
        tried.append(python.version)
        return pins_of(asked, compile_packages(asked, python), "CPython", python.version)

    return fitting.choose_python(asked, Candidates(iter(map(Candidate, pythons))), resolve), tried


def test_what_fits_any_python_gets_the_newest_in_one_resolution(index: Path, log: Path) -> None:
    found, tried = fit(question("alpha==1.0", log=log))
    assert (found.python.version, found.reason, found.built) == ("3.13.1", "", ())
    assert tried == ["3.13.1"]


def test_a_pin_gets_the_newest_python_that_it_has_a_wheel_for(index: Path, log: Path) -> None:
    wheels.make_source(index, "old", "1.19.2")
    for python in ("cp37", "cp38"):
        wheels.make(index, "old", "1.19.2", tag=compiled_for(python))
    wheels.make(index, "old", "2.0", tag=compiled_for("cp313"))
    found, tried = fit(question("alpha", "old==1.19.2", log=log))
    assert found.python.version == "3.8.18"
    assert found.reason == "old 1.19.2 has no wheel for a newer one"
    assert tried == ["3.8.18"]  # the pins alone ruled the others out


def test_a_wheel_without_sources_decides_too(index: Path, log: Path) -> None:
    wheels.make(index, "old", "1.8.0", tag=compiled_for("cp37"))
    found, _ = fit(question("old==1.8.0", log=log))
    assert found.python.version == "3.7.16"
    assert found.reason == "old 1.8.0 is not made for a newer one"


def test_what_a_package_depends_on_counts_as_well(index: Path, log: Path) -> None:
    wheels.make(index, "new", "1.0", requires=["deep==3.0"])
    wheels.make_source(index, "deep", "3.0")
    wheels.make(index, "deep", "3.0", tag=compiled_for("cp39"))
    found, tried = fit(question("new", log=log))
    assert (found.python.version, found.reason) == ("3.9.18", "deep 3.0 has no wheel for a newer one")
    assert tried == ["3.13.1", "3.9.18"]


def test_what_ships_no_wheel_at_all_decides_nothing(index: Path, log: Path) -> None:
    wheels.make_source(index, "pure", "0.1")
    found, tried = fit(question("pure==0.1", "alpha", log=log))
    assert (found.python.version, found.built) == ("3.13.1", ())
    assert tried == ["3.13.1"]


def test_without_a_python_for_all_the_one_with_most_wheels_is_taken_and_the_rest_named(
    index: Path, log: Path
) -> None:
    for name, pythons in {"one": ("cp39",), "two": ("cp38",), "three": ("cp38",)}.items():
        wheels.make_source(index, name, "1.0")
        for python in pythons:
            wheels.make(index, name, "1.0", tag=compiled_for(python))
    found, _ = fit(question("one==1.0", "two==1.0", "three==1.0", log=log))
    assert (found.python.version, found.built) == ("3.8.18", ("one 1.0",))
    assert "one 1.0 must still be built from source" in interpreter_choice.said_of(found)


def test_a_conflict_that_no_python_solves_is_told_at_once(index: Path, log: Path) -> None:
    wheels.make(index, "wants", "1.0", requires=["beta<2"])
    tried = []
    asked = question("wants", "beta==2.0", log=log)

    def resolve(python: Candidate) -> tuple[Pin, ...]:
        tried.append(python)
        return pins_of(asked, compile_packages(asked, python), "CPython", python.version)

    Path("python_env.yaml").write_text("dependencies:\n  - wants\n  - beta==2.0\n")
    with pytest.raises(EnvError) as caught:
        fitting.choose_python(asked, Candidates(iter(map(Candidate, PYTHONS))), resolve)
    assert len(tried) == 1
    hint = caught.value.hint or ""
    assert '"wants" (python_env.yaml:2)' in hint
    assert '"beta==2.0" (python_env.yaml:3)' in hint


def test_a_range_leaves_a_choice_and_a_version_none() -> None:
    assert all(map(interpreters.is_choice, (None, ">=3.8", ">=3.6,<3.9", "3", "~=3.8")))
    assert not any(map(interpreters.is_choice, ("3.8", "3.8.2", "==3.8.2", "3.8.*", "pypy@3.10")))


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine with 3.12 and 3.8, on which uv can download others."""
    here = {series: tmp_path / f"python{series}" for series in ("3.8", "3.12")}
    monkeypatch.setattr(interpreters, "find_installed_series", lambda: here)
    monkeypatch.setattr(interpreters, "may_download", lambda: True)
    monkeypatch.setattr(
        interpreters, "list_downloadable", lambda log: ["3.14.2", "3.13.1", "3.12.9", "3.10.5"]
    )
    versions = {"python3.8": "3.8.18", "python3.12": "3.12.1"}
    monkeypatch.setattr(
        candidates, "_find_installed", lambda path, log: Candidate(versions[path.name], path)
    )


def versions(found: Candidates) -> list[str]:
    return [candidate.version for candidate in found]


def test_the_newest_here_comes_first_and_what_is_newer_last(machine: None, log: Path) -> None:
    assert versions(find_candidates(None, log)) == ["3.12.1", "3.10.5", "3.8.18", "3.13.1", "3.14.2"]
    assert versions(find_candidates(None, log, offline=True)) == ["3.12.1", "3.8.18"]
    assert versions(find_candidates(">=3.9,<3.14", log)) == ["3.12.1", "3.10.5", "3.13.1"]


def test_a_date_leaves_the_pythons_of_its_time(machine: None, log: Path) -> None:
    assert versions(find_candidates(None, log, as_of="2022-01-01T00:00:00Z")) == ["3.8.18", "3.10.5"]
    assert versions(find_candidates(None, log, as_of="2019-10-15T00:00:00Z")) == ["3.8.18"]
    assert not find_candidates(None, log, as_of="2019-10-14T00:00:00Z")


def test_releases_beyond_the_table_follow_the_yearly_rhythm() -> None:
    assert was_released("3.14", "2025-10-08T00:00:00Z")
    assert not was_released("3.16", "2027-10-01T00:00:00Z")
    assert was_released("3.16", "2027-10-08T00:00:00Z")


def test_candidates_can_be_looked_through_while_others_look(log: Path) -> None:
    found = Candidates(iter(map(Candidate, PYTHONS)))
    pairs = [(outer.version, inner.version) for outer in found for inner in found]
    assert len(pairs) == len(PYTHONS) ** 2


@pytest.mark.slow
def test_a_python_that_cannot_be_downloaded_is_named_with_the_reason(
    index: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheels.make_source(index, "old", "1.0")
    wheels.make(index, "old", "1.0", tag=compiled_for("cp38"))
    monkeypatch.setattr(interpreters, "may_download", lambda: True)
    monkeypatch.setattr(interpreters, "list_downloadable", lambda log: ["3.8.18"])
    monkeypatch.setenv("UV_PYTHON_INSTALL_MIRROR", "file:///nowhere")
    with pytest.raises(EnvError) as caught:
        interpreter_choice.fit_packages(question("old==1.0", log=log))
    assert "Python 3.8.18: old 1.0 has no wheel for a newer one; but Python 3.8.18" in caught.value.message
