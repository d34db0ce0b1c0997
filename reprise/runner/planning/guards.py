"""Files that are never stored with a run: those that look like secrets, and those that are too large."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from reprise.named_tuple import NamedTuple
from reprise.schemas.record.run_record import LeftOut
from reprise.units import read_size

LIMIT_VARIABLE = "REPRISE_CAPTURE_LIMIT"

_LIMIT = 50 * 10**6  # bytes of one run
_PARTS = 5  # a file may have this part of it
_LISTED = 100
_NAMED = 3

# In lower case. Such files usually contain secrets.
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
_NAMES |= {
    ".s3cfg",
    ".dockercfg",
    ".git-credentials",
    ".vault-token",
    "kubeconfig",
    "secret.py",
    "secrets.py",
}
_BEGINNINGS = (".env.", "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519")
_KEYS = (".pem", ".key", ".p12", ".pfx", ".jks", ".keystore", ".ppk", ".kdbx", ".gpg", ".ovpn")
_ENDS = (*_KEYS, ".env", ".tfstate", ".tfvars", ".token", ".secret", ".secrets")

_WORDS = {"secret", "secrets", "credential", "credentials", "creds", "apikey", "apikeys", "serviceaccount"}
_ALONE = {"token", "password", "passwords", "passwd"}
"""Words that are names of secrets where they are the whole name."""
_PAIRS = {
    *((word, key) for word in ("api", "access", "private", "secret", "account") for key in ("key", "keys")),
    *((word, token) for word in ("api", "access", "auth", "refresh") for token in ("token", "tokens")),
    ("service", "account"),
}
"""Words that, next to each other, are names of secrets."""
_SETTINGS = {
    *("", ".json", ".yaml", ".yml", ".toml", ".ini", ".cfg", ".conf", ".txt", ".xml", ".properties"),
    *(".pickle", ".plist", ".bak", ".old"),
}
"""Suffixes of files for which such words count: programs may have such names too."""
_TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".feather", ".arrow", ".xlsx", ".npy", ".npz")
"""Suffixes of data, which is often about the topic of its name: only its content makes it a secret."""
_WORD = r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+"

_SECRET_FOLDERS = {".ssh", ".aws", ".gnupg", ".kube", ".azure", ".gcloud", ".secrets"}
_SHARED = (".example", ".sample", ".template", ".dist", ".pub")
_PRIVATE_KEY = rb"-----BEGIN [A-Z ]*PRIVATE KEY( BLOCK)?-----"
_ACCESS_KEY = rb"\b(AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[pousr]_\w{36}|\bxox[abprs]-[\w-]{10,}|\bAIza[\w-]{35}"


class Limit(NamedTuple):
    """Bytes: of all that a run keeps, and of one file."""

    all: int
    file: int


def capture_limit() -> Limit:
    """How much a run keeps of its source, as ``REPRISE_CAPTURE_LIMIT`` says.

    Raises:
        UsageError: the variable is not a size.
    """
    text = os.environ.get(LIMIT_VARIABLE, "").strip()
    most = read_size(LIMIT_VARIABLE, text) if text else _LIMIT
    return Limit(most, most // _PARTS)


def find_secret(path: str, start: bytes = b"") -> str | None:
    """Why the file ``path``, which begins with ``start``, counts as a secret, or None."""
    *folders, name = path.split("/")
    if not _SECRET_FOLDERS.isdisjoint(folder.lower() for folder in folders):
        return "it is in a folder of secrets"
    if not name.lower().endswith((*_SHARED, *_TABLES)) and _is_named_so(name):
        return "its name is that of a secret"
    if re.search(_PRIVATE_KEY, start):
        return "it contains a private key"
    if name.lower().endswith(_TABLES) and _says_secret(Path(name).stem) and re.search(_ACCESS_KEY, start):
        return "it contains an access key"
    return None


def _is_named_so(name: str) -> bool:
    low = name.lower()
    if low in _NAMES or low.startswith(_BEGINNINGS) or low.endswith(_ENDS):
        return True
    return Path(low).suffix in _SETTINGS and _says_secret(name.removesuffix(Path(name).suffix))


def _says_secret(stem: str) -> bool:
    """Whether words of a name say that a secret is there: ``secretary`` is another word."""
    words = [word.lower() for word in re.findall(_WORD, stem)]
    pairs = set(pairwise(words))
    is_alone = len(words) == 1 and words[0] in _ALONE
    return is_alone or not _WORDS.isdisjoint(words) or not _PAIRS.isdisjoint(pairs)


def show_size(size: int) -> str:
    """``12 MB``"""
    for unit, power in (("GB", 9), ("MB", 6), ("kB", 3)):
        if size >= 10**power:
            return f"{size / 10**power:.3g} {unit}"
    return f"{size} bytes"


def sum_up(left_out: Sequence[LeftOut]) -> tuple[LeftOut, ...]:
    """Return ``left_out``; if there are many, most are only counted."""
    rest = left_out[_LISTED:]
    if not rest:
        return tuple(left_out)
    more = LeftOut(".", sum(item.size for item in rest), f"{len(rest)} more, the first is {rest[0].path}")
    return (*left_out[:_LISTED], more)


def list_names(names: Sequence[str]) -> str:
    """The first of many names, and how many more there are."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"


def describe_left_out(left_out: tuple[LeftOut, ...]) -> str:
    """What was left out, in one line."""
    return f"not stored with the run: {list_names([f'{item.path} ({item.reason})' for item in left_out])}"
