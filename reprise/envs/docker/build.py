"""``--build-image``: the project's own Dockerfile, where it has one, and its code on top.

The code is always in the same folder, whatever the Dockerfile is, so that entry points find it. The context
is the project filtered by its ``.dockerignore``, or else the whole project without its git history and
recorded runs.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import IO

from reprise.envs.docker import client, files
from reprise.envs.docker.images import Image, inspect_image
from reprise.errors import EnvError
from reprise.file_lock import exclusive, scratch
from reprise.paths import cache_dir
from reprise.progress import spinner
from reprise.schemas.environment import DockerEnv

logger = logging.getLogger(__name__)

DOCKERFILE = "Dockerfile"

_IGNORE_FILE = ".dockerignore"
_LOCKS = "docker-v1"
_PACKED = "code"


def has_dockerfile(spec: DockerEnv) -> bool:
    """Return whether the project has its own Dockerfile."""
    return (spec.root / DOCKERFILE).is_file()


def build_image(
    spec: DockerEnv, base: Image | None, user: str, log: Path, environ: Mapping[str, str]
) -> Image:
    """The image ``spec.tag``: ``base``, or what the project's Dockerfile makes, with the code in it.

    Args:
        base: None for the project's Dockerfile.
        user: ``uid:gid`` of the owner of the code.

    Raises:
        EnvError: it cannot be built; with the last lines and the log's path.
    """
    assert spec.tag is not None
    lock = cache_dir() / _LOCKS / f"{hashlib.sha256(spec.tag.encode()).hexdigest()[:16]}.lock"
    started = monotonic()
    # for a moment the tag names the image without the code
    with exclusive(lock, f"image {spec.tag}"), spinner(f"Building image {spec.tag}"):
        if base is None:
            with _make_context(spec.root, None) as (arguments, stdin):
                _run_build(spec.tag, arguments, stdin, log, environ)
        with _make_context(spec.root, _with_code(base, spec.tag, user)) as (arguments, stdin):
            _run_build(spec.tag, arguments, stdin, log, environ)
        image = inspect_image(spec.tag, spec.tag)
    if image is None:
        raise EnvError(f"image {spec.tag} was built, but its tag was removed meanwhile")
    logger.info("Built %s in %.1f s", image.shown, monotonic() - started)
    return image._replace(built=True)


def _with_code(base: Image | None, tag: str, user: str) -> str:
    """A Dockerfile; what is copied is named by the context."""
    standing_on = tag if base is None else name_of(base)
    code = files.CODE
    return f"FROM {standing_on}\nCOPY --chown={user} {{source}} {code}/\nWORKDIR {code}\n"


def name_of(base: Image) -> str:
    """What a Dockerfile can say of ``base``: not every builder knows ids."""
    if base.digest is not None:
        return base.digest
    named = inspect_image(base.name, base.name)
    if named is None or named.id != base.id:
        raise EnvError(f"{base.name} no longer refers to image {base.shown}", hint="tag it with docker tag")
    return base.name


@contextmanager
def _make_context(root: Path, dockerfile: str | None) -> Iterator[tuple[list[str], IO[bytes] | None]]:
    """The last arguments of ``docker build``, and what it reads; None is the project's own Dockerfile."""
    if (root / _IGNORE_FILE).is_file():
        with scratch() as folder:
            path = root / DOCKERFILE
            if dockerfile is not None:
                path = Path(folder) / DOCKERFILE
                path.write_text(dockerfile.format(source="."), encoding="utf-8")
            yield [f"--file={path}", "--", str(root)], None
        return
    with tempfile.TemporaryFile(prefix="reprise-") as packed:
        with files.pack_archive(packed) as archive:
            if dockerfile is None:
                files.pack_project(archive, root, "")
            else:
                files.pack_text(archive, DOCKERFILE, dockerfile.format(source=f"{_PACKED}/"))
                files.pack_project(archive, root, _PACKED)
        yield ["-"], packed


def _run_build(
    tag: str, arguments: list[str], stdin: IO[bytes] | None, log: Path, environ: Mapping[str, str]
) -> None:
    done = client.run_docker(
        "build", "--force-rm", f"--tag={tag}", *arguments, log=log, environ=environ, stdin=stdin
    )
    if done.exit_code != 0:
        raise client.make_failure(f"cannot build image {tag}:", done, log)
