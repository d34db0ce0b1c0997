"""Hashes that a user wrote for a requirement: its lock keeps only these."""

from __future__ import annotations

import re
from collections.abc import Iterable

from reprise.envs.project_files.requirement_text import join_lines
from reprise.envs.project_files.requirements import HASH, NAME, canonical_name
from reprise.errors import ProjectError


def honour_hashes(resolved: list[str], written: Iterable[tuple[str, str]]) -> list[str]:
    """``resolved``, where a package that had hashes ``written`` for it keeps no others.

    ``resolved`` is what ``uv pip compile --generate-hashes`` prints: all hashes of the index, whatever
    was written.

    Raises:
        ProjectError: none of the hashes written for a package is one of the version that was resolved.
    """
    own: dict[str, set[str]] = {}
    for name, value in written:
        own.setdefault(name, set()).add(value)
    return (
        [line for requirement in join_lines(resolved) for line in _keep_hashes(requirement, own)]
        if own
        else resolved
    )


def _keep_hashes(requirement: str, own: dict[str, set[str]]) -> list[str]:
    """The lines of one resolved requirement."""
    head = re.split(r"\s+--hash", requirement, maxsplit=1)[0].strip()
    hashes = HASH.findall(requirement)
    name = NAME.match(head)
    allowed = own.get(canonical_name(name[0])) if name else None
    if allowed is not None:
        hashes = [value for value in hashes if value in allowed]
        if not hashes:
            raise ProjectError(f"none of the hashes written for {head} belongs to a file of the index")
    parts = [head, *(f"    --hash={value}" for value in hashes)]
    return [f"{part} \\" for part in parts[:-1]] + parts[-1:]
