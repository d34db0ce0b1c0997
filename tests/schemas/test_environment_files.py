"""Environment files as people write them, and what cannot be one."""

from __future__ import annotations

from pathlib import Path

import pytest

from reprise.errors import ProjectError
from reprise.schemas.environment import CondaEnv, PythonEnv
from reprise.schemas.environment_files import read_conda_env, read_python_env
from reprise.schemas.faults import Findings, refuse_faults
from reprise.schemas.loader import load_project


def conda(root: Path, source: str) -> CondaEnv:
    path = root / "conda.yaml"
    path.write_text(source)
    return read_conda(path)


def read_conda(path: Path) -> CondaEnv:
    findings = Findings(path.name)
    spec = read_conda_env(path, path.parent, findings)
    refuse_faults([findings])
    return spec


def python(root: Path, source: str) -> PythonEnv:
    path = root / "python_env.yaml"
    path.write_text(source)
    findings = Findings(path.name)
    spec = read_python_env(path, path.parent, findings)
    refuse_faults([findings])
    return spec


def test_conda_pins_of_every_kind_are_kept_as_written(tmp_path: Path) -> None:
    spec = conda(
        tmp_path,
        "name: 2024\n"
        "channels:\n  - pytorch\n  - conda-forge\n  - defaults\n"
        "dependencies:\n"
        "  - python=3.8.*\n"
        "  - numpy==1.18.5\n"
        "  - scipy>=1.5,<2\n"
        "  - mkl=2020.2=256\n"
        "  - conda-forge::lightgbm=3.1\n"
        "  - pytorch::torchvision\n"
        "  - cudatoolkit=10.2=h8f6ccaa_8  # a comment\n"
        "  - pandas 1.2.*\n"
        "  - 'zlib[version=\">=1.2\"]'\n"
        "  - pip\n"
        "  - pip:\n"
        "      - -r requirements.txt\n"
        "      - mlflow>=1.0\n"
        "      - git+https://example.org/x.git@main#egg=x\n"
        "      - -e .\n"
        "      - --extra-index-url https://example.org/simple\n",
    )
    assert spec == CondaEnv(
        root=tmp_path,
        file=tmp_path / "conda.yaml",
        name="2024",
        channels=("pytorch", "conda-forge", "defaults"),
        dependencies=(
            "python=3.8.*",
            "numpy==1.18.5",
            "scipy>=1.5,<2",
            "mkl=2020.2=256",
            "conda-forge::lightgbm=3.1",
            "pytorch::torchvision",
            "cudatoolkit=10.2=h8f6ccaa_8",
            "pandas 1.2.*",
            'zlib[version=">=1.2"]',
            "pip",
        ),
        pip=(
            "-r requirements.txt",
            "mlflow>=1.0",
            "git+https://example.org/x.git@main#egg=x",
            "-e .",
            "--extra-index-url https://example.org/simple",
        ),
    )


@pytest.mark.parametrize("empty", ["pip:", "pip: []", "pip: null"])
def test_an_empty_pip_section(tmp_path: Path, empty: str) -> None:
    spec = conda(tmp_path, f"dependencies:\n  - numpy\n  - {empty}\n")
    assert (spec.dependencies, spec.pip) == (("numpy",), ())


def test_two_pip_sections_are_one_list(tmp_path: Path) -> None:
    assert conda(tmp_path, "dependencies: [{pip: [a]}, x, {pip: [b]}]\n").pip == ("a", "b")


@pytest.mark.parametrize("source", ["name: x\n", "channels:\ndependencies:\n", "dependencies: []\n"])
def test_a_conda_file_may_want_nothing(tmp_path: Path, source: str) -> None:
    assert conda(tmp_path, source).dependencies == ()


def test_what_is_ignored_in_a_conda_file_is_a_warning_of_the_project(tmp_path: Path) -> None:
    (tmp_path / "conda.yaml").write_text(
        "name: x\n"
        "dependencies:\n"
        "  - numpy  # [linux]\n"
        "  - scipy  # not a selector\n"
        "  - pip:\n"
        "      - pywin32 # [win]\n"
        "prefix: /home/someone/miniconda3/envs/x\n"
        "variables: {A: b}\n"
        "dependancies: [y]\n"
    )
    project = load_project(tmp_path)
    assert isinstance(project.environment, CondaEnv)
    assert project.environment.variables == (("A", "b"),)
    assert project.warnings == (
        'conda.yaml:3:12  dependencies -> item 1: the selector "[linux]" is ignored: '
        "the package is always installed",
        'conda.yaml:6:17  dependencies -> item 3: the selector "[win]" is ignored: '
        "the package is always installed",
        'conda.yaml:7:1  "prefix" is ignored',
        'conda.yaml:9:1  unknown key "dependancies" is ignored; did you mean "dependencies"?',
    )


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("", ["1:1  the file is empty; a mapping with dependencies is needed"]),
        ("- numpy\n", ["1:1  a list is not a mapping with dependencies"]),
        ("dependencies: numpy\n", ['1:15  dependencies: "numpy" is not a list of packages']),
        (
            "dependencies:\n  - numpy: 1.2\n  - 5\n  -\n",
            [
                '2:5  dependencies -> item 1: unknown key "numpy"; '
                'only "pip:" holds a list; a version is written as in "numpy=1.26"',
                '3:5  dependencies -> item 2: 5 is not a package; write it as in "numpy=1.26"',
                '4:4  dependencies -> item 3: no value; a package is needed; write it as in "numpy=1.26"',
            ],
        ),
        (
            "dependencies:\n  - pip: mlflow\n",
            ['2:10  dependencies -> item 1 -> pip: "mlflow" is not a list of requirements'],
        ),
        (
            "dependencies:\n  - pip:\n    - {a: b}\n",
            [
                "3:7  dependencies -> item 1 -> pip -> item 1: a mapping is not a requirement; "
                "write it as in a requirements.txt"
            ],
        ),
        ("channels: conda-forge\n", ['1:11  channels: "conda-forge" is not a list of channels']),
    ],
)
def test_what_is_no_conda_file(tmp_path: Path, source: str, lines: list[str]) -> None:
    with pytest.raises(ProjectError) as caught:
        conda(tmp_path, source)
    assert list(caught.value.faults) == [f"conda.yaml:{line}" for line in lines]


@pytest.mark.parametrize("written", ["3.10", "'3.10'", "3.8.13", "'>=3.9'", "3.10.*"])
def test_a_python_version_is_as_written(tmp_path: Path, written: str) -> None:
    assert python(tmp_path, f"python: {written}\n").python == written.strip("'")


def test_a_python_env_file(tmp_path: Path) -> None:
    assert python(
        tmp_path,
        "python: 3.10\nbuild_dependencies:\n  - pip==23\ndependencies:\n"
        "  - -r requirements.txt\n  - -e .\n  - numpy<2 ; python_version < '3.12'\n",
    ) == PythonEnv(
        root=tmp_path,
        file=tmp_path / "python_env.yaml",
        python="3.10",
        build_dependencies=("pip==23",),
        dependencies=("-r requirements.txt", "-e .", "numpy<2 ; python_version < '3.12'"),
    )


@pytest.mark.parametrize("source", ["", "python:\ndependencies:\n"])
def test_a_python_env_may_want_nothing(tmp_path: Path, source: str) -> None:
    assert python(tmp_path, source) == PythonEnv(tmp_path, tmp_path / "python_env.yaml")


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        (
            "numpy\nscipy\n",
            [
                '1:1  "numpy scipy" is not a mapping with dependencies; '
                "keys are python, build_dependencies and dependencies"
            ],
        ),
        ("python: [3, 10]\n", ["1:9  python: a list is not a version of Python"]),
        ("dependencies: numpy\n", ['1:15  dependencies: "numpy" is not a list of requirements']),
        (
            "dependencies:\n  - pip:\n    - mlflow\n  -\n",
            [
                "2:5  dependencies -> item 1: a mapping is not a requirement; "
                "write it as in a requirements.txt",
                "4:4  dependencies -> item 2: no value; a requirement is needed; "
                "write it as in a requirements.txt",
            ],
        ),
    ],
)
def test_what_is_no_python_env(tmp_path: Path, source: str, lines: list[str]) -> None:
    with pytest.raises(ProjectError) as caught:
        python(tmp_path, source)
    assert list(caught.value.faults) == [f"python_env.yaml:{line}" for line in lines]


def test_an_unknown_key_of_a_python_env_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "python_env.yaml").write_text("channels: [defaults]\ndependancies: [x]\n")
    assert load_project(tmp_path).warnings == (
        'python_env.yaml:1:1  unknown key "channels" is ignored; '
        "keys are python, build_dependencies and dependencies",
        'python_env.yaml:2:1  unknown key "dependancies" is ignored; did you mean "dependencies"?',
    )


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ProjectError) as caught:
        read_conda(tmp_path / "conda.yaml")
    (fault,) = caught.value.faults
    assert fault.startswith("conda.yaml:1:1  cannot be read: ")
