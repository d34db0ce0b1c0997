"""By which names a server may be called, as ``--allowed-host`` says.

A foreign web page whose name was made to resolve to our address (DNS rebinding) sends its own name as
``Host``: a server that answers to known names only is closed to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Self

from reprise.errors import UsageError
from reprise.named_tuple import NamedTuple

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1")
_UNSPECIFIED = ("", "0.0.0.0", "::")  # addresses to listen on, by which no client calls
_DEFAULT_PORTS = ("80", "443")  # clients leave them out
_NAME = re.compile(r"[a-z0-9_*-]+(\.[a-z0-9_*-]+)*")
_BRACKETED = re.compile(r"\[[^\]]+\](:[^:]+)?")
_ADDRESS = re.compile(r"[0-9a-f:.*]+")
_PORT = re.compile(r"[0-9]{1,5}|\*")


class _Pattern(NamedTuple):
    name: re.Pattern[str]
    port: str  # ``*`` for any

    def admits(self, name: str, port: str) -> bool:
        is_port = self.port in ("*", port) or (not port and self.port in _DEFAULT_PORTS)
        return is_port and self.name.fullmatch(name) is not None


class Hosts(NamedTuple):
    """Accepted host names; ``None`` instead of a value of this class accepts any name."""

    patterns: tuple[_Pattern, ...]

    @classmethod
    def of(cls, words: Iterable[str]) -> Self:
        """Hosts of ``words`` and of the loopback interface: a check on the machine itself always works.

        Raises:
            UsageError: a word is not a host name.
        """
        return cls(tuple(map(_read_pattern, (*words, *LOOPBACK_NAMES))))

    def admit(self, host: str) -> bool:
        """Whether a request with this ``Host`` header is answered."""
        name, port = split_host(host)
        return any(pattern.admits(name, port) for pattern in self.patterns)


def read_hosts(words: Iterable[str], listening: str) -> Hosts | None:
    """Hosts of ``--allowed-host``: each word a name, a pattern with ``*``, or several with commas.

    Without a word: the loopback names for a server that listens there, any name (None) elsewhere. The
    address ``listening`` is a name as well: no foreign page has it.

    Raises:
        UsageError: a word is not a host name.
    """
    given = list(words)
    names = [name.strip() for word in given for name in word.split(",") if name.strip()]
    if given and not names:
        raise UsageError("--allowed-host names no host", hint="for example --allowed-host ml.example.org")
    if not names:
        return Hosts.of(()) if listening in LOOPBACK_NAMES else None
    own = [] if listening in _UNSPECIFIED else [listening]
    hosts = Hosts.of([*names, *own])
    return None if "*" in names else hosts


def split_host(host: str) -> tuple[str, str]:
    """The name and the port of a ``Host`` header, without brackets, capitals and a final dot."""
    if host.startswith("["):
        name, _, rest = host[1:].partition("]")
        port = rest.removeprefix(":")
    elif host.count(":") > 1:
        name, port = host, ""
    else:
        name, _, port = host.partition(":")
    return name.lower().removesuffix("."), port


def _read_pattern(word: str) -> _Pattern:
    bracketed = _BRACKETED.fullmatch(word)
    name, port = split_host(_encoded(word))
    is_name = _is_address(name) if bracketed or ":" in name else bool(_NAME.fullmatch(name))
    is_port = not port or (_PORT.fullmatch(port) is not None and (port == "*" or 0 < int(port) < 65536))
    if not (is_name and is_port) or word.startswith("[") > bool(bracketed) or word.endswith(":"):
        raise UsageError(
            f'--allowed-host "{word}" is not a host name',
            hint='give names as in "ml.example.org", "ml.example.org:8443", "*.example.org" or "*"',
        )
    text = ".*".join(map(re.escape, name.split("*")))
    return _Pattern(re.compile(text, re.DOTALL), port or "*")


def _encoded(word: str) -> str:
    """A name of another script as clients send it."""
    try:
        return word if word.isascii() else word.encode("idna").decode()
    except UnicodeError:
        return word


def _is_address(name: str) -> bool:
    """Whether it is an IPv6 address, or a pattern of one."""
    if "*" in name:
        return bool(_ADDRESS.fullmatch(name))
    try:
        return ip_address(name).version == 6
    except ValueError:
        return False
