"""Secrets never leave: the one place that masks them in URLs, headers and command lines."""

from __future__ import annotations

import re

_MASK = "***"

# Patterns stay text: a command compiles those that its texts need.
# scheme://user:password@host and scheme://token@host. The login name of ssh://git@host is kept, for
# it is not a secret and the URL does not work without it; scp-like git@host:path is kept likewise.
_USERINFO = r"(?P<scheme>\b[A-Za-z][A-Za-z0-9+.\-]{0,30}://)(?P<userinfo>[^/?#\s\"'<>\\]*)@"
_ENCODED_USERINFO = r"(?i)(?P<scheme>%3A%2F%2F)(?:(?!%2F|%40)[^\s/&?#\"'<>])+%40"
_AUTHORIZATION = r"(?i)(?P<name>\b(?:proxy-)?authorization[\"']?\s*[:=]\s*[\"']?)[^\r\n\"']+"
_QUERY = (
    r"(?i)(?P<name>[?&;](?:[\w.-]*token|api[_-]?key|password|passwd|[\w.-]*secret|sig"
    r"|[\w-]*signature|[\w-]*credential)=)[^&;\s#\"'<>\\]+"
)


def redact(text: str) -> str:
    """``text`` without the userinfo of every URL, and with tokens in queries and headers masked."""
    if "@" in text:
        text = re.sub(_USERINFO, _without_userinfo, text)
    if "%" in text:
        text = re.sub(_ENCODED_USERINFO, r"\g<scheme>", text)
    if "authorization" in text.lower():
        text = re.sub(_AUTHORIZATION, rf"\g<name>{_MASK}", text)
    if "=" in text:
        text = re.sub(_QUERY, rf"\g<name>{_MASK}", text)
    return text


def _without_userinfo(match: re.Match[str]) -> str:
    scheme, userinfo = match["scheme"], match["userinfo"]
    login_name_only = scheme.lower().endswith("ssh://") and not re.search("[:@]|%3a", userinfo, re.I)
    return match[0] if login_name_only else scheme
