"""``reprise models build-docker``: an image that serves a model, from its lock, on any base with Python."""

from __future__ import annotations

import logging
import re
import tempfile
from pathlib import Path
from time import monotonic
from typing import NamedTuple

from reprise import __version__
from reprise.envs import docker_base, docker_build, docker_client, docker_files, docker_images, packing
from reprise.envs.docker_base import Base, series
from reprise.envs.docker_images import Image
from reprise.envs.registry import MANAGERS
from reprise.errors import EnvError, UsageError
from reprise.lock import scratch
from reprise.progress import spinner
from reprise.runner.models import image_context
from reprise.runner.models.environment import locked, log_file
from reprise.runner.models.folder import ModelFolder
from reprise.schemas.environment import Lock, Package, Policy

log = logging.getLogger(__name__)

PORT = 8080

_PLATFORM = re.compile(r"linux/[a-z0-9]+(/[a-z0-9]+)?")


class Wanted(NamedTuple):
    """``base`` None: the slim image of the lock's Python; ``platform``: docker's word, ``linux/arm64``."""

    name: str
    base: str | None = None
    env_manager: str | None = None
    platform: str | None = None
    port: int = PORT


def build(model: ModelFolder, wanted: Wanted, policy: Policy) -> Image:
    """The image ``wanted.name``, which serves ``model``; packages are fetched here, none in the image.

    Raises:
        UsageError: a name that no image can have.
        EnvError: the lock cannot be put into an image, the base does not fit it, or docker refused.
    """
    docker_base.check_reference("--name", wanted.name)
    if wanted.platform is not None and not _PLATFORM.fullmatch(wanted.platform):
        raise UsageError(f'--platform "{wanted.platform}" is not linux/ARCHITECTURE')
    if reason := docker_client.unusable():
        raise EnvError(reason)
    lock = _lock(model, wanted, policy)
    python = _python(lock)
    base_name = wanted.base or f"python:{python.version}-slim"
    docker_base.check_reference("--base", base_name)
    base = docker_base.find(base_name, wanted.platform, policy, log_file())
    _refuse_other_python(base, python)
    started = monotonic()
    with scratch() as folder:
        machine = packing.Machine(python.version, base.machine, base.glibc)
        packing.unpack(lock, folder / "packages", machine, policy, log_file())
        packing.compile_modules(lock, folder / "packages", image_context.site_packages(base), log_file())
        _build(model, lock, wanted, base, folder / "packages")
    image = docker_images.inspect(wanted.name, wanted.name)
    if image is None:
        raise EnvError(f"image {wanted.name} was built, and something else removed its tag")
    log.info("Built %s in %.1f s", image.shown, monotonic() - started)
    return image


def _lock(model: ModelFolder, wanted: Wanted, policy: Policy) -> Lock:
    manager, lock = locked(model, wanted.env_manager, policy)
    if manager.NAME != "virtualenv":
        raise EnvError(
            f"an image is made of a lock of virtualenv, and this one is of {manager.NAME}",
            hint="--env-manager virtualenv takes the Python packages of the model's own files",
        )
    if _python(lock).name != "CPython":
        raise EnvError(f"an image is made for CPython, and this lock is of {_python(lock).name}")
    names = {package.name.lower() for package in manager.packages(lock)}
    if not names & {"mlflow", "mlflow-skinny"}:
        raise EnvError(
            f"the environment of {model.shown} has no mlflow, which serves the model",
            hint="log the model with mlflow among its pip_requirements",
        )
    return lock


def _python(lock: Lock) -> Package:
    return next(package for package in MANAGERS[lock.manager].packages(lock) if package.kind == "python")


def _refuse_other_python(base: Base, python: Package) -> None:
    if (base.implementation, base.series) != (python.name, series(python.version)):
        raise EnvError(
            f"image {base.image.shown} has {base.implementation} {base.python}, "
            f"and the packages are locked for {python.name} {python.version}",
            hint=f"--base names one with Python {series(python.version)}",
        )
    if base.python != python.version:
        log.warning("The image has Python %s, the lock is of %s", base.python, python.version)


def _build(model: ModelFolder, lock: Lock, wanted: Wanted, base: Base, packages: Path) -> None:
    recipe = image_context.dockerfile(base, docker_build.name_of(base.image), wanted.port)
    facts = {
        "model": model.address,
        "model.run": model.run_id,
        "model.lock": lock.digest,
        "version": __version__,
    }
    options = [f"--tag={wanted.name}", *image_context.labels(facts)]
    if wanted.platform is not None:
        options.append(f"--platform={wanted.platform}")
    with tempfile.TemporaryFile(prefix="reprise-") as packed:
        with docker_files.packing(packed) as archive:
            image_context.write(archive, packages, model.folder, base, recipe)
        with spinner(f"Building image {wanted.name}"):
            done = docker_client.work("build", "--force-rm", *options, "-", log=log_file(), stdin=packed)
    if done.exit_code != 0:
        raise docker_client.failure(f"image {wanted.name} cannot be built:", done, log_file())
