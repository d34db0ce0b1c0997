"""Images whose name may mean another image tomorrow."""

from __future__ import annotations

import re
from collections.abc import Iterator

from reprise.envs.docker.images import LOCK_FILE
from reprise.runner.lint.findings import LintFinding
from reprise.runner.lint.mlproject_lines import Declared
from reprise.schemas.environment import DockerEnv
from reprise.schemas.faults import shorten_text

NAME = "floating-image"
_REASON = "a tag can be moved to another image at any time"
_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
_FROM = re.compile(r"(?i)\s*FROM\s+(?:--\S+\s+)*(?P<image>\S+)(?:\s+AS\s+(?P<stage>\S+))?")


def find_floating(declared: Declared) -> Iterator[LintFinding]:
    """A finding for the project's image and for those of its Dockerfile that no digest names."""
    spec = declared.project.environment
    if not isinstance(spec, DockerEnv):
        return
    if not (_DIGEST.search(spec.image) or (spec.root / LOCK_FILE).is_file()):
        fix = f"commit {LOCK_FILE}, written by reprise lock, or add the digest: NAME@sha256:..."
        at = declared.find_line("docker_env", "image")
        yield LintFinding(NAME, declared.file, at, _find_floating_part(spec.image), _REASON, fix)
    try:
        lines = (spec.root / "Dockerfile").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    stages = {"scratch"}
    for number, line in enumerate(lines, start=1):
        if (found := _FROM.match(line)) is None:
            continue
        image = found["image"]
        if image.lower() not in stages and "$" not in image and not _DIGEST.search(image):
            fix = "add the digest: FROM NAME@sha256:..."
            yield LintFinding(NAME, "Dockerfile", number, _find_floating_part(image), _REASON, fix)
        if found["stage"]:
            stages.add(found["stage"].lower())


def _find_floating_part(image: str) -> str:
    tag = image.rpartition("/")[2].partition(":")[2]
    why = (
        "has no tag, which means latest"
        if not tag
        else "is a tag"
        if tag != "latest"
        else "is the newest image"
    )
    return f'"{shorten_text(image)}" {why}, without a digest'
