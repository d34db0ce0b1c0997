"""Docker containers: the image is locked, and the command is wrapped in ``docker run``.

Nothing is kept in the cache: images live in the engine.
"""

from __future__ import annotations

import ipaddress
import json
import logging
import os
import socket
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from reprise.envs import base
from reprise.envs.docker import (
    build,
    client,
    images,
    observing,
)
from reprise.envs.docker import (
    command as docker_command,
)
from reprise.envs.docker.images import Image
from reprise.errors import EnvError, ProjectError
from reprise.schemas.environment import DockerEnv, Environment, EnvSpec, Lock, Package, Policy
from reprise.schemas.job import Command

logger = logging.getLogger(__name__)

NAME = "docker"
KEEPS_FOLDER = False
CHOOSES_PYTHON = False
READS_PROJECT = True
IS_ISOLATED = True
PINS_PACKAGES = True
TAKES_DOCKER_OPTIONS = True
NOT_CACHED = "images are kept by the docker engine"

unusable = client.unusable
create = base.nothing_to_create
settle = base.settles_nothing
unhealthy = base.always_healthy
python_of = base.python_not_known
read_credentials = base.no_credentials
find_lock_file = base.no_lock_file

_LOOPBACK = "127.0.0.1"
_PACKED = "image.tar"


def takes(spec: EnvSpec) -> DockerEnv:
    if not isinstance(spec, DockerEnv):
        raise EnvError(
            "the project has no image",
            hint='write "docker_env:" with "image: NAME" in its MLproject, '
            "or use --env-manager local for the current environment",
        )
    if spec.image.startswith("-") or any(character.isspace() for character in spec.image):
        raise ProjectError(f'docker_env -> image: "{spec.image}" is not an image name')
    docker_command.check_spec(spec)
    return spec


def lock(spec: DockerEnv, policy: Policy, log: Path) -> Lock:
    return Lock(NAME, _find_image(spec, policy, log).text)


def write_lock(spec: DockerEnv, policy: Policy, platforms: Sequence[str], log: Path) -> tuple[Path, ...]:
    """Write the lock; a digest covers all platforms of the image in its registry, whatever ``platforms``
    is.
    """
    with client.log_in(spec.login) as environ:
        image = images.resolve_image(spec, policy, log, environ)
    if image.digest is None:
        logger.warning(
            "image %s is locked by its id: it is not in a registry, so only this machine has it",
            image.shown,
        )
    return (images.write_lock(spec, image),)


def enter(environment: Environment, command: Command) -> Command:
    # for a bare lock, the image was not looked up yet
    image = images.obtain_image(Image.read(environment.lock.text), Policy(), Path(os.devnull), {})
    return docker_command.wrap_command(_spec_of(environment), image, command)


def enter_attached(environment: Environment, command: Command) -> Command:
    streams = {"interactive": True, **({"tty": True} if sys.stdin.isatty() else {})}
    spec = environment.spec
    if not isinstance(spec, DockerEnv):
        spec = DockerEnv(command.cwd, image="")  # the lock says which
    spec = spec._replace(arguments={**spec.arguments, **streams})
    return enter(environment._replace(spec=spec), command._replace(cwd=spec.root))


def platform_of(lock: Lock) -> str:
    return Image.read(lock.text).platform


def unrestorable(lock: Lock) -> str | None:
    image = Image.read(lock.text)
    if image.digest is not None or images.inspect_image(image.id, image.name) is not None:
        return None
    return f"image {image.shown} is not on this machine, and not in a registry"


def adapt_lock(lock: Lock, spec: DockerEnv, policy: Policy, log: Path) -> Lock:
    return Lock(NAME, images.obtain_image(Image.read(lock.text), policy, log, {}).text)


def pack(lock: Lock, folder: Path, fetch: base.Fetch, log: Path, *, offline: bool) -> None:
    image = images.obtain_image(Image.read(lock.text), Policy(), log, {})
    named = images.inspect_image(image.name, image.name)
    # by name if that still refers to it, so that the name is saved too
    reference = image.name if named is not None and named.id == image.id else image.id
    done = client.run_docker("save", "--output", str(folder / _PACKED), "--", reference, log=log)
    if done.exit_code != 0:
        raise client.make_failure(f"cannot save image {image.shown}:", done, log)


def unpack(folder: Path, log: Path) -> None:
    if reason := unusable():
        raise EnvError(reason)
    done = client.run_docker("load", "--input", str(folder / _PACKED), log=log)
    if done.exit_code != 0:
        raise client.make_failure("cannot load the image of the bundle:", done, log)


def observe(environment: Environment, command: Command, observer: Path, notes: Path) -> Command:
    project = None if Image.read(environment.lock.text).built else command.cwd.absolute()
    return observing.observe_command(command, observer, notes, project)


variables_inside = docker_command.variables_inside


def packages(lock: Lock) -> tuple[Package, ...]:
    image = Image.read(lock.text)
    digest = (image.digest or image.id).rpartition("@")[2]
    return (Package(image.name, image.platform, "image", origin=image.digest or "", hashes=(digest,)),)


def tags(environment: Environment) -> Mapping[str, str]:
    image = Image.read(environment.lock.text)
    return {"mlflow.docker.image.uri": image.name, "mlflow.docker.image.id": image.id}


def folders(environment: Environment) -> tuple[Path, ...]:
    return ()


def reached_at(environment: Environment) -> str:
    """The gateway of the container's network where that is an address of this machine.

    Elsewhere, as with Docker Desktop, the engine brings ``host.docker.internal`` to our loopback.
    """
    network = docker_command.network_of(_spec_of(environment))
    if network == "host":
        return _LOOPBACK
    found = client.call_docker("network", "inspect", "--format", "{{json .IPAM.Config}}", "--", network)
    configured = json.loads(found.stdout) if found.exit_code == 0 else None
    return next((address for address in _list_gateways(configured or ()) if _is_ours(address)), _LOOPBACK)


def remove_left_behind(job: str) -> None:
    """Remove the containers that ``job`` left."""
    if unusable() is not None:
        return
    found = client.call_docker(
        "ps", "--all", "--quiet", "--filter", f"label={docker_command.JOB_LABEL}={job}"
    )
    if containers := found.stdout.split():
        client.call_docker("rm", "--force", "--volumes", *containers)


def _find_image(spec: DockerEnv, policy: Policy, log: Path) -> Image:
    own = spec.build and build.has_dockerfile(spec)
    if own and policy.locked:
        raise EnvError(
            f"{spec.root / build.DOCKERFILE} defines the image, which cannot be locked",
            hint=f"remove --build-image to run {spec.image} from its lock",
        )
    with client.log_in(spec.login) as environ:
        image = None if own else images.resolve_image(spec, policy, log, environ)
        if not spec.build:
            assert image is not None
            return image
        return build.build_image(spec, image, str(docker_command.container_owner()), log, environ)


def _spec_of(environment: Environment) -> DockerEnv:
    """What the project asks of its container; nothing, where all we have is a lock."""
    if isinstance(environment.spec, DockerEnv):
        return environment.spec
    return DockerEnv(Path.cwd(), Image.read(environment.lock.text).name)


def _list_gateways(configured: Iterable[Mapping[str, str]]) -> Iterator[str]:
    """The gateway of each subnet: its first address where the engine does not say another."""
    for subnet in configured:
        yield subnet.get("Gateway") or str(ipaddress.ip_network(subnet["Subnet"], strict=False)[1])


def _is_ours(address: str) -> bool:
    """Whether we could listen at ``address``."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True
