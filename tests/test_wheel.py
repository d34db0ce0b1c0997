"""The wheel: it is whole, and installed alone it runs projects and shows them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

import reprise
from tests.conftest import REPOSITORY, UV_CACHE

pytestmark = [pytest.mark.network, pytest.mark.slow]

PACKAGE = REPOSITORY / "reprise"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run_uv("build", "--wheel", "-o", str(folder), str(REPOSITORY))
    (file,) = folder.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """That of an environment with the wheel, what it requires, and nothing else."""
    folder = tmp_path_factory.mktemp("environment")
    run_uv("venv", str(folder / "env"))
    program = str(folder / "env" / "bin" / "python")
    run_uv("pip", "install", "--python", program, str(wheel))
    return program


def run_uv(*words: str) -> None:
    environ = {**os.environ, "UV_CACHE_DIR": UV_CACHE}
    subprocess.run([sys.executable, "-m", "uv", *words, "-q"], check=True, env=environ)


def run_reprise(python: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, "-m", "reprise", *words], capture_output=True, text=True, check=False, env=clean_environ()
    )


def clean_environ() -> Mapping[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def write_project(folder: Path, **files: str) -> str:
    folder.mkdir()
    for name, text in files.items():
        (folder / name.replace("_yaml", ".yaml")).write_text(text)
    return str(folder)


def test_the_wheel_is_whole(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    source = {
        path.relative_to(REPOSITORY).as_posix()
        for path in PACKAGE.rglob("*")
        if path.suffix in {".py", ".pyi", ".json", ".typed"}
    }
    assert source - names == set()
    assert {name for name in names if not name.startswith(("reprise/", "reprise_ml-"))} == set()
    assert {"reprise/ui/bundled/plotly.min.js", "reprise/ui/bundled/plotly.LICENSE.txt"} <= names


def test_it_lists_the_public_names_and_needs_no_plotly_and_no_rattler(python: str) -> None:
    code = (
        "import importlib.util, json, reprise; print(json.dumps([reprise.__all__, reprise.__file__,"
        " [name for name in ('plotly', 'rattler', 'mlflow') if importlib.util.find_spec(name)]]))"
    )
    done = subprocess.run(
        [python, "-c", code], check=True, capture_output=True, text=True, env=clean_environ()
    )
    names, file, heavy = json.loads(done.stdout)
    assert names == reprise.__all__
    assert not Path(file).is_relative_to(REPOSITORY)
    assert heavy == []


def test_it_runs_a_shell_project_and_one_with_packages(
    python: str, house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = write_project(Path("shell"), MLproject='entry_points: {main: {command: "echo it runs"}}')
    done = run_reprise(python, "run", shell, "--env-manager=local")
    assert (done.returncode, done.stdout) == (0, "it runs\n"), done.stderr
    packages = write_project(
        Path("packages"),
        MLproject="python_env: python_env.yaml\n"
        "entry_points: {main: {command: \"python -c 'import six; print(six.__name__)'\"}}",
        python_env_yaml="dependencies: [six]\n",
    )
    monkeypatch.setenv("UV_CACHE_DIR", UV_CACHE)
    done = run_reprise(python, "run", packages)
    assert (done.returncode, done.stdout) == (0, "six\n"), done.stderr


def test_a_conda_project_says_which_extra_it_needs(python: str, house: Path) -> None:
    conda = write_project(
        Path("conda"),
        MLproject='conda_env: conda.yaml\nentry_points: {main: {command: "python -V"}}',
        conda_yaml="channels: [conda-forge]\ndependencies: [python=3.11]\n",
    )
    assert run_reprise(python, "check", conda).returncode == 0
    done = run_reprise(python, "run", conda)
    assert done.returncode == 4
    assert "pip install 'reprise-ml[conda]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_its_pages_have_their_charts(python: str, house: Path) -> None:
    command = [python, "-m", "reprise", "ui", "--no-browser", "--port", "0", "--store", "mlruns"]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=clean_environ())
    try:
        assert server.stderr is not None
        address = next(
            word.rstrip("/")
            for line in server.stderr
            for word in line.split()
            if word.startswith("http://")
        )
        with urllib.request.urlopen(f"{address}/experiments") as page:
            assert page.status == 200
        code = "from reprise.ui import assets; print(assets.plotly_url())"
        script = subprocess.run(
            [python, "-c", code], check=True, capture_output=True, text=True, env=clean_environ()
        ).stdout.strip()
        with urllib.request.urlopen(address + script) as answer:
            assert b"plotly.js v" in answer.read(200)
    finally:
        server.terminate()
        server.communicate()
