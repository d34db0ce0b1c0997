"""What a project asks of its environment, and what was resolved for it, as frozen values."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from reprise.named_tuple import NamedTuple


class PythonEnv(NamedTuple):
    """A Python with packages from an index.

    Comes from ``python_env.yaml``, ``requirements.txt`` or ``pyproject.toml`` (then ``pyproject``
    names the file, and a ``uv.lock`` beside it decides the versions). Requirement lines are as
    written and may hold ``-r FILE``, ``-c FILE``, ``-e DIR`` and ``.``, relative to ``root``.
    ``python`` is the version as written (``3.11``, ``>=3.10``), None for any. ``passing``: the root is a
    checkout that is removed again, so that nothing may be linked to it. ``notes`` are sentences on what
    was read in another way than written.
    """

    root: Path
    file: Path | None = None
    python: str | None = None
    build_dependencies: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()
    pyproject: Path | None = None
    passing: bool = False
    notes: tuple[str, ...] = ()


class CondaEnv(NamedTuple):
    """A ``conda.yaml`` / ``environment.yml``: conda match specs, and the lines of its pip section.

    ``variables`` are set inside; ``passing`` as for :class:`PythonEnv`.
    """

    root: Path
    file: Path
    name: str | None = None
    channels: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()
    pip: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    passing: bool = False


class RegistryLogin(NamedTuple):
    """A user of an image registry; None is the client's own default registry. Never shown."""

    username: str
    password: str
    registry: str | None = None

    def __repr__(self) -> str:
        return f"RegistryLogin(registry={self.registry!r})"


class DockerEnv(NamedTuple):
    """A ``docker_env``: ``environment`` holds names to copy from the host and (name, value) pairs.

    ``arguments`` are the user's ``-A`` (True: a flag without a value), ``build`` is ``--build-image``,
    ``tag`` what an image of this state of the project is called (``iris:1a2b3c4``, ``iris:1a2b3c4-dirty``).
    ``inputs`` are files and folders of this machine that are read under the path that they have here.
    """

    root: Path
    image: str
    volumes: tuple[str, ...] = ()
    environment: tuple[str | tuple[str, str], ...] = ()
    arguments: Mapping[str, str | bool] = {}
    build: bool = False
    tag: str | None = None
    inputs: tuple[Path, ...] = ()
    login: RegistryLogin | None = None


EnvSpec: TypeAlias = PythonEnv | CondaEnv | DockerEnv


class Policy(NamedTuple):
    """How an environment may be resolved and created.

    ``locked``: fail if the project's lock is missing or outdated. ``offline``: no downloads. ``as_of``: an
    RFC 3339 time; later packages are ignored. ``upgrade``: names to resolve again in spite of a lock;
    ``()`` is everything, None nothing. ``packages``: a folder that is the only source of packages.
    ``python``: the user's version, which overrides the project's. ``current``: the user's current Python;
    None: from the variables of our process.
    """

    locked: bool = False
    offline: bool = False
    as_of: str | None = None
    upgrade: tuple[str, ...] | None = None
    packages: Path | None = None
    python: str | None = None
    current: Path | None = None


CONDA_PACKAGE = "conda"
"""The kind of a package that comes from a channel of conda."""


class Package(NamedTuple):
    """One thing that a lock pins: ``kind`` is ``pypi``, ``conda``, ``python`` or ``image``.

    ``build`` is conda's build string; ``origin`` a URL or folder where it is known; ``hashes`` are
    ``sha256:...``, one for each file that may be taken.
    """

    name: str
    version: str
    kind: str
    build: str = ""
    origin: str = ""
    hashes: tuple[str, ...] = ()


class Credentials(NamedTuple):
    """User names, passwords and tokens, never shown.

    ``sites`` are those of indexes: (``https://``, host with port, userinfo) each. ``channels`` are those of
    conda: (address without, address with) each.
    """

    sites: tuple[tuple[str, str, str], ...] = ()
    channels: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        return f"Credentials(of {len(self.sites)} sites, {len(self.channels)} channels)"


NO_CREDENTIALS = Credentials()


class Lock(NamedTuple):
    """A spec resolved to exact artifacts: ``text`` is the manager's own format, deterministic.

    ``root`` is the folder from which the project's own packages are installed, where there are such
    and the text does not name it. ``credentials`` are those of the addresses in the text. ``notes`` say
    what was decided when it was resolved (which Python, and why). None of them is part of what it says.
    """

    manager: str
    text: str
    root: Path | None = None
    credentials: Credentials = NO_CREDENTIALS
    notes: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """64 hex digits; the environment's address."""
        return hashlib.sha256(f"{self.manager}\n{self.text}".encode()).hexdigest()


class Environment(NamedTuple):
    """A materialised environment: the manager's word, its lock, and its folder.

    ``spec`` is None if the environment was created from a lock alone.
    """

    manager: str
    lock: Lock
    prefix: Path
    spec: EnvSpec | None = None
