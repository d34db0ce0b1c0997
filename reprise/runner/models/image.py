"""``reprise models build-docker``: an image that serves a model, from its lock, on any base that fits."""

from __future__ import annotations

import logging
import re
import tempfile
from time import monotonic

from reprise import __version__
from reprise.envs.docker import (
    base_image,
    client,
    files,
    images,
)
from reprise.envs.docker import (
    build as docker_build,
)
from reprise.envs.docker.base_image import Base
from reprise.envs.docker.images import Image
from reprise.errors import EnvError, UsageError
from reprise.file_lock import scratch
from reprise.named_tuple import NamedTuple
from reprise.progress import spinner
from reprise.runner.models import image_context, image_packages
from reprise.runner.models.environment import lock_environment, log_file
from reprise.runner.models.folder import ModelFolder
from reprise.runner.models.image_context import ImageTrees
from reprise.schemas.environment import Lock, Package, Policy

log = logging.getLogger(__name__)

PORT = 8080

_PLATFORM = re.compile(r"linux/[a-z0-9]+(/[a-z0-9]+)?")


class WantedImage(NamedTuple):
    """The requested image; ``base`` None: a small matching image; ``platform`` as in docker:
    ``linux/arm64``.
    """

    name: str
    base: str | None = None
    env_manager: str | None = None
    platform: str | None = None
    port: int = PORT


def build_image(model: ModelFolder, wanted: WantedImage, policy: Policy) -> Image:
    """The image ``wanted.name``, which serves ``model``; packages are fetched here, none in the image.

    Raises:
        UsageError: a name that no image can have.
        EnvError: the lock cannot be put into an image, the base does not fit it, or docker refused.
    """
    base_image.check_new_name("--name", wanted.name)
    if wanted.base is not None:
        base_image.check_reference("--base", wanted.base)
    if wanted.platform is not None and not _PLATFORM.fullmatch(wanted.platform):
        raise UsageError(f'--platform "{wanted.platform}" is not linux/ARCHITECTURE')
    if reason := client.unusable():
        raise EnvError(reason)
    lock, python = _lock_packages(model, wanted, policy)
    base = image_packages.base_of(lock, python, wanted.base, wanted.platform, policy)
    started = monotonic()
    with scratch() as folder:
        _run_build(model, lock, wanted, base, image_packages.lay_out(lock, python, base, folder, policy))
    image = images.inspect_image(wanted.name, wanted.name)
    if image is None:
        raise EnvError(f"image {wanted.name} was built, but its tag was removed meanwhile")
    log.info("Built %s in %.1f s", image.shown, monotonic() - started)
    return image


def _lock_packages(model: ModelFolder, wanted: WantedImage, policy: Policy) -> tuple[Lock, Package]:
    """The packages of the model, and the Python among them."""
    manager, lock = lock_environment(model, wanted.env_manager, policy)
    if manager.NAME not in image_packages.MADE_OF:
        raise EnvError(
            f"an image is made of a lock of virtualenv or conda, and this one is of {manager.NAME}",
            hint="remove --env-manager, or use one of the two",
        )
    python = image_packages.python_of(lock)
    if python is None:
        raise EnvError(
            f"the environment of {model.shown} has no Python",
            hint="log the model with python among the dependencies of its conda.yaml",
        )
    # conda's Python is called so, whatever it is
    if python.name not in ("CPython", "python") or "pypy" in python.build:
        raise EnvError(f"an image is made for CPython, and this lock is of {python.name} {python.build}")
    names = {package.name.lower() for package in manager.packages(lock)}
    if not names & {"mlflow", "mlflow-skinny"}:
        raise EnvError(
            f"the environment of {model.shown} has no mlflow, which serves the model",
            hint="log the model with mlflow among its pip_requirements",
        )
    return lock, python


def _run_build(model: ModelFolder, lock: Lock, wanted: WantedImage, base: Base, trees: ImageTrees) -> None:
    named, has_conda = docker_build.name_of(base.image), trees.conda is not None
    recipe = image_context.write_dockerfile(base, named, wanted.port, has_conda=has_conda)
    facts = {
        "model": model.address,
        "model.run": model.run_id,
        "model.lock": lock.digest,
        "version": __version__,
    }
    options = [f"--tag={wanted.name}", *image_context.label_options(facts)]
    if wanted.platform is not None:
        options.append(f"--platform={wanted.platform}")
    with tempfile.TemporaryFile(prefix="reprise-") as packed:
        with files.pack_archive(packed) as archive:
            image_context.write_context(archive, trees, model.folder, base, recipe)
        with spinner(f"Building image {wanted.name}"):
            done = client.run_docker("build", "--force-rm", *options, "-", log=log_file(), stdin=packed)
    if done.exit_code != 0:
        raise client.make_failure(f"cannot build image {wanted.name}:", done, log_file())
