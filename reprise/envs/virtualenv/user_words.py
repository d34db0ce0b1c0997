"""The user's original text and its place: messages refer to the project's files, not to ours."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from reprise.envs.project_files.credentials import hide_credentials
from reprise.envs.project_files.requirement_text import decode_text
from reprise.envs.project_files.requirements import NAME, Requirements, canonical_name
from reprise.envs.virtualenv import translate
from reprise.schemas.environment import PythonEnv

_ITEM = re.compile(
    r"^\s*(?:-\s+)?[\"']?(?P<text>(?:\S+::)?[A-Za-z0-9_][\w.\-\[\],]*.*?)[\"',]*\s*(?:#.*)?$"
)
_PYTHON = re.compile(
    r"^\s*(?:-\s+)?[\"']?(?P<text>(?:\S+::)?(?:python(?![\w.\-])|requires-python)\s*[\s:=<>!~].*?)"
    r"[\"',]*\s*(?:#.*)?$"
)


def of_requirement(spec: PythonEnv, asked: Requirements, name: str) -> str | None:
    """``"numpy=1.19.2" (conda.yaml:6)`` for the package ``name``, None where no file names it."""
    wanted = canonical_name(re.split(r"[\[=<>!~ ]", name, maxsplit=1)[0])
    for line, origin in zip(asked.lines, asked.origins, strict=True):
        found = NAME.match(line)
        if found and canonical_name(found[0]) == wanted and origin.number and origin.file:
            return _cited(origin.text, origin.file, origin.number)
    return _in_file(spec.file, wanted)


def of_python(spec: PythonEnv) -> str | None:
    """``"python=3.14.1" (conda.yaml:4)``: where the project names its Python."""
    return _first(spec.file, _PYTHON.match)


def _in_file(file: Path | None, wanted: str) -> str | None:
    def names_it(line: str) -> re.Match[str] | None:
        item = _ITEM.match(line)
        found = NAME.match(item["text"].rpartition("::")[2]) if item else None
        if item is None or found is None:
            return None
        return (
            item if wanted in (canonical_name(found[0]), translate.index_name(found[0].lower())) else None
        )

    return _first(file, names_it)


def _first(file: Path | None, match: Callable[[str], re.Match[str] | None]) -> str | None:
    """The first line of ``file`` that matches, cited."""
    if file is None:
        return None
    try:
        lines = decode_text(file.read_bytes()).splitlines()
    except (OSError, UnicodeError, LookupError):
        return None
    for number, line in enumerate(lines, start=1):
        if found := match(line):
            return _cited(found["text"], file, number)
    return None


def _cited(text: str, file: Path, number: int) -> str:
    bare = hide_credentials(text.partition(" --hash")[0].strip())
    bare += next((quote for quote in "\"'" if bare.count(quote) % 2), "")  # the pattern leaves the last out
    quoted = bare if '"' in bare else f'"{bare}"'
    return f"{quoted} ({file.name}:{number})"
