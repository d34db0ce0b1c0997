"""User names and passwords in the URLs of requirement files: known to this process, in no lock.

A lock is kept and shown, so its URLs are bare; what was in front of the host is put back when uv
installs. The user name of an ssh URL is no secret and stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*://)(?:(?P<userinfo>[^/?#\s@]+)@)?(?P<host>[^/?#\s@]+)"
)

_known: dict[tuple[str, str], str] = {}


def learn(texts: Iterable[str]) -> None:
    """Remember the credentials of every URL in ``texts``."""
    for text in texts:
        for found in _URL.finditer(text):
            if found["userinfo"]:
                _known[_site(found)] = found["userinfo"]


def hidden(line: str) -> str:
    """``line`` without the credentials of its URLs."""
    return _URL.sub(lambda found: found[0] if _public(found) else f"{found['scheme']}{found['host']}", line)


def restored(line: str) -> str:
    """``line`` with the credentials that were learned for its hosts."""
    return _URL.sub(_with_credentials, line)


def _public(found: re.Match[str]) -> bool:
    return found["scheme"].endswith("ssh://") and ":" not in (found["userinfo"] or "")


def _with_credentials(found: re.Match[str]) -> str:
    known = _known.get(_site(found))
    if found["userinfo"] or known is None:
        return found[0]
    return f"{found['scheme']}{known}@{found['host']}"


def _site(found: re.Match[str]) -> tuple[str, str]:
    return found["scheme"].removeprefix("git+"), found["host"]
