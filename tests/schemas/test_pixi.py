"""pixi.toml: what of it becomes a conda environment, and what is said of the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from reprise.errors import ProjectError
from reprise.schemas import platforms
from reprise.schemas.environment import CondaEnv
from reprise.schemas.loader import load_project

HERE = platforms.current_platform()


def read(root: Path, text: str) -> CondaEnv:
    (root / "pixi.toml").write_text(text)
    spec = load_project(root).environment
    assert isinstance(spec, CondaEnv)
    return spec


def test_dependencies_of_every_kind(tmp_path: Path) -> None:
    spec = read(
        tmp_path,
        '[workspace]\nname = "iris"\nchannels = ["conda-forge", {channel = "pytorch", priority = 1}]\n'
        f'platforms = ["{HERE}"]\n'
        '[tasks]\ntrain = "python train.py"\n'
        '[dependencies]\npython = "3.11.*"\nscipy = "*"\nnumpy = ">=1.2,<2"\n'
        'mkl = {version = "2020.2", build = "256"}\ntorch = {version = ">=2", channel = "pytorch"}\n'
        '[pypi-dependencies]\nmlflow = ">=2"\nsix = "*"\nlib = {path = "lib", editable = true}\n'
        'other = {path = "./other"}\nrequests = {version = "==2.0", extras = ["socks"]}\n'
        'tool = {git = "https://host/tool.git", rev = "abc", subdirectory = "python"}\n'
        'wheel = {url = "https://host/wheel-1-py3-none-any.whl"}\n'
        '[pypi-options]\nextra-index-urls = ["https://host/simple"]\n',
    )
    assert spec == CondaEnv(
        root=tmp_path,
        file=tmp_path / "pixi.toml",
        name="iris",
        channels=("conda-forge", "pytorch"),
        dependencies=("python 3.11.*", "scipy", "numpy >=1.2,<2", "mkl 2020.2 256", "pytorch::torch >=2"),
        pip=(
            "--extra-index-url https://host/simple",
            "mlflow>=2",
            "six",
            "-e ./lib",
            "./other",
            "requests[socks]==2.0",
            "tool @ git+https://host/tool.git@abc#subdirectory=python",
            "wheel @ https://host/wheel-1-py3-none-any.whl",
        ),
    )


def test_the_older_name_of_the_table(tmp_path: Path) -> None:
    assert read(tmp_path, '[project]\nchannels = ["bioconda"]\n').channels == ("bioconda",)


def test_what_is_said_of_this_machine_wins(tmp_path: Path) -> None:
    system = HERE.partition("-")[0]
    other = "win-64" if system != "win" else "linux-64"
    spec = read(
        tmp_path,
        '[workspace]\nchannels = []\n[dependencies]\na = "1"\nb = "1"\nc = "1"\n'
        f'[target.{HERE}.dependencies]\nc = "4"\n'
        f'[target.{system}.dependencies]\nb = "3"\nc = "3"\n'
        '[target.unix.dependencies]\na = "2"\nb = "2"\nc = "2"\n'
        f'[target.{other}.dependencies]\nd = "1"\n',
    )
    assert spec.dependencies == ("a 2", "b 3", "c 4")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[feature.gpu.dependencies]\ncuda = "*"\n', "feature: is ignored"),
        ('[environments]\ngpu = ["gpu"]\n', "environments: is ignored"),
        ('[workspace]\nplatforms = ["win-64"]\n', f"workspace -> platforms: does not name {HERE}"),
    ],
)
def test_what_is_left_out_is_a_warning(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "pixi.toml").write_text(text)
    (warning,) = load_project(tmp_path).warnings
    assert said in warning


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[workspace\n", "not TOML"),
        ("dependencies = 3\n", "dependencies: is not a table"),
        ('[workspace]\nchannels = "conda-forge"\n', "workspace -> channels: is not a list"),
        ('[dependencies]\na = {path = "."}\n', "dependencies -> a: path cannot be done"),
        ("[dependencies]\na = 1\n", "dependencies -> a: this cannot be done"),
        ("[pypi-dependencies]\na = 1\n", "pypi-dependencies -> a: is neither a version nor a table"),
    ],
)
def test_what_cannot_be_done_is_a_fault(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "pixi.toml").write_text(text)
    with pytest.raises(ProjectError, match=r"pixi\.toml has a fault") as caught:
        load_project(tmp_path)
    assert said in caught.value.faults[0]
