"""A requested Python: ``3.11``, ``3.11.7``, ``3.11.*``, ``>=3.9,<3.12``, ``pypy@3.10``."""

from __future__ import annotations

# Patterns stay text: most projects are known, and ask for a plain version.
_PLAIN = r"\d+(\.\d+){0,2}"
_VERSION = r"\d+(\.\d+){0,2}((a|b|rc)\d+)?(\.[*x])?"
_RANGE = rf"\s*(===?|~=|!=|<=|>=|<|>)\s*{_VERSION}\s*"
_NAMED = r"[A-Za-z]+([@\-+.]?[\w.+]+)*"
_HINT = 'write it as in "3.11", "3.11.7" or ">=3.9,<3.12"'


def fault_of(text: str) -> str | None:
    """Return what is wrong with ``text``, or None. It does not check whether that Python exists."""
    import re

    text = text.strip()
    if re.fullmatch(_PLAIN, text) or text.startswith("/"):
        return None
    if re.fullmatch(rf"=?\s*{_VERSION}t?|{_RANGE}(,{_RANGE})*,?|{_NAMED}", text):
        return None
    if text.startswith("^"):
        return f'"{text}" is not a version of Python: "^" is Poetry\'s; {_HINT}'
    return f'"{text}" is not a version of Python; {_HINT}'
