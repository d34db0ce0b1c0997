"""The docker SDK inspects the containers and images that we make with the docker program."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import docker
import pytest

from reprise.schemas import tags
from tests.conftest import ProjectFolder, eventually
from tests.envs.docker_engine import IMAGE

Write = Callable[[Mapping[str, str]], ProjectFolder]

pytestmark = pytest.mark.docker

MLPROJECT = f"""\
name: Witnessed
docker_env:
  image: {IMAGE}
  volumes: ["./shared:/shared:ro"]
  environment: [[COLOUR, "dark blue"], FROM_OUTSIDE]
entry_points:
  main: {{command: "echo up; sleep 300"}}
  short: {{command: "cat train.py"}}
"""
FILES = {"MLproject": MLPROJECT, "train.py": "print('one')\n", "shared/x": "x\n"}


@pytest.fixture(autouse=True)
def _outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FROM_OUTSIDE", "a=b 'c'")


@pytest.fixture
def engine() -> Iterator[docker.DockerClient]:
    client = docker.from_env()
    try:
        yield client
    finally:
        client.close()


@contextmanager
def running(project: ProjectFolder, *options: str) -> Iterator[subprocess.Popen[str]]:
    """A run of another process, whose command has begun."""
    command = [sys.executable, "-P", "-m", "reprise", "run", str(project.path), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        said = []
        try:
            for line in process.stdout:
                said.append(line)
                if line == "up\n":
                    break
            assert process.poll() is None, said
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate()


def containers_of(engine: docker.DockerClient, run_id: str) -> list[Any]:
    """Every container, running or not, that bears the run's id in a label."""
    return [one for one in engine.containers.list(all=True) if run_id in one.labels.values()]


def read_lock(project: ProjectFolder) -> dict[str, Any]:
    return dict(json.loads(project.artifact(project.runs()[0], "reprise/environment.lock")))


def test_a_container_is_as_the_run_says(project: Write, engine: docker.DockerClient) -> None:
    demo = project(FILES)
    volumes_before = {volume.name for volume in engine.volumes.list()}
    with running(demo, "-A", "memory=256m", "-A", "cpus=0.5"):
        (run,) = demo.runs()
        (container,) = (one for one in containers_of(engine, run.run_id) if one.status == "running")
        about = container.attrs
    environ = dict(pair.split("=", 1) for pair in about["Config"]["Env"])
    assert about["Config"]["WorkingDir"] == "/mlflow/projects/code"
    assert (about["HostConfig"]["Memory"], about["HostConfig"]["NanoCpus"]) == (256 << 20, 500_000_000)
    assert about["HostConfig"]["AutoRemove"]
    assert environ["MLFLOW_RUN_ID"] == run.run_id
    assert (environ["COLOUR"], environ["FROM_OUTSIDE"]) == ("dark blue", "a=b 'c'")
    mounts = {mount["Destination"]: mount for mount in about["Mounts"]}
    assert mounts["/shared"]["Source"] == str(demo.path / "shared")
    assert not mounts["/shared"]["RW"]
    assert container.image.id == read_lock(demo)["id"]
    assert eventually(lambda: not containers_of(engine, run.run_id))
    assert {volume.name for volume in engine.volumes.list()} <= volumes_before


def test_the_image_of_a_run_is_the_one_that_the_engine_has(
    project: Write, engine: docker.DockerClient
) -> None:
    demo = project(FILES)
    done = demo.reprise("run", str(demo.path), "-e", "short")
    assert done.exit_code == 0, done.err
    image = engine.images.get(IMAGE)
    lock = read_lock(demo)
    assert lock["id"] == image.id
    assert demo.runs()[0].tags[tags.PROJECT_ENV] == "docker"


def test_a_built_image_holds_the_project(project: Write, engine: docker.DockerClient) -> None:
    demo = project(FILES)
    done = demo.reprise("run", str(demo.path), "-e", "short", "--build-image")
    assert done.exit_code == 0, done.err
    image = engine.images.get(read_lock(demo)["id"])
    try:
        assert image.tags
        assert image.attrs["RootFS"]["Layers"][:-1] == engine.images.get(IMAGE).attrs["RootFS"]["Layers"]
        printed = engine.containers.run(image.id, ["cat", "train.py"], remove=True, network_disabled=True)
        assert printed == FILES["train.py"].encode()
    finally:
        engine.images.remove(image.id, force=True)


def test_what_the_engine_has_after_a_kill_is_removed_by_the_next_command(
    project: Write, engine: docker.DockerClient
) -> None:
    demo = project(FILES)
    with running(demo) as process:
        (run,) = demo.runs()
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert containers_of(engine, run.run_id)
    assert demo.reprise("runs", "list").exit_code == 0
    assert eventually(lambda: not containers_of(engine, run.run_id))
