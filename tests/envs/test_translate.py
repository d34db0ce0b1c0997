"""conda.yaml to packages of the index: versions, names, refusals."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from reprise.envs import store, translate, virtualenv
from reprise.errors import EnvError
from reprise.schemas.environment import CondaEnv, Policy, PythonEnv

REAL_CONDA_PACKAGES = """
    pytorch-cuda cudnn mkl openblas nomkl libblas compilers openssl sqlite zlib ca-certificates
    _libgcc_mutex ld_impl_linux-64 r-ggplot2 nodejs openjdk ffmpeg hdf5 xorg-libx11 tk ncurses readline
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
        ("python=3.8.2", "~=3.8.2"),
        ("python==3.8.2=h1234_0", "~=3.8.2"),
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
    )


def test_pip_lines_stay_as_they_are_and_win(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    found = python_env(
        "numpy=1.19", "Scikit_Learn", pip=("-r extra.txt", "numpy==1.21.0", "scikit.learn>1")
    )
    assert found.dependencies == ("-r extra.txt", "numpy==1.21.0", "scikit.learn>1")
    assert "the pip section wins over conda's numpy==1.19.*" in caplog.text


def test_everything_that_needs_conda_is_in_one_error() -> None:
    refused = ["cudatoolkit=10.1", "libgcc-ng", "r-base", "graphviz", "blas=*=mkl", "numpy=1.2|1.3", "=1.0"]
    with pytest.raises(EnvError) as caught:
        python_env("numpy", *refused, "gcc_linux-64")
    lines = caught.value.message.splitlines()
    assert lines[0] == "/project/conda.yaml: these cannot come from the Python package index:"
    assert [line.strip().split(": ")[0] for line in lines[1:]] == [*refused, "gcc_linux-64"]
    assert "--env-manager local" in (caught.value.hint or "")


@pytest.mark.parametrize("name", REAL_CONDA_PACKAGES.split())
def test_real_conda_packages_are_refused(name: str) -> None:
    with pytest.raises(EnvError, match=re.escape(f"{name}: ")):
        python_env(name)


def test_dropped_build_strings_are_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    python_env("numpy=1.2=py38_0", "scipy=1.4")
    assert "the build strings of numpy=1.2=py38_0 have no meaning there" in caplog.text


def test_map_is_consistent() -> None:
    names, refused = translate._tables()
    patterns = [pattern for group in refused.values() for pattern in group]
    assert len(patterns) == len(set(patterns))
    assert not set(names) & set(patterns)


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
    lock = store.ensure(virtualenv, translate.to_python(spec), Policy(), log).lock
    for package in ("torch==1.9.1", "beta==2.0", "pip==21.0", "setuptools==60.0"):
        assert f'"{package} ' in lock.text
