"""Whether a line is a requirement at all, found without resolving anything."""

from __future__ import annotations

import re

# What nearly all lines look like; the rest is worth the import of a parser.
_PLAIN = re.compile(
    r"[A-Za-z0-9][\w.\-]*(?:\[[\w.,\-]+\])?"
    r"(?:(?:==\d+(?:\.\d+)*(?:\.\*)?|(?:[<>!]=|[<>])\d+(?:\.\d+)*)(?:,(?!$)|$))*"
)
_CARET = re.compile(r"[\^]\s*\d")
_ONE_EQUALS = re.compile(r"(?P<name>[A-Za-z0-9][\w.\-]*)\s*=\s*(?P<version>\d[\w.*]*)")


def fault_of(requirement: str) -> str | None:
    """What is wrong with ``NAME[EXTRAS] VERSIONS ; MARKER``, None for nothing."""
    if _PLAIN.fullmatch(requirement):
        return None
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        Requirement(requirement)
    except InvalidRequirement:
        return _find_reason(requirement)
    return None


def _find_reason(requirement: str) -> str:
    if "${" in requirement:
        return "contains a variable that is not set"
    if found := _ONE_EQUALS.fullmatch(requirement):
        return f'is not a requirement; write "{found["name"]}=={found["version"]}"'
    if _CARET.search(requirement):
        return 'is not a requirement: "^" is not an operator here; write ">=1.2,<2" for "^1.2"'
    return 'is not a requirement; write it as in "numpy>=1.26,<3"'
