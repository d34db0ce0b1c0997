"""The image that another one is built on: found or pulled, and what its Python is."""

from __future__ import annotations

import json
import re
from pathlib import Path

from reprise.envs.docker import client, images
from reprise.envs.docker.images import Image
from reprise.errors import EnvError, UsageError
from reprise.file_lock import scratch
from reprise.named_tuple import NamedTuple
from reprise.schemas.environment import DockerEnv, Policy

_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]*(?:[/:@][A-Za-z0-9_.\-]+)*")
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
# As docker has it: a first part with a dot or a port, or localhost, is a registry.
_NEW_NAME = re.compile(
    rf"(?:(?:localhost|[\w-]+(?:\.[\w-]+)+|[\w.-]+(?=:))(?::\d+)?/)?{_PART}(?:/{_PART})*(?::\w[\w.-]{{0,127}})?",
    re.ASCII,
)
_PROBE = (
    "import json, platform, sys\n"
    "print(json.dumps([platform.python_implementation(), platform.python_version(), platform.machine(),"
    " platform.libc_ver()[1], getattr(sys, '_base_executable', sys.executable)]))"
)
# What there is without a Python; musl has neither of the last two.
_BARE_PROBE = "uname -m; getconf GNU_LIBC_VERSION 2>/dev/null || ldd --version 2>/dev/null"
_BARE = re.compile(r"(?P<machine>\w+)\n(?:[^\n]*(?:glibc|GNU|GLIBC)[^\n]* (?P<glibc>\d+\.\d+)(?:\n|$))?")


class Base(NamedTuple):
    """``machine`` is that of uname; ``glibc`` is a version, empty for another C library."""

    image: Image
    implementation: str
    python: str
    machine: str
    glibc: str
    executable: str

    @property
    def series(self) -> str:
        """``3.11``: what packages are built for."""
        return series_of(self.python)


def check_new_name(option: str, name: str) -> None:
    """Raise for what cannot be the name of an image that is made here."""
    check_reference(option, name)
    if not _NEW_NAME.fullmatch(name):
        raise UsageError(
            f'{option} "{name}" is not a name that an image can be given',
            hint="write NAME or NAME:TAG, with NAME in lower case",
        )


def series_of(version: str) -> str:
    return ".".join(version.split(".")[:2])


def check_reference(option: str, name: str) -> None:
    """Raise for what cannot be the name of an image: it would be an option, or a line of a Dockerfile."""
    if not _REFERENCE.fullmatch(name):
        raise UsageError(f'{option} "{name}" is not the name of an image', hint="write NAME or NAME:TAG")


def find_base(name: str, platform: str | None, policy: Policy, log: Path, usual: str) -> Base:
    """The image ``name``, which the engine has or pulls, and its ``python3``; ``usual`` would do.

    Raises:
        EnvError: it is not available, or has no Python.
    """
    image = _of_platform(name, platform, policy, log)
    run = ["run", "--rm", "--network=none", f"--platform={image.platform}", "--entrypoint=python3"]
    probe = client.call_docker(*run, image.id, "-I", "-c", _PROBE)
    try:
        base = Base(image, *json.loads(probe.stdout.splitlines()[-1]))
        if not re.fullmatch(r"(\d+\.\d+)?", base.glibc) or not re.fullmatch(r"\w+", base.machine):
            raise ValueError(base)
        return base
    except (ValueError, TypeError, IndexError):
        error = client.make_failure(f"image {image.shown} cannot run python3:", probe)
        hint = f"use an image with Python, for example {usual}"
        raise EnvError(error.message, hint=hint) from None


def find_bare(
    name: str, platform: str | None, policy: Policy, log: Path, python: str, executable: str
) -> Base:
    """Return the image ``name`` for packages with their own CPython ``python`` at ``executable``.

    Raises:
        EnvError: it is not available, or has no shell.
    """
    image = _of_platform(name, platform, policy, log)
    run = ["run", "--rm", "--network=none", f"--platform={image.platform}", "--entrypoint=sh"]
    probe = client.call_docker(*run, image.id, "-c", _BARE_PROBE)
    found = _BARE.match(probe.stdout)
    if found is None:
        error = client.make_failure(f"image {image.shown} cannot run sh:", probe)
        raise EnvError(error.message, hint="use an image with a shell, for example debian:12-slim")
    return Base(image, "CPython", python, found["machine"], found["glibc"] or "", executable)


def _of_platform(name: str, platform: str | None, policy: Policy, log: Path) -> Image:
    there = images.inspect_image(name, name)
    if platform is not None and not (there and there.platform == platform):
        if policy.offline:
            raise EnvError(
                f"image {name} for {platform} is not on this machine, and --offline does not "
                "allow downloads"
            )
        done = client.run_docker("pull", f"--platform={platform}", "--", name, log=log)
        if done.exit_code != 0:
            raise client.make_failure(f"cannot pull image {name} for {platform}:", done, log)
    with scratch() as folder:  # which has no lock file
        return images.resolve_image(DockerEnv(folder, name), policy, log, {})
