"""With its packages, a bundle needs no index and no network."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.envs import conda_channel, docker_engine, wheels
from tests.runner.bundle.conftest import Traveller

pytestmark = pytest.mark.slow

MLPROJECT = "python_env: python_env.yaml\nentry_points:\n  main:\n    command: python train.py\n"
SCRIPT = "import alpha, beta\ntrack.artifact('versions.txt', f'{alpha.__version__} {beta.__version__}')\n"
ALONE = ("unshare", "--net", "--map-root-user", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")


def recorded(traveller: Traveller) -> str:
    project = traveller.golden.project(
        SCRIPT, MLproject=MLPROJECT, python_env__yaml="dependencies:\n- alpha\n"
    )
    return traveller.golden.run(project)


def test_no_index_is_needed(traveller: Traveller, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = traveller.bundle(recorded(traveller), "--with-packages")
    traveller.leave()
    shutil.rmtree(index)
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    again = traveller.again(file)
    assert (again.exit_code, again.verdict) == (0, "identical"), again.err


def test_without_network(traveller: Traveller, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() != 0 or shutil.which("unshare") is None or shutil.which("ip") is None:
        pytest.skip("a network namespace is made by root, with unshare and ip")
    file = traveller.bundle(recorded(traveller), "--with-packages")
    traveller.leave()
    shutil.rmtree(index)
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.delenv("PIP_NO_INDEX")
    again = traveller.again(file, before=ALONE)
    assert (again.exit_code, again.verdict) == (0, "identical"), again.err


def test_without_packages_the_index_is_asked(traveller: Traveller, index: Path) -> None:
    file = traveller.bundle(recorded(traveller))
    traveller.leave()
    assert traveller.again(file).exit_code == 0
    traveller.golden.wipe()
    shutil.rmtree(index)
    index.mkdir()
    again = traveller.again(file)
    assert again.exit_code == 4
    assert "alpha" in again.err


def test_package_that_was_replaced_is_not_taken(traveller: Traveller, index: Path) -> None:
    run = recorded(traveller)
    wheels.make(index, "beta", "2.0", files={"more.py": ""})
    file = traveller.golden.elsewhere / "run.zip"
    done = traveller.reprise(
        "bundle", run, "--with-packages", "-o", str(file), "--tracking-uri", str(traveller.golden.store)
    )
    assert done.returncode == 4
    assert "beta" in done.stderr
    assert not file.exists()


def test_current_environment_has_no_packages_to_bundle(traveller: Traveller) -> None:
    run = traveller.golden.run(traveller.golden.project(""), "--env-manager=local")
    done = traveller.reprise(
        "bundle", run, "--with-packages", "--tracking-uri", str(traveller.golden.store)
    )
    assert done.returncode == 2
    assert "the current environment of its machine" in done.stderr


def test_conda(traveller: Traveller, index: Path, tmp_path: Path) -> None:
    channel = tmp_path / "channel"
    shutil.copytree(Path(conda_channel.shared().removeprefix("file://")), channel)
    project = traveller.golden.project(
        "import greeter\ntrack.artifact('greeter.txt', greeter.__version__)\n",
        conda__yaml=f"channels: [{channel.as_uri()}, nodefaults]\n"
        "dependencies: [python, greeter, {pip: [beta]}]\n",
        MLproject="conda_env: conda.yaml\nentry_points:\n  main:\n    command: python train.py\n",
    )
    file = traveller.bundle(traveller.golden.run(project), "--with-packages")
    traveller.leave()
    shutil.rmtree(channel)
    shutil.rmtree(index)
    again = traveller.again(file)
    assert (again.exit_code, again.verdict) == (0, "identical"), again.err


@pytest.mark.docker
def test_image_that_no_registry_has(traveller: Traveller) -> None:
    image = "reprise-bundled:1"
    recipe = f"FROM {docker_engine.IMAGE}\nENV BUNDLED=yes\n"
    subprocess.run(["docker", "build", "--quiet", "--tag", image, "-"], input=recipe, text=True, check=True)
    try:
        project = traveller.golden.project(
            "",
            MLproject=f"docker_env:\n  image: {image}\nentry_points:\n"
            "  main:\n    command: 'echo bundled $BUNDLED'\n",
        )
        file = traveller.bundle(traveller.golden.run(project), "--with-packages")
        without = traveller.bundle("@last", name="without.zip")
        traveller.leave()
        subprocess.run(["docker", "rmi", "--force", image], check=True, capture_output=True)
        refused = traveller.again(without)
        assert (refused.exit_code, "is not on this machine" in refused.err) == (4, True), refused.err
        again = traveller.again(file)
        assert (again.exit_code, again.verdict) == (0, "identical"), again.err
    finally:
        subprocess.run(["docker", "rmi", "--force", image], check=False, capture_output=True)
