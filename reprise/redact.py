"""Secrets never leave: the one place that masks them in URLs and command lines."""

from __future__ import annotations

import re

# scheme://user:password@host and scheme://token@host; scp-like git@host:path holds no secret.
_USERINFO = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*://)[^/?#\s@]+@")


def redact(text: str) -> str:
    """Return ``text`` with the userinfo of every URL in it removed."""
    return _USERINFO.sub(r"\g<scheme>", text)
