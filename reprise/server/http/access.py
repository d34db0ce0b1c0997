"""Access control: the credential of a request, its role, and the required role.

``read`` only reads, ``write`` also creates, logs and deletes what can be restored, ``admin`` also removes
permanently. A client sends its credential as a bearer token, or as the password of basic authentication.
"""

from __future__ import annotations

import base64
import hmac
from enum import IntEnum
from typing import Protocol

from reprise.errors import TrackingError
from reprise.named_tuple import NamedTuple


class Role(IntEnum):
    """Each may do what those before it may."""

    READ = 1
    WRITE = 2
    ADMIN = 3


class Bearer(NamedTuple):
    """Who sends a request: ``run_id`` is the run that its token was made for."""

    name: str
    role: Role
    run_id: str | None = None


class Access(Protocol):
    async def bearer(self, authorization: str, address: str = "") -> Bearer | None:
        """Who sends this ``Authorization`` header (empty: none) from ``address``; None: no known user.

        Raises:
            TrackingError: it cannot be said now: there are too many attempts.
        """
        ...


class Everyone:
    """Access without credentials."""

    async def bearer(self, authorization: str, address: str = "") -> Bearer | None:
        return Bearer("", Role.ADMIN)


class OneSecret:
    """A bearer of the secret has one ``role``; ``<secret>.<run id>`` names the bearer's run."""

    def __init__(self, secret: str, role: Role = Role.ADMIN) -> None:
        self._secret = secret.encode()
        self._role = role

    async def bearer(self, authorization: str, address: str = "") -> Bearer | None:
        _, credential = credentials(authorization)
        if hmac.compare_digest(credential.encode(), self._secret):
            return Bearer("", self._role)
        secret, _, run_id = credential.rpartition(".")
        if hmac.compare_digest(secret.encode(), self._secret):
            return Bearer("", self._role, run_id or None)
        return None


def refusal(bearer: Bearer | None, need: Role) -> TrackingError | None:
    """Why a request that needs a role is not let through, or None."""
    if bearer is None:
        return TrackingError("The token is missing or wrong", code="UNAUTHENTICATED")
    if bearer.role < need:
        message = f'"{bearer.name}" may {bearer.role.name.lower()}; this needs {need.name.lower()}'
        return TrackingError(message, code="PERMISSION_DENIED")
    return None


def credentials(authorization: str) -> tuple[str, str]:
    """The user name (``""`` for a bearer token) and the secret; two empty texts when there are none.

    Clients that find a user name in their settings never send a bearer token.
    """
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return "", value.strip()
    if scheme.lower() != "basic":
        return "", ""
    try:
        name, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except ValueError:  # of all three steps
        return "", ""
    return name, secret
