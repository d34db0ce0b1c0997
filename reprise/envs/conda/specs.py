"""Match specs as a project writes them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from reprise.errors import EnvError
from reprise.redact import redact

if TYPE_CHECKING:
    from rattler import MatchSpec

_SUBDIRS = r"(?:noarch|(?:linux|osx|win|freebsd|emscripten|wasi|zos)-\w+)"
_PREFIX = re.compile(rf"(?P<channel>[^\s\[\]=<>]+?)(?P<subdir>/{_SUBDIRS})?::(?P<rest>.*)")
_IN_BRACKETS = re.compile(r"(?:(?<=\[)|,)\s*channel\s*=\s*(?:'([^']*)'|\"([^\"]*)\"|([^,\]]+))")


def match_spec(spec: str, file: Path) -> MatchSpec:
    """``spec`` read as conda reads it.

    Raises:
        EnvError: it is not a match spec.
    """
    from rattler import MatchSpec
    from rattler.exceptions import InvalidMatchSpecError

    try:
        return MatchSpec(spec)
    except InvalidMatchSpecError as error:
        raise EnvError(
            f'{file}: "{redact(spec)}" is not a conda match spec: {redact(str(error))}',
            hint="for example numpy=1.26, numpy>=1.24,<2, numpy=1.26.4=py311h64a7726_0",
        ) from error


def split_channel(spec: str) -> tuple[str | None, str]:
    """The channel that ``spec`` names, and the spec without it."""
    if inside := _IN_BRACKETS.search(spec):
        rest = spec.replace(inside[0], "").replace("[]", "").replace("[,", "[")
        return (inside[1] or inside[2] or inside[3]).strip(), rest
    if found := _PREFIX.fullmatch(spec.strip()):
        rest = found["rest"]
        if found["subdir"]:
            subdir = f'subdir="{found["subdir"][1:]}"'
            rest = f"{rest[:-1]}, {subdir}]" if rest.endswith("]") else f"{rest}[{subdir}]"
        return found["channel"], rest
    return None, spec


def build_of(spec: str) -> str:
    """The build string that ``spec`` asks for, empty for any."""
    return match_spec(split_channel(spec)[1], Path()).build or ""
