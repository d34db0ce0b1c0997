"""Secrets that are known to the letter do not stay in a log, also where one comes in pieces."""

from __future__ import annotations

from collections.abc import Iterable

MASK = b"******"
_SHORTEST = 6  # characters; what is shorter would be found in words that mean something else


class Masker:
    """Masks ``secrets`` in one stream of bytes."""

    def __init__(self, secrets: Iterable[str]) -> None:
        found = {secret.encode() for secret in secrets if len(secret) >= _SHORTEST}
        self._secrets = sorted(found, key=len, reverse=True)  # one may be a part of another
        self._held = b""

    def mask(self, data: bytes) -> bytes:
        """``data`` masked, without an end that may be the beginning of a secret: that comes later."""
        data = self._held + data
        for secret in self._secrets:
            data = data.replace(secret, MASK)
        held = max((self._begun(secret, data) for secret in self._secrets), default=0)
        self._held = data[len(data) - held :]
        return data[: len(data) - held]

    def rest(self) -> bytes:
        """What was held back, once nothing comes any more."""
        held, self._held = self._held, b""
        return held

    @staticmethod
    def _begun(secret: bytes, data: bytes) -> int:
        """How many bytes at the end of ``data`` are the beginning of ``secret``."""
        longest = min(len(secret) - 1, len(data))
        return next((size for size in range(longest, 0, -1) if data.endswith(secret[:size])), 0)
