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

    ``digest`` (``name@sha256:...``) is what a registry knows it by, None where no registry does;
    ``platform`` is ``linux/amd64``; ``built``: the project's code is in it.
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
    raise client.make_failure(f"docker cannot look for the image {reference}:", result)


def resolve_image(spec: DockerEnv, policy: Policy, log: Path, environ: Mapping[str, str]) -> Image:
    """The image of ``spec``; a lock file beside the project decides, unless it is to be upgraded.

    Args:
        environ: what docker needs to know so that a registry lets it in.

    Raises:
        EnvError: there is no such image, or not the one that is locked.
    """
    if policy.as_of:
        logger.warning("image %s is taken as it is today: registries keep no past of a name", spec.image)
    if policy.upgrade is not None and (not policy.upgrade or spec.image in policy.upgrade):
        return _pull_image(spec.image, spec.image, policy, log, environ)
    try:
        return obtain_image(_read_lock(spec), policy, log, environ)
    except FileNotFoundError:
        if policy.locked:
            text = f"image {spec.image} is not locked: there is no {LOCK_FILE} in {spec.root}"
            raise EnvError(text, hint="reprise lock writes it") from None
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
        EnvError: it cannot be had.
    """
    if inspect_image(image.id, image.name) is not None:
        return image
    if image.digest is None:
        raise EnvError(
            f"image {image.shown} is not on this machine, and no registry knows it",
            hint="it was made where it was locked; push it to a registry to have it elsewhere",
        )
    # an engine may know the same content by another id than the one that locked it
    found = inspect_image(image.digest, image.name) or _pull_image(
        image.digest, image.name, policy, log, environ
    )
    return found._replace(digest=image.digest, built=image.built)


def _read_lock(spec: DockerEnv) -> Image:
    """What the lock file says. Raises FileNotFoundError where there is none, EnvError for a useless one."""
    path = spec.root / LOCK_FILE
    try:
        image = Image.read(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise EnvError(f"{path} cannot be read: {error}", hint="reprise lock writes it anew") from error
    if image.name != spec.image:
        raise EnvError(
            f"{path} is of the image {image.name}, the project names {spec.image}",
            hint="reprise lock writes it anew",
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
