"""The packages of a lock, with the layout of an image."""

from __future__ import annotations

import logging
import os
from pathlib import Path, PurePosixPath

from reprise.envs import packing
from reprise.envs.conda import install, records
from reprise.envs.docker import base_image
from reprise.envs.docker.base_image import Base, series_of
from reprise.envs.registry import MANAGERS
from reprise.errors import EnvError
from reprise.runner.models import image_context
from reprise.runner.models.environment import log_file
from reprise.runner.models.image_context import ImageTrees
from reprise.schemas.environment import Lock, Package, Policy

log = logging.getLogger(__name__)

MADE_OF = ("virtualenv", records.NAME)

_BARE = "debian:12-slim"


def python_of(lock: Lock) -> Package | None:
    """The interpreter that the packages are for; None where the lock has none."""
    found = (package for package in MANAGERS[lock.manager].packages(lock) if package.kind == "python")
    return next(found, None)


def base_of(lock: Lock, python: Package, name: str | None, platform: str | None, policy: Policy) -> Base:
    """The image to build on: ``name``, or the one that is taken where none is named.

    Raises:
        EnvError: it is not available, or the packages do not work in it.
    """
    if lock.manager != records.NAME:
        usual = f"python:{python.version}-slim"
        base = base_image.find_base(name or usual, platform, policy, log_file(), usual)
        _refuse_other_python(base, python)
        return base
    executable = f"{image_context.ENVIRONMENT}/bin/python"
    base = base_image.find_bare(name or _BARE, platform, policy, log_file(), python.version, executable)
    here = os.uname()
    if (here.sysname, here.machine) != ("Linux", base.machine):
        raise EnvError(
            f"conda's packages are put into an image on a machine of its kind: "
            f"this one is {here.sysname} {here.machine}, and image {base.image.shown} Linux {base.machine}",
            hint="--env-manager virtualenv takes the Python packages of the model's own files",
        )
    if not base.glibc:
        raise EnvError(
            f"conda's packages need glibc, which image {base.image.shown} does not have",
            hint=f"use --base for an image with glibc, for example {_BARE}",
        )
    return base


def lay_out(lock: Lock, python: Package, base: Base, folder: Path, policy: Policy) -> ImageTrees:
    """Fetch the packages of ``lock``, each checked against its hash, and unpack them in ``folder``.

    Raises:
        EnvError: a package is not available for the image.
    """
    packages, site = folder / "packages", image_context.site_packages(base)
    machine = packing.Machine(python.version, base.machine, base.glibc)
    if lock.manager != records.NAME:
        packing.unpack_lock(lock, packages, machine, policy, log_file())
        packing.compile_modules(lock, packages, site, log_file())
        return ImageTrees(packages)
    content, conda = records.read_lock(lock), folder / "conda"
    place, glibc = image_context.ENVIRONMENT, base.glibc
    install.stage_packages(content, lock.credentials, conda, place, glibc, policy, log_file())
    if content.pip.requirements:
        packing.unpack_lock(lock, packages, machine, policy, log_file())
    else:
        packages.mkdir()
    library = PurePosixPath(site).parent
    for tree, place in ((conda / "lib" / library.name, str(library)), (packages, site)):
        packing.compile_by(conda / "bin" / "python", tree, place, log_file())
    return ImageTrees(packages, conda)


def _refuse_other_python(base: Base, python: Package) -> None:
    if (base.implementation, base.series) != (python.name, series_of(python.version)):
        raise EnvError(
            f"image {base.image.shown} has {base.implementation} {base.python}, "
            f"and the packages are locked for {python.name} {python.version}",
            hint=f"use --base for an image with Python {series_of(python.version)}",
        )
    if base.python != python.version:
        log.warning("The image has Python %s, the lock is of %s", base.python, python.version)
