"""Why SQLite could not do something: its words name no cause, so that we look for it."""

from __future__ import annotations

import errno
import logging
import os
import sqlite3
from pathlib import Path

from reprise import disk
from reprise.errors import TrackingError

log = logging.getLogger(__name__)

_PRIMARY = 0xFF  # an extended code of SQLite holds the plain one in its last byte
_ROOM = 64 << 10  # bytes that SQLite may need at once
_MORE_ROOM = (
    "reprise runs delete and reprise gc free room in the store, reprise env prune in the cache;"
    " where they are refused too, free a megabyte first"
)


def primary_code(error: BaseException) -> int:
    """The plain result code of SQLite; 0 for an error that did not come from it."""
    return getattr(error, "sqlite_errorcode", 0) & _PRIMARY


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another connection holds the lock that was needed."""
    return primary_code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def repeat_error(error: BaseException, message: str) -> sqlite3.OperationalError:
    """An error with ``message`` and the code of ``error``, for another thread."""
    repeated = sqlite3.OperationalError(message)
    repeated.sqlite_errorcode = getattr(error, "sqlite_errorcode", 0)
    return repeated


def explain(error: sqlite3.Error, path: Path) -> TrackingError:
    """The error of the database at ``path`` as a sentence with its cause."""
    log.debug("%s: SQLite says: %s", path, error)
    store = path.parent
    if is_busy(error):
        return TrackingError(
            f"another process holds the store {store} for too long",
            code="TEMPORARILY_UNAVAILABLE",
            hint=f"fuser {path} names the processes that have it open",
        )
    if primary_code(error) in _SENTENCES:
        return TrackingError(f"the store {store} {_SENTENCES[primary_code(error)]}", hint=_BACKUP)
    if (found := _find_cause(path)) is not None:
        return refusal(found, store)
    if (number := _NUMBERS.get(primary_code(error))) is not None:
        return refusal(OSError(number, os.strerror(number)), store)
    word = getattr(error, "sqlite_errorname", "unknown")
    return TrackingError(f"the store {store} cannot be used: the database answers {word}")


def refusal(error: OSError, store: Path) -> TrackingError:
    """The store cannot be used because the system refuses something."""
    if error.errno == errno.EROFS:
        return read_only(store)
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return TrackingError(
        f"the store {store} cannot be {'written' if full else 'used'}: {disk.reason_of(error, store)}",
        hint=_MORE_ROOM if full else None,
    )


def read_only(store: Path) -> TrackingError:
    """The store can be looked at only, and why."""
    found = disk.disk_of(store)
    reason = (
        f"the disk mounted at {found.mount} is" if found.is_read_only else "you may not write its files"
    )
    return TrackingError(
        f"the store {store} is read-only: {reason}",
        code="PERMISSION_DENIED",
        hint="a copy of its folder can be written; --tracking-uri names another store",
    )


_BACKUP = "keep a copy of its folder before anything else; then take it from a backup"
_SENTENCES = {
    sqlite3.SQLITE_CORRUPT: "is damaged: its database does not hold together",
    sqlite3.SQLITE_NOTADB: "is damaged: its reprise.db is not a database",
    sqlite3.SQLITE_ERROR: "is damaged: its database lacks what this version of reprise expects",
    sqlite3.SQLITE_CONSTRAINT: "refuses a value: it contradicts what is there",
    sqlite3.SQLITE_TOOBIG: "refuses a value: it is larger than a database can hold (1 GB)",
    sqlite3.SQLITE_NOMEM: "cannot be used: there is not enough memory",
}


_NUMBERS = {
    sqlite3.SQLITE_READONLY: errno.EROFS,
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_IOERR: errno.EIO,
}
"""System errors for errors of SQLite, if a second check finds nothing."""


def _find_cause(path: Path) -> OSError | None:
    """What the system says to that which SQLite does: read the file, and write beside it."""
    import tempfile

    try:
        with path.open("rb") as file:
            file.read(1)
        if not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
            return OSError(errno.EROFS, "it is read-only")
        with tempfile.TemporaryFile(dir=path.parent) as room:
            room.write(bytes(_ROOM))
            room.flush()
    except OSError as error:
        return error
    return None
