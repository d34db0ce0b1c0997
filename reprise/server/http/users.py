"""The users file of a server: names, roles, and secrets that are kept as hashes only.

A JSON object by name: ``{"role": "write", "password": "<salt>:<hash>"}`` or, for programs,
``{"role": "read", "token": "<hash>"}``. It is read again when it has changed: a user who was removed is
out at the next request.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from anyio import CapacityLimiter, to_thread

from reprise.durable import write_file
from reprise.errors import TrackingError, UsageError
from reprise.file_lock import exclusive
from reprise.schemas.json_text import read_json
from reprise.server.http.access import Bearer, Role, credentials
from reprise.server.http.attempts import Attempts

_MOST_CHECKS = 100  # waiting checks: fast guessing keeps the server busy for seconds only

Entry = Mapping[str, str]

ROLES = {role.name.lower(): role for role in Role}

_PASSWORD = re.compile(r"[0-9a-f]{32}:[0-9a-f]{128}")
_TOKEN = re.compile(r"[0-9a-f]{64}")

# What a password costs to check, once per user and server: 16 MiB and some 50 ms.
_SCRYPT = {"n": 2**14, "r": 8, "p": 1}


class Users:
    """Access for those in the file at ``path``.

    Raises:
        UsageError: the file cannot be read, or is not a users file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = _stamp(path)
        self._entries = read(path)
        self._key = os.urandom(32)
        self._one_at_a_time = CapacityLimiter(1)  # wrong passwords keep no thread from those who are in
        self._checks = 0
        self._attempts = Attempts()
        self._known: dict[bytes, Bearer] = {}  # by a keyed digest of the credential, so that none is kept

    async def bearer(self, authorization: str, address: str = "") -> Bearer | None:
        if not authorization:
            return None
        self._refresh()
        digest = hmac.digest(self._key, authorization.encode(), "sha256")
        if digest in self._known:
            return self._known[digest]
        if self._checks >= _MOST_CHECKS:
            raise TrackingError("Too many secrets are being checked", code="TEMPORARILY_UNAVAILABLE")
        entries = self._entries
        self._checks += 1
        try:
            found = await to_thread.run_sync(
                self._look_up, entries, authorization, address, digest, limiter=self._one_at_a_time
            )
        finally:
            self._checks -= 1
        if found is not None and self._entries is entries:  # a user who was removed meanwhile is not kept
            self._known[digest] = found
        return found

    def _look_up(
        self, entries: Mapping[str, Entry], authorization: str, address: str, digest: bytes
    ) -> Bearer | None:
        """Check in a thread, one at a time, so that each guess is counted before the next is checked."""
        name, secret = credentials(authorization)
        for candidate, entry in entries.items():
            if name in ("", candidate) and _is_token(entry, secret):
                return Bearer(candidate, ROLES[entry["role"]])
        if not name or self._attempts.is_known_as_wrong(name, address, digest):
            return None
        self._attempts.refuse_hasty(name, address)
        if not _is_password(entries.get(name, {}), secret):
            self._attempts.note_failure(name, address, digest)
            return None
        self._attempts.note_success(name, address)
        return Bearer(name, ROLES[entries[name]["role"]])

    def _refresh(self) -> None:
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return
        self._known.clear()
        self._attempts.clear_credentials()
        try:
            self._entries = read(self._path)
        except UsageError:
            self._entries = {}  # better refuse everyone than accept a removed user
        self._stamp = stamp


def read(path: Path) -> dict[str, Entry]:
    """The entries of the file, by name."""
    try:
        content = read_json(path.read_bytes())
    except OSError as error:
        hint = f"reprise users add {path} NAME --role admin makes it"
        raise UsageError(f"cannot read the users of {path}: {error.strerror}", hint=hint) from error
    except ValueError as error:
        raise UsageError(f"{path} is not a users file: {error}") from error
    for name, entry in content.items() if isinstance(content, dict) else [("", None)]:
        if not _is_entry(entry):
            hint = f"each has a role ({', '.join(ROLES)}) and a hash, as reprise users add writes them"
            raise UsageError(f'{path} is not a users file: see "{name}"', hint=hint)
    return dict(content)


def put(path: Path, name: str, role: str, *, password: str | None) -> str | None:
    """Add the user or replace what is there; without a password, a new token, which is returned."""
    token = None
    if password is None:
        token = secrets.token_urlsafe(32)
        entry = {"role": role, "token": hashlib.sha256(token.encode()).hexdigest()}
    else:
        salt = secrets.token_hex(16)
        entry = {"role": role, "password": f"{salt}:{_hash(salt, password)}"}
    with exclusive(path.with_name(f"{path.name}.lock"), f"the users of {path}"):
        _write(path, {**(read(path) if path.exists() else {}), name: entry})
    return token


def remove(path: Path, name: str) -> None:
    with exclusive(path.with_name(f"{path.name}.lock"), f"the users of {path}"):
        entries = read(path)
        if name not in entries:
            hint = f"it has {', '.join(entries) or 'no users'}"
            raise UsageError(f'{path} has no user "{name}"', hint=hint)
        _write(path, {key: entry for key, entry in entries.items() if key != name})


def _is_entry(entry: object) -> bool:
    if not isinstance(entry, dict) or not all(isinstance(text, str) for text in entry.values()):
        return False
    password, token = entry.get("password", ""), entry.get("token", "")
    return entry.get("role") in ROLES and bool(_PASSWORD.fullmatch(password) or _TOKEN.fullmatch(token))


def _write(path: Path, entries: Mapping[str, Entry]) -> None:
    umask = os.umask(0o077)
    try:
        write_file(path, json.dumps(entries, indent=1) + "\n")
    finally:
        os.umask(umask)


def _is_token(entry: Entry, secret: str) -> bool:
    return hmac.compare_digest(entry.get("token", "-"), hashlib.sha256(secret.encode()).hexdigest())


def _is_password(entry: Entry, secret: str) -> bool:
    # It takes the same time for an unknown name, so that names cannot be guessed.
    salt, _, kept = entry.get("password", f"{'0' * 32}:").partition(":")
    return hmac.compare_digest(kept, _hash(salt, secret)) and bool(kept)


def _hash(salt: str, password: str) -> str:
    return hashlib.scrypt(password.encode(), salt=bytes.fromhex(salt), **_SCRYPT).hex()


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_ino, found.st_size, found.st_mtime_ns)
