"""The real engine as tests use it: its images and containers by their names, and a registry on loopback."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

IMAGE = "python-base:local"

USER, PASSWORD = "alice", "a b'c;$d"
_HTPASSWD = "$2a$04$Q4gnxWqfT6HLR/VJSk5cUOA8CW4C5VZ7BdDhd0YzhHE5pdaCY4AyG"  # bcrypt of PASSWORD


def docker(*arguments: str, check: bool = True) -> str:
    """What ``docker ARGUMENTS`` prints."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0 or not check, done.stderr
    return done.stdout.strip()


def missing() -> str | None:
    """Why tests of docker cannot run here."""
    if shutil.which("docker") is None:
        return "there is no docker program; .ci/docker-engine installs one and starts its engine"
    if not docker("info", "--format", "{{.ServerVersion}}", check=False):
        return "no docker engine answers; .ci/docker-engine starts one"
    if not docker("image", "ls", "--quiet", IMAGE):
        return f"there is no image {IMAGE}; .ci/docker-engine makes it"
    return None


def containers(label: str) -> list[str]:
    """The names of the containers with a label, running or not."""
    return docker("ps", "--all", "--format", "{{.Names}}", "--filter", f"label={label}").split()


def volumes(label: str) -> list[str]:
    """The volumes that the containers with a label use."""
    names = containers(label)
    template = "{{range .Mounts}}{{.Name}} {{end}}"
    return docker("inspect", "--format", template, *names).split() if names else []


@contextmanager
def registry(folder: Path, *, closed: bool = False) -> Iterator[str]:
    """A registry that exists for the block; yields its ``host:port``. A closed one wants a login."""
    folder.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    (folder / "htpasswd").write_text(f"{USER}:{_HTPASSWD}\n")
    auth = f"auth: {{htpasswd: {{realm: test, path: {folder}/htpasswd}}}}\n" if closed else ""
    (folder / "config.yml").write_text(
        f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {folder}/data}}}}\n"
        f"http: {{addr: '{address}'}}\n{auth}"
    )
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            ["docker-registry", "serve", folder / "config.yml"], stdout=log, stderr=log
        ) as server,
    ):
        try:
            _wait_for(address)
            yield address
        finally:
            server.terminate()


def _wait_for(address: str) -> None:
    host, _, port = address.partition(":")
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex((host, int(port))) == 0:
                return
        time.sleep(0.1)
    raise AssertionError(f"no registry at {address}")


def build(name: str, dockerfile: str) -> None:
    """Build an image from a Dockerfile alone."""
    done = subprocess.run(
        ["docker", "build", "--quiet", "--tag", name, "-"],
        input=dockerfile.encode(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def push(name: str, settings: Path) -> None:
    """Push to a closed registry, with the login in a folder of settings."""
    login = ["login", "--username", USER, "--password-stdin", name.partition("/")[0]]
    subprocess.run(
        ["docker", "--config", settings, *login], input=PASSWORD.encode(), capture_output=True, check=True
    )
    docker("--config", str(settings), "push", name)
