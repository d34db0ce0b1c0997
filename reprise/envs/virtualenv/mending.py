"""Metadata of old packages that uv refuses and pip accepts: read as intended.

Before versions had a standard, packages required ``pytz (>=2011k)``. uv gets the requirements of such
packages without the invalid parts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

from reprise.envs.pypi import uv
from reprise.envs.pythons.candidates import Candidate
from reprise.file_lock import scratch
from reprise.named_tuple import NamedTuple
from reprise.process import Completed

_AT_ONCE = 10  # versions of packages that one resolution may need put right
_REFUSED = re.compile(
    r"(?:Metadata for|The structure of) `([^`]+)` \(v([^)]+)\) (?:could not be parsed|was invalid)"
)
_REQUIREMENT = re.compile(
    r"(?P<name>[A-Za-z0-9][\w.\-]*)\s*(?P<extras>\[[^\]]*\])?\s*\(?(?P<versions>[^;()]*)\)?\s*"
    r"(?:;\s*(?P<marker>.*))?"
)
_CLAUSE = re.compile(r"\s*(?P<operator>===?|~=|!=|>=|<=|>|<)\s*(?P<version>\S+)\s*")
_LEADING = re.compile(r"\d+(?:\.\d+)*")


class Metadata(NamedTuple):
    """What a package requires, as uv's setting takes it, and the sentence that says what was done."""

    entry: dict[str, Any]
    note: str


def mend_metadata(
    result: Completed, python: Candidate, known: Iterable[Metadata], log: Path, *, offline: bool
) -> tuple[Metadata, ...]:
    """The metadata that made uv fail, put right; empty where that was not the reason.

    Args:
        known: what was put right before.
    """
    before = {(item.entry["name"], item.entry["version"]) for item in known}
    refused = dict.fromkeys(
        pair for found in _REFUSED.finditer(result.stderr) if (pair := (found[1], found[2])) not in before
    )
    if len(before) + len(refused) > _AT_ONCE:
        return ()
    found = (_mend_package(name, version, python, log, offline=offline) for name, version in refused)
    return tuple(item for item in found if item is not None)


def _mend_package(
    name: str, version: str, python: Candidate, log: Path, *, offline: bool
) -> Metadata | None:
    """The metadata of one package, from its wheel, as a resolution without dependencies gets it."""
    with scratch() as folder:
        arguments = ["pip", "install", "--no-deps", "--target", str(folder / "packages"), *uv.no_index()]
        done = uv.call_uv(
            [*arguments, *python.options, f"{name}=={version}"], log=log, cwd=folder, offline=offline
        )
        files = list(folder.glob("packages/*.dist-info/METADATA")) if done.exit_code == 0 else []
        if not files:
            return None
        headers = HeaderParser().parsestr(files[0].read_text(encoding="utf-8", errors="replace"))
    written = headers.get_all("Requires-Dist") or []
    requires = [_make_readable(line) for line in written]
    changed = [
        f'"{line}" as "{read}"'
        for line, read in zip(written, requires, strict=True)
        if not _is_readable(line)
    ]
    entry = {"name": name, "version": version, "requires-dist": [line for line in requires if line]}
    return Metadata(entry, f"the metadata of {name} {version} is read as intended: {', '.join(changed)}")


def _make_readable(line: str) -> str:
    """``line`` in today's language; a clause that cannot be said in it is left out."""
    if _is_readable(line):
        return line
    found = _REQUIREMENT.fullmatch(line.strip())
    if found is None:
        return ""
    versions = ",".join(_split_clauses(found["versions"]))
    marker = found["marker"]
    kept = f"{found['name']}{found['extras'] or ''}{versions}"
    with_marker = f"{kept} ; {marker}" if marker else kept
    return next((text for text in (with_marker, kept) if _is_readable(text)), "")


def _split_clauses(versions: str) -> Iterator[str]:
    for clause in versions.split(","):
        found = _CLAUSE.fullmatch(clause)
        if found is None:
            continue
        if _is_readable(f"x{clause.strip()}"):
            yield clause.strip()
        elif found["operator"] in (">=", ">", "~=") and (leading := _LEADING.match(found["version"])):
            yield f">={leading[0]}"


def _is_readable(requirement: str) -> bool:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        Requirement(requirement)
    except InvalidRequirement:
        return False
    return True
