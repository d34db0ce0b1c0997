"""conda.yaml to packages of the index: versions, names, refusals."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from reprise.envs.cache import store
from reprise.envs.virtualenv import manager, translate
from reprise.errors import EnvError
from reprise.schemas.environment import CondaEnv, Policy, PythonEnv

# What `conda env export` writes beside the Python packages.
NOT_NEEDED = """
    pytorch-cuda cudnn mkl openblas nomkl libblas openssl sqlite zlib ca-certificates cudatoolkit=11.3
    _libgcc_mutex=0.1=main _openmp_mutex ld_impl_linux-64 hdf5 xorg-libx11 tk ncurses readline libffi xz
    libgcc-ng=9.3.0=h5101ec6_17 intel-openmp blas=1.0=mkl jpeg=9b=h024ee3a_2 qt sip=4.19.13=py38he6710b0_0
    vs2015_runtime wincertstore=0.2=py37_0 cpuonly _tflow_select m2w64-gmp gcc_linux-64 tzdata bzip2
    conda-package-handling
    mkl-service mkl_fft postgresql=12.2=h20c2e04_0 anaconda=custom=py37_1 icu=58.2 yaml llvm-openmp libcxx
"""
PYTHON_PACKAGES = """
    librosa qtpy qtconsole sqlitedict freetype-py dbus-python zstandard pyyaml conda-pack nvidia-ml-py
    libclang python-snappy jpype1 glob2 project-root tktooltip attrs yamllint
"""


def python_env(*dependencies: str, pip: tuple[str, ...] = ()) -> PythonEnv:
    folder = Path("/project")
    return translate.to_python(CondaEnv(folder, folder / "conda.yaml", dependencies=dependencies, pip=pip))


@pytest.mark.parametrize(
    ("conda", "pypi"),
    [
        ("numpy", "numpy"),
        ("numpy=1.2", "numpy==1.2.*"),
        ("numpy=1.2.*", "numpy==1.2.*"),
        ("numpy 1.2.*", "numpy==1.2.*"),
        ("numpy 1.8*", "numpy==1.8.*"),
        ("numpy==1.2.3", "numpy==1.2.3"),
        ("numpy 1.2.3", "numpy==1.2.3"),
        ("numpy=1.2=py38_0", "numpy==1.2.*"),
        ("numpy==1.2=py38_0", "numpy==1.2"),
        ("numpy 1.2 py38_0", "numpy==1.2"),
        ("numpy>=1,<2", "numpy>=1,<2"),
        ("numpy >= 1, < 2", "numpy>=1,<2"),
        ("numpy>=1.2.*", "numpy>=1.2"),
        ("numpy!=1.2.*", "numpy!=1.2.*"),
        ("numpy~=1.2", "numpy~=1.2"),
        ("numpy=", "numpy"),
        ("numpy=*", "numpy"),
        ("numpy=1.0rc1", "numpy==1.0rc1"),
        ("conda-forge::numpy=1.2", "numpy==1.2.*"),
        ("conda-forge/linux-64::numpy", "numpy"),
        ("numpy[version='>=1,<2', build=py38*]", "numpy>=1,<2"),
        ('numpy[version="1.2.*"]', "numpy==1.2.*"),
        ("NumPy", "numpy"),
    ],
)
def test_versions(conda: str, pypi: str) -> None:
    assert pypi in python_env(conda).dependencies


@pytest.mark.parametrize(
    ("conda", "pypi"),
    [
        ("pytorch", "torch"),
        ("pytorch::pytorch=1.9", "torch==1.9.*"),
        ("py-xgboost", "xgboost"),
        ("opencv", "opencv-python"),
        ("matplotlib-base", "matplotlib"),
        ("tensorflow-gpu=2.4", "tensorflow==2.4.*"),
        ("python-graphviz", "graphviz"),
        ("faiss-cpu", "faiss-cpu"),
        ("msgpack-python", "msgpack"),
        ("pytables", "tables"),
        ("ruamel_yaml", "ruamel.yaml"),
        ("pyyaml", "pyyaml"),
        ("scikit-learn=0.24.1", "scikit-learn==0.24.1.*"),
        ("python-dateutil", "python-dateutil"),
        ("librosa", "librosa"),
        ("pillow", "pillow"),
        ("protobuf", "protobuf"),
        ("mlflow", "mlflow"),
    ],
)
def test_names(conda: str, pypi: str) -> None:
    assert pypi in python_env(conda).dependencies


@pytest.mark.parametrize(
    ("conda", "request_"),
    [
        ("python", None),
        ("python=3.8", "3.8"),
        ("python=3.8.*", "3.8"),
        ("python==3.8", "3.8"),
        ("python=3.8.2", "3.8.2"),
        ("python==3.8.2=h1234_0", "3.8.2"),
        ("python>=3.6,<3.9", ">=3.6,<3.9"),
        ("conda-forge::python 3.10.*", "3.10"),
    ],
)
def test_python_becomes_the_request(conda: str, request_: str | None) -> None:
    found = python_env(conda)
    assert found.python == request_
    assert not any(re.match("python", line) for line in found.dependencies)


def test_pip_and_its_kin_are_build_dependencies() -> None:
    assert python_env("pip=21.0", "wheel", "numpy") == PythonEnv(
        root=Path("/project"),
        file=Path("/project/conda.yaml"),
        build_dependencies=("pip==21.0.*", "setuptools<81", "wheel"),
        dependencies=("numpy",),
        notes=("conda packages are installed from the Python package index",),
    )


def test_pip_lines_stay_as_they_are_and_win(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    found = python_env(
        "numpy=1.19", "Scikit_Learn", pip=("-r extra.txt", "numpy==1.21.0", "scikit.learn>1")
    )
    assert found.dependencies == ("-r extra.txt", "numpy==1.21.0", "scikit.learn>1")
    assert "the pip section wins over conda's numpy==1.19.*" in caplog.text


def test_everything_that_needs_conda_is_in_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    refused = ["r-ggplot2", "r-base", "graphviz=2.50", "openjdk=11=h1_0", "cudf", "numpy=1.2|1.3", "=1.0"]
    with pytest.raises(EnvError) as caught:
        python_env("numpy", "openssl", *refused, "anaconda")
    lines = caught.value.message.splitlines()
    assert lines[0] == "/project/conda.yaml: these packages are not on the Python package index:"
    assert [line.strip().split(": ")[0] for line in lines[1:]] == [*refused, "anaconda"]
    assert "java is not on PATH" in caught.value.message
    assert "--env-manager conda" in (caught.value.hint or "")


def test_a_program_that_is_on_path_is_taken_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "dot"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    found = python_env("graphviz", "numpy")
    assert "numpy" in found.dependencies
    assert found.notes[-1] == f"conda.yaml: used from PATH: graphviz ({program})"


@pytest.mark.parametrize("name", NOT_NEEDED.split())
def test_what_python_or_wheels_bring_is_left_out_and_said(name: str) -> None:
    found = python_env(name, "numpy")
    assert found.dependencies == ("numpy",)
    bare = re.split("=", name, maxsplit=1)[0]
    assert found.notes[-1] == f"conda.yaml: left out, not needed here: {bare}"


@pytest.mark.parametrize("name", PYTHON_PACKAGES.split())
def test_python_packages_with_similar_names_are_taken(name: str) -> None:
    assert python_env(name).dependencies == (name,)


def test_map_is_consistent() -> None:
    known = translate.conda_names()
    patterns = [*known.not_needed, *(pattern for group in known.refused.values() for pattern in group)]
    assert len(patterns) == len(set(patterns))
    assert not set(known.names) & {*patterns, *known.programs}
    assert not set(known.programs) & set(patterns)


def test_a_conda_yaml_runs(index: Path, log: Path) -> None:
    from tests.envs import wheels

    wheels.make(index, "pip", "21.0")
    wheels.make(index, "setuptools", "60.0")
    wheels.make(index, "torch", "1.9.1")
    (Path.cwd() / "extra.txt").write_text("beta\n")
    spec = CondaEnv(
        Path.cwd(),
        Path.cwd() / "conda.yaml",
        channels=("pytorch",),
        dependencies=("python", "pytorch=1.9"),
        pip=("-r extra.txt",),
    )
    lock = store.ensure_environment(manager, translate.to_python(spec), Policy(), log).lock
    for package in ("torch==1.9.1", "beta==2.0", "pip==21.0", "setuptools==60.0"):
        assert f'"{package} ' in lock.text
