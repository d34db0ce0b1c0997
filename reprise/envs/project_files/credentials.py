"""User names and passwords in the URLs of requirement files: kept apart from locks.

A lock is stored and shown, so its URLs have no credentials; they are added again when uv installs. The user
name of an ssh URL is not a secret and kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from reprise.schemas.environment import Credentials

_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*://)(?:(?P<userinfo>[^/?#\s@]+)@)?(?P<host>[^/?#\s@]+)"
)


def collect_credentials(texts: Iterable[str]) -> Credentials:
    """The credentials of every URL in ``texts``; of several for one site the last."""
    found = {
        _site_of(url): url["userinfo"]
        for text in texts
        if "@" in text
        for url in _URL.finditer(text)
        if url["userinfo"] and not _is_public(url)
    }
    return Credentials(tuple((*site, userinfo) for site, userinfo in found.items()))


def hide_credentials(line: str) -> str:
    """``line`` without the credentials of its URLs."""
    return _URL.sub(lambda url: url[0] if _is_public(url) else f"{url['scheme']}{url['host']}", line)


def restore_credentials(line: str, credentials: Credentials) -> str:
    """``line`` with ``credentials`` in the URLs of their sites; a URL with its own keeps them."""
    known = {(scheme, host): userinfo for scheme, host, userinfo in credentials.sites}

    def complete_url(url: re.Match[str]) -> str:
        userinfo = known.get(_site_of(url))
        return url[0] if url["userinfo"] or userinfo is None else f"{url['scheme']}{userinfo}@{url['host']}"

    return _URL.sub(complete_url, line)


def _is_public(url: re.Match[str]) -> bool:
    return url["scheme"].endswith("ssh://") and ":" not in (url["userinfo"] or "")


def _site_of(url: re.Match[str]) -> tuple[str, str]:
    return url["scheme"].removeprefix("git+"), url["host"]
