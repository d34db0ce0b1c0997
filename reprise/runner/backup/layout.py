"""What a backup is: a tar whose last member lists the others with their digests.

``reprise.db`` comes first, a snapshot of the database; then the files below ``artifacts/`` and
``objects/``; ``manifest.json`` last. A backup that was cut has no manifest, so it is never taken for whole.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, BinaryIO, Self

from reprise.errors import UsageError
from reprise.named_tuple import NamedTuple
from reprise.runner.record import contents
from reprise.tracking.artifacts.names import parts_of
from reprise.tracking.sqlite.run_store import DATABASE_NAME

DATABASE = DATABASE_NAME
ARTIFACTS = "artifacts"
OBJECTS = contents.FOLDER
MANIFEST = "manifest.json"
FORMAT = 1


class BackupEntry(NamedTuple):
    """A member of the tar: bytes, and SHA-256 in hex."""

    size: int
    sha256: str


class BackupManifest(NamedTuple):
    """What a backup holds. ``made`` is in ms since the epoch.

    ``elsewhere`` are artifact locations of experiments that are not in the store, and not in the backup;
    ``gone`` are files that were removed while it was made.
    """

    store: str
    made: int
    experiments: int
    runs: int
    going_on: int
    has_artifacts: bool
    elsewhere: tuple[str, ...]
    gone: tuple[str, ...]
    files: Mapping[str, BackupEntry]

    @property
    def size(self) -> int:
        """Bytes of all members."""
        return sum(entry.size for entry in self.files.values())

    def write(self) -> bytes:
        return json.dumps({"format": FORMAT, **self._asdict()}, indent=1).encode()

    @classmethod
    def read(cls, content: bytes) -> Self:
        """Parse a manifest; raise UsageError if it is invalid, or of a later format."""
        try:
            found: dict[str, Any] = json.loads(content)
            number = found.pop("format")
            if number != FORMAT:
                raise UsageError(f"the backup has format {number}, and this reprise reads {FORMAT}")
            files = {
                str(path): BackupEntry(int(size), str(sha256))
                for path, (size, sha256) in found["files"].items()
            }
            lists = {name: tuple(found[name]) for name in ("elsewhere", "gone")}
            return cls(**{**found, **lists, "files": files})
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise UsageError(f"cannot read the manifest of the backup: {error!r}") from error


class Digested:
    """A stream that is read, and the digest of what was."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._sha256 = hashlib.sha256()
        self.size = 0

    def read(self, size: int = -1) -> bytes:
        piece = self._stream.read(size)
        self._sha256.update(piece)
        self.size += len(piece)
        return piece

    @property
    def entry(self) -> BackupEntry:
        return BackupEntry(self.size, self._sha256.hexdigest())


def is_member(path: str) -> bool:
    """Whether a backup can hold ``path``: names in a file from elsewhere are not trusted."""
    top, _, rest = path.partition("/")
    if not rest:
        return path in (DATABASE, MANIFEST)
    try:
        return top in (ARTIFACTS, OBJECTS) and bool(parts_of(rest))
    except Exception:
        return False
