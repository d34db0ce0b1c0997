"""The package of each module, from an environment in the cache that the project has used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from reprise.envs.cache import inventory
from reprise.envs.project_files.requirements import canonical_name
from reprise.schemas.project import Project

_SITE = "lib/python*/site-packages"


def find_owners(project: Project) -> Mapping[str, set[str]]:
    """Module to the canonical names of its packages; empty where the project has no environment yet."""
    name = project.name or project.root.name
    used = next((entry for entry in inventory.list_entries() if name in entry.projects), None)
    found: dict[str, set[str]] = {}
    for folder in used.prefix.glob(f"{_SITE}/*.dist-info") if used else ():
        package = canonical_name(folder.name.partition("-")[0])
        for module in _list_modules(folder):
            found.setdefault(module, set()).add(package)
    return found


def _list_modules(folder: Path) -> Iterator[str]:
    """The modules at the top of a package, by what it says of itself or else by its files."""
    listed = _read_lines(folder / "top_level.txt")
    if listed:
        yield from (line.strip() for line in listed if line.strip())
        return
    for line in _read_lines(folder / "RECORD"):
        path = line.rpartition(",")[0].rpartition(",")[0].strip('"')
        top, slash, _ = path.partition("/")
        if slash and not top.endswith((".dist-info", ".data")) and top not in ("..", "bin", "__pycache__"):
            yield top
        elif not slash and path.endswith((".py", ".so")):
            yield path.partition(".")[0]


def _read_lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
