"""What is never kept with a run: what looks like a secret, and what is too large."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from reprise.amounts import read_size
from reprise.schemas.run_record import LeftOut

LIMIT_VARIABLE = "REPRISE_CAPTURE_LIMIT"

_LIMIT = 50 * 10**6  # bytes of one run
_PARTS = 5  # a file may have this part of it
_LISTED = 100

# In lower case. What somebody puts into such a file is a secret more often than not.
_NAMES = {
    ".env",
    ".envrc",
    ".netrc",
    "_netrc",
    ".pypirc",
    ".npmrc",
    ".pgpass",
    ".my.cnf",
    ".htpasswd",
    ".boto",
}
_NAMES |= {".s3cfg", ".dockercfg", ".git-credentials", ".vault-token", "kubeconfig", "token.json"}
_NAMES |= {"secret.py", "secrets.py", "accesskeys.csv"}
_BEGINNINGS = (".env.", "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519")
_KEYS = (".pem", ".key", ".p12", ".pfx", ".jks", ".keystore", ".ppk", ".kdbx", ".gpg", ".ovpn")
_ENDS = (*_KEYS, ".env", ".tfstate", ".tfvars", ".token", ".secret", ".secrets")
_WORDS = ("credential", "secret", "service-account", "service_account")
_OF_DATA = {"", ".json", ".yaml", ".yml", ".toml", ".ini", ".cfg", ".conf", ".csv", ".txt", ".xml"}
_SECRET_FOLDERS = {".ssh", ".aws", ".gnupg", ".kube", ".azure", ".gcloud"}
_SHARED = (".example", ".sample", ".template", ".dist", ".pub")
_PRIVATE_KEY = rb"-----BEGIN [A-Z ]*PRIVATE KEY( BLOCK)?-----"


class Limit(NamedTuple):
    """Bytes: of all that a run keeps, and of one file."""

    all: int
    file: int


def limit() -> Limit:
    """How much a run keeps of its source, as ``REPRISE_CAPTURE_LIMIT`` says.

    Raises:
        UsageError: the variable is no size.
    """
    text = os.environ.get(LIMIT_VARIABLE, "").strip()
    most = read_size(LIMIT_VARIABLE, text) if text else _LIMIT
    return Limit(most, most // _PARTS)


def secret(path: str, start: bytes = b"") -> str | None:
    """Why the file ``path``, which begins with ``start``, counts as a secret, or None."""
    *folders, name = path.lower().split("/")
    if _SECRET_FOLDERS & set(folders):
        return "it lies in a folder of secrets"
    if not name.endswith(_SHARED) and _is_named_so(name):
        return "its name is that of a secret"
    return "it holds a private key" if re.search(_PRIVATE_KEY, start) else None


def _is_named_so(name: str) -> bool:
    if name in _NAMES or name.startswith(_BEGINNINGS) or name.endswith(_ENDS):
        return True
    return any(word in name for word in _WORDS) and Path(name).suffix in _OF_DATA


def shown(size: int) -> str:
    """``12 MB``"""
    for unit, power in (("GB", 9), ("MB", 6), ("kB", 3)):
        if size >= 10**power:
            return f"{size / 10**power:.3g} {unit}"
    return f"{size} bytes"


def summed_up(left_out: Sequence[LeftOut]) -> tuple[LeftOut, ...]:
    """``left_out``, of which the most are counted and no longer listed where they are many."""
    rest = left_out[_LISTED:]
    if not rest:
        return tuple(left_out)
    more = LeftOut(
        ".", sum(item.size for item in rest), f"{len(rest)} more, of which the first is {rest[0].path}"
    )
    return (*left_out[:_LISTED], more)


def sentence(left_out: tuple[LeftOut, ...]) -> str:
    """What was left out, in one line."""
    first = ", ".join(f"{item.path} ({item.reason})" for item in left_out[:3])
    rest = f" and {len(left_out) - 3} more" if len(left_out) > 3 else ""
    return f"not kept with the run: {first}{rest}"
