"""Which trial of a sweep is whose: a journal that all processes of a sweep append to.

A process claims a trial before it opens the run, and notes the run when it is open. What it has claimed
and not opened when it dies belongs to none, and is claimed again. A line is one claim; of several for
one trial the last counts. The journal is read and written under a lock, by one process at a time. It is
a shortcut: what it lacks is read from the tags of the runs in the store.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from reprise import file_lock, paths
from reprise.named_tuple import NamedTuple
from reprise.schemas.json_text import read_json

_JOURNAL = "claims.jsonl"
_LOCK = "claims.lock"
_OWNERS = "owners"


class Claim(NamedTuple):
    """The last attempt at a trial; ``run_id`` is None until its run is open."""

    number: int
    attempt: int
    owner: str
    run_id: str | None = None


class Claims:
    """The journal of a sweep in ``folder``, and our place in it, until it is closed."""

    def __init__(self, folder: Path, owner: str, descriptor: int) -> None:
        self._folder = folder
        self._owner = owner
        self._descriptor = descriptor
        self._read = 0
        self._known: dict[int, Claim] = {}

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open the journal in ``folder``, which is made where it is missing."""
        owner = os.urandom(8).hex()
        paths.make_private(folder)
        descriptor = file_lock.hold(folder / _OWNERS / owner)
        assert descriptor is not None
        return cls(folder, owner, descriptor)

    def close(self) -> None:
        """Give up what we have claimed and not opened."""
        (self._folder / _OWNERS / self._owner).unlink(missing_ok=True)
        os.close(self._descriptor)

    def read(self) -> dict[int, Claim]:
        """Return the last claim of each trial that has one."""
        with self._turn():
            return dict(self._known)

    def claim(self, number: int, attempt: int) -> bool:
        """Claim an attempt at a trial; False when another process was faster."""
        with self._turn():
            last = self._known.get(number)
            if last is not None and last.attempt >= attempt and not self._is_abandoned(last):
                return False
            self._append(Claim(number, attempt, self._owner))
        return True

    def note_run(self, number: int, attempt: int, run_id: str) -> None:
        """Note the run of a trial that we have claimed."""
        with self._turn():
            self._append(Claim(number, attempt, self._owner, run_id))

    @contextmanager
    def _turn(self) -> Iterator[None]:
        with file_lock.exclusive(self._folder / _LOCK, "the other processes of this sweep"):
            self._read_news()
            yield

    def _read_news(self) -> None:
        try:
            with (self._folder / _JOURNAL).open("rb") as journal:
                journal.seek(self._read)
                data = journal.read()
        except FileNotFoundError:
            return
        for line in data.splitlines():
            try:
                claim = Claim(**read_json(line))
            except (ValueError, TypeError):
                continue  # of a process that was killed as it wrote
            self._known[claim.number] = claim
        self._read += len(data)

    def _append(self, claim: Claim) -> None:
        # A line begins with its end: what a killed process left unfinished does not swallow the next one.
        line = b"\n" + json.dumps(claim._asdict()).encode() + b"\n"
        descriptor = os.open(self._folder / _JOURNAL, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, line)  # a power cut may take it: the runs themselves are in the store
        finally:
            os.close(descriptor)
        self._known[claim.number] = claim
        self._read += len(line)

    def _is_abandoned(self, claim: Claim) -> bool:
        if claim.run_id is not None or claim.owner == self._owner:
            return False
        path = self._folder / _OWNERS / claim.owner
        if not path.exists():
            return True
        descriptor = file_lock.hold(path, wait=False)
        if descriptor is None:
            return False
        os.close(descriptor)
        path.unlink(missing_ok=True)
        return True
