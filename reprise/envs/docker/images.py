"""Which image a project runs in: locked, found or pulled, and the same one next time."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from typing import Any, Self

from reprise.durable import write_file
from reprise.envs.docker import client
from reprise.errors import EnvError
from reprise.named_tuple import NamedTuple
from reprise.progress import spinner
from reprise.schemas.environment import DockerEnv, Policy
from reprise.schemas.json_text import read_json

logger = logging.getLogger(__name__)

LOCK_FILE = "docker-image.lock"

_FORMAT = 1
_SHOWN = len("sha256:") + 12


class Image(NamedTuple):
    """An image of an engine.

    ``digest`` (``name@sha256:...``) is its id in a registry, None if it is in none; ``platform`` is
    ``linux/amd64``; ``built``: it contains the project's code.
    """

    name: str
    id: str
    digest: str | None
    platform: str
    built: bool = False

    @property
    def text(self) -> str:
        return json.dumps({"format": _FORMAT, **self._asdict()}, indent=1) + "\n"

    @property
    def shown(self) -> str:
        return f"{self.name} ({(self.digest or self.id).rpartition('@')[2][:_SHOWN]})"

    @classmethod
    def read(cls, text: str) -> Self:
        """Raises ValueError for what :attr:`text` did not write."""
        facts = read_json(text)
        if not isinstance(facts, dict) or facts.pop("format", None) != _FORMAT:
            raise ValueError("it is not in the format of this version")
        if facts.keys() != set(cls._fields) or not all(
            isinstance(facts[key], str) for key in ("name", "id")
        ):
            raise ValueError("it does not describe an image")
        return cls(**facts)


def inspect_image(reference: str, name: str) -> Image | None:
    """The image of the engine that ``reference`` (a name, digest or id) means, called ``name``."""
    result = client.call_docker("image", "inspect", "--format", "{{json .}}", "--", reference)
    if result.exit_code == 0:
        facts = read_json(result.stdout)
        return Image(name, facts["Id"], _digest_of(facts, name), f"{facts['Os']}/{facts['Architecture']}")
    if "no such image" in result.stderr.lower():
        return None
    raise client.make_failure(f"docker cannot search the image {reference}:", result)


def resolve_image(spec: DockerEnv, policy: Policy, log: Path, environ: Mapping[str, str]) -> Image:
    """Return the image of ``spec``; a lock file next to the project takes precedence, unless it is
    upgraded.

    Args:
        environ: docker's environment with the credentials of a registry.

    Raises:
        EnvError: the image does not exist, or does not match the lock.
    """
    if policy.as_of:
        logger.warning("image %s is used as of today: registries have no history of names", spec.image)
    if policy.upgrade is not None and (not policy.upgrade or spec.image in policy.upgrade):
        return _pull_image(spec.image, spec.image, policy, log, environ)
    try:
        return obtain_image(_read_lock(spec), policy, log, environ)
    except FileNotFoundError:
        if policy.locked:
            text = f"image {spec.image} is not locked: there is no {LOCK_FILE} in {spec.root}"
            raise EnvError(text, hint="create it with reprise lock") from None
    except EnvError as error:
        if policy.locked:
            raise
        logger.warning("%s is not used: %s", LOCK_FILE, error.message)
    return inspect_image(spec.image, spec.image) or _pull_image(
        spec.image, spec.image, policy, log, environ
    )


def obtain_image(image: Image, policy: Policy, log: Path, environ: Mapping[str, str]) -> Image:
    """Exactly ``image``, pulled by its digest when the engine does not have it.

    Raises:
        EnvError: it is not available.
    """
    if inspect_image(image.id, image.name) is not None:
        return image
    if image.digest is None:
        raise EnvError(
            f"image {image.shown} is not on this machine, and not in a registry",
            hint="it only exists where it was locked; push it to a registry to use it elsewhere",
        )
    # engines may have different ids for the same content
    found = inspect_image(image.digest, image.name) or _pull_image(
        image.digest, image.name, policy, log, environ
    )
    return found._replace(digest=image.digest, built=image.built)


def _read_lock(spec: DockerEnv) -> Image:
    """Read the lock file; raise FileNotFoundError if there is none, EnvError if it is invalid."""
    path = spec.root / LOCK_FILE
    try:
        image = Image.read(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise EnvError(f"cannot read {path}: {error}", hint="regenerate it with reprise lock") from error
    if image.name != spec.image:
        raise EnvError(
            f"{path} is for the image {image.name}, but the project uses {spec.image}",
            hint="regenerate it with reprise lock",
        )
    return image


def write_lock(spec: DockerEnv, image: Image) -> Path:
    """Write the lock file beside the project."""
    path = spec.root / LOCK_FILE
    write_file(path, image.text)
    return path


def _pull_image(reference: str, name: str, policy: Policy, log: Path, environ: Mapping[str, str]) -> Image:
    if policy.offline:
        raise EnvError(f"image {reference} is not on this machine, and --offline fetches nothing")
    started = monotonic()
    with spinner(f"Pulling {reference}"):
        result = client.run_docker("pull", "--", reference, log=log, environ=environ)
    image = inspect_image(reference, name)
    if image is None or result.exit_code != 0:
        what = "cannot be pulled" if image else "is not here, and cannot be pulled"
        raise client.make_failure(f"image {reference} {what}:", result, log)
    logger.info("Pulled %s in %.1f s", image.shown, monotonic() - started)
    return image


def _digest_of(facts: Mapping[str, Any], name: str) -> str | None:
    """The digest under the repository that ``name`` is of, else under any."""
    digests: list[str] = facts.get("RepoDigests") or []
    bare = name.partition("@")[0]
    repository = bare if "/" in bare.rpartition(":")[2] else bare.rpartition(":")[0] or bare
    own = [digest for digest in digests if digest.partition("@")[0] == repository]
    return next(iter([*own, *digests]), None)
