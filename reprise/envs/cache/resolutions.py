"""Resolutions remembered in ``<cache>/locks-v1/<key>.json``, so that a known project resolves nothing.

The key is the digest of everything that decided the resolution; the manager computes it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from reprise.durable import write_note
from reprise.paths import cache_dir
from reprise.schemas.environment import Lock

FOLDER = "locks-v1"


def path_of(key: str) -> Path:
    return cache_dir() / FOLDER / f"{key}.json"


def recall_lock(manager: str, key: str) -> Lock | None:
    """The remembered lock, unless its interpreter was removed or replaced since."""
    try:
        entry = json.loads(path_of(key).read_bytes())
        if entry["stamp"] == _stamp_of(Path(entry["interpreter"])):
            _note_use(path_of(key))
            return Lock(manager, entry["text"], notes=tuple(entry.get("notes", ())))
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return None


def recall_note(key: str) -> str:
    """The sentence that was remembered with a lock; empty where there is none."""
    try:
        return str(json.loads(path_of(key).read_bytes())["note"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def remember_lock(key: str, lock: Lock, interpreter: Path, note: str = "") -> None:
    entry = {
        "interpreter": str(interpreter),
        "stamp": _stamp_of(interpreter),
        "note": note,
        "notes": lock.notes,
        "text": lock.text,
    }
    write_note(path_of(key), json.dumps(entry))


def _note_use(entry: Path) -> None:
    """For who clears up; a cache of others we may only read."""
    try:
        os.utime(entry)
    except OSError:
        pass


def _stamp_of(interpreter: Path) -> list[int]:
    found = interpreter.stat()
    return [found.st_size, found.st_mtime_ns]
