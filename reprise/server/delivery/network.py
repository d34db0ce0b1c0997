"""Requests to addresses that users name: only to public ones, unless the operator allows others.

A name is resolved once, each address is looked at, and the connection goes to that very address: a name
that resolves to another address a moment later leads nowhere else. Proxies and redirects are not followed.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any
from urllib.parse import urlsplit

import httpcore

from reprise.tracking.validation import invalid

ALLOW_PRIVATE = "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS"
SCHEMES = "MLFLOW_WEBHOOK_ALLOWED_SCHEMES"
_NAT64 = IPv6Network("64:ff9b::/96")


class NotPublic(Exception):
    """The address is one of a private network, or of this machine."""


class PublicNetwork(httpcore.SyncBackend):
    """Connects to public addresses only."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"{host} is not known: {error}") from error
        addresses = [str(address[4][0]) for address in found]
        if not _allows_private():
            for address in addresses:
                _check_address(host, address)
        return super().connect_tcp(addresses[0], port, timeout, local_address, socket_options)


def open_pool() -> httpcore.ConnectionPool:
    """Connections to the public network, with certificates checked."""
    return httpcore.ConnectionPool(
        ssl_context=ssl.create_default_context(), network_backend=PublicNetwork(), max_connections=10
    )


def check_url(url: str) -> None:
    """``INVALID_PARAMETER_VALUE`` for a URL that no webhook can have.

    What a name resolves to is looked at when something is sent.
    """
    if not url.strip():
        raise invalid(f"Webhook URL cannot be empty or just whitespace: {url!r}")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise invalid(f"Invalid webhook URL {url!r}: {error}") from None
    allowed = [word.strip() for word in os.environ.get(SCHEMES, "https,http").split(",")]
    if parts.scheme not in allowed:
        raise invalid(
            f"Invalid webhook URL scheme: {parts.scheme!r}. Allowed schemes are: {', '.join(allowed)}"
        )
    if not host or parts.username or parts.password or any(c.isspace() or ord(c) < 32 for c in url):
        raise invalid(f"Invalid webhook URL {url!r}: it names a host, and neither a user nor blanks")
    if _allows_private():
        return
    try:
        _check_address(host, "127.0.0.1" if host.rstrip(".").endswith("localhost") else host)
    except NotPublic as error:
        raise invalid(f"Webhook URL must not resolve to a non-public IP address. {error}") from None
    except ValueError:
        return  # it is a name


def _allows_private() -> bool:
    return os.environ.get(ALLOW_PRIVATE, "").lower() in ("true", "1")


def _check_address(host: str, text: str) -> None:
    """Check an address; raise NotPublic, or ValueError if ``text`` is not an address."""
    address = _embedded(ip_address(text))
    if not address.is_global or address.is_multicast:
        raise NotPublic(f"{host!r} is {address}, which is not a public address")


def _embedded(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address embedded in an IPv6 address, or None."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
