"""What a resolution pins, line by line, in the one form that decides an environment's address.

uv's answer, an exported ``uv.lock`` and a ``requirements.lock`` of whatever tool say the same packages in
different words (markers, extras, the order); here they become the same lines.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from reprise.envs.project_files.requirement_text import expand_variables, join_lines
from reprise.envs.project_files.requirements import (
    HASH,
    NAME,
    canonical_name,
    local_path,
)
from reprise.named_tuple import NamedTuple

_HASHES = re.compile(r"\s+--hash[=\s]")
_MARKER = re.compile(r"\s+;\s*|;\s+")
_EXTRAS = re.compile(r"\[[^\]]*\]")


class Pin(NamedTuple):
    """One package: ``head`` is ``name==1.0``, ``name @ URL``, or the path of a local project.

    ``name`` is canonical, empty for a local project that is given by its path alone.
    """

    head: str
    hashes: tuple[str, ...] = ()

    @property
    def editable(self) -> bool:
        return self.head.startswith("-e ")

    @property
    def path(self) -> str | None:
        """The folder or archive on this machine, as written (relative to the project), or None."""
        bare = self.head.removeprefix("-e ")
        if bare.startswith((".", "/")):
            return bare
        _, _, url = bare.partition("@")
        return unquote(urlsplit(url.strip()).path) if url.strip().startswith("file:") else None

    @property
    def name(self) -> str:
        found = None if self.editable or self.head.startswith((".", "/")) else NAME.match(self.head)
        return canonical_name(found[0]) if found else ""

    @property
    def version(self) -> str:
        """What follows the name: a version or a URL."""
        _, operator, version = self.head.partition("==")
        return version if operator and "://" not in self.head else self.head.partition("@")[2].strip()


def read_pins(lines: Iterable[str], markers: Mapping[str, str] | None, root: Path) -> tuple[Pin, ...]:
    """The pins of requirement ``lines`` that are meant for ``markers``; local projects first, then by name.

    With None for ``markers`` all are, and each keeps its own. Paths inside of the project's work tree are
    seen from ``root``.
    """
    top = next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), root)
    found = [
        Pin(_normalise_head(split[0], root, top) + split[1], tuple(sorted(HASH.findall(line))))
        for line in join_lines(lines)
        if (split := _split_applying(line, markers)) is not None
    ]
    return tuple(sorted(found, key=lambda pin: (pin.name, pin.head)))


def format_lines(pins: Iterable[Pin]) -> list[str]:
    """Requirement lines: each hash on a line of its own, as pip and uv write them."""
    text: list[str] = []
    for pin in pins:
        parts = [pin.head, *(f"    --hash={value}" for value in pin.hashes)]
        text += [f"{part} \\" for part in parts[:-1]] + parts[-1:]
    return text


def marker_environment(implementation: str, version: str) -> dict[str, str]:
    """Return the values of environment markers for this Python on this machine."""
    from packaging.markers import default_environment

    own: dict[str, str] = {name: str(value) for name, value in default_environment().items()}
    return own | {
        "python_version": ".".join(version.split(".")[:2]),
        "python_full_version": version,
        "implementation_version": version,
        "implementation_name": implementation.lower(),
        "platform_python_implementation": implementation,
    }


def find_changes(held: Iterable[Pin], resolved: Iterable[Pin]) -> dict[str, str]:
    """Return the differences of ``resolved`` from ``held``: a sentence (``beta 1.0 -> 2.0``) per
    package.
    """
    before = {pin.name or pin.head: pin for pin in held}
    after = {pin.name or pin.head: pin for pin in resolved}
    told = {}
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if old is None:
            told[name] = f"{name} is not in it"
        elif new is None:
            told[name] = f"nothing requires {name}"
        elif not _is_same(old, new):
            told[name] = f"{name} {old.version} -> {new.version}"
    return told


def find_missing(resolved: Iterable[Pin], asked: Iterable[Pin]) -> list[str]:
    """The names that were ``asked`` for and are not ``resolved``."""
    there = {pin.name for pin in resolved}
    by_name = (pin for pin in asked if "://" not in pin.head or "@" in pin.head.partition("://")[0])
    return sorted({pin.name for pin in by_name} - there - {""})


def _is_same(one: Pin, other: Pin) -> bool:
    if one.version == other.version:
        return True
    from packaging.version import InvalidVersion, Version

    try:
        return Version(one.version) == Version(other.version)
    except InvalidVersion:
        return False


def _split_applying(line: str, markers: Mapping[str, str] | None) -> tuple[str, str] | None:
    """The requirement of ``line`` without its hashes, and the marker that it keeps.

    None for options, and for what is not meant here.
    """
    head = _HASHES.split(line, maxsplit=1)[0].strip()
    if head.startswith("-") and not head.startswith(("-e ", "--editable")):
        return None
    head = re.sub(r"^(?:--editable[=\s]|-e\s)\s*", "-e ", head)
    head, *marker = _MARKER.split(head, maxsplit=1)
    if markers is None:
        return head.strip(), f" ; {marker[0].strip()}" if marker else ""
    return (head.strip(), "") if not marker or _marker_holds(marker[0], markers) else None


def _marker_holds(marker: str, markers: Mapping[str, str]) -> bool:
    from packaging.markers import InvalidMarker, Marker, UndefinedEnvironmentName

    try:
        return Marker(marker).evaluate(dict(markers))
    except (InvalidMarker, UndefinedEnvironmentName):
        return True


def _normalise_head(head: str, root: Path, top: Path) -> str:
    """``head`` in its one form: no extras, and local paths seen from ``root``."""
    editable = "-e " if head.startswith("-e ") else ""
    bare = head.removeprefix("-e ").strip()
    path = local_path(bare, root, editable=bool(editable))
    if path is None and "==" not in bare and "@" not in bare and (root / bare).exists():
        path = root / bare  # uv writes the path of a source in pyproject.toml as it is there: lib
    if path is None:
        name, operator, version = bare.partition("==")
        if not operator or "@" in name:
            return head
        return f"{_EXTRAS.sub('', name).strip()}=={version.strip()}"
    elsewhere = not Path(os.path.normpath(path)).is_relative_to(top)
    if elsewhere and ("file:" in bare or bare.startswith("/")):
        return expand_variables(head, root)
    relative = os.path.relpath(path, root)
    return f"{editable}{relative if relative.startswith('.') else f'./{relative}'}"
