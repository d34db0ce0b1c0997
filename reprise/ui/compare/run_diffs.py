"""The differences between two runs for pages: the findings of ``reprise diff``, shortened for a page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice

from reprise.named_tuple import NamedTuple
from reprise.runner.verdict.changes import Change, SourceDifference, find_changes
from reprise.runner.verdict.recorded import open_both
from reprise.schemas.entities import Run
from reprise.tracking.protocols.store import TrackingStore

_MOST_LINES = 5000  # lines of a diff, all files together
_MOST_FILES = 500
_LARGEST = 8_000_000  # bytes of a diff
_LONGEST = 2000  # characters of a line, or of a value
_MOST_ROWS = 2000  # packages, inputs, parameters
_KINDS = {"+": "added", "-": "removed", "\\": "note"}
_HUNK = re.compile(r"@@ -\d+(?:,(?P<old>\d+))? \+\d+(?:,(?P<new>\d+))? @@")
_TOLD = (
    "\\ ",
    "old mode",
    "new mode",
    "rename ",
    "new file",
    "deleted file",
    "Binary files",
    "Large files",
    "Submodule ",
)
"""Lines outside hunks that are shown."""


class DiffLine(NamedTuple):
    """A line; ``kind`` is ``added``, ``removed``, ``place``, ``note`` or ``same``."""

    kind: str
    text: str


class FileDiff(NamedTuple):
    """A file; ``added`` and ``removed`` count all lines, also hidden ones."""

    path: str
    lines: tuple[DiffLine, ...]
    added: int
    removed: int
    beyond: int


class Diff(NamedTuple):
    """A diff; ``is_cut``: there are more files than these."""

    files: tuple[FileDiff, ...]
    is_cut: bool


class RunDiff(NamedTuple):
    """The differences; ``notes`` name runs without a record."""

    source: SourceDifference
    diff: Diff
    environment: tuple[Change, ...]
    environment_note: str
    inputs: tuple[Change, ...]
    parameters: tuple[Change, ...]
    machine: tuple[Change, ...]
    notes: tuple[str, ...]


def run_diff(store: TrackingStore, a: Run, b: Run) -> RunDiff:
    """Return the differences of source, environment and inputs. The table shows the results."""
    # A user who can write a tag could otherwise read any repository of this machine.
    with open_both(store, a, b, opens_folders=False) as (one, other):
        found = find_changes(one, other, (), _LARGEST)
        faults = ((run, run.record_fault) for run in (one, other) if run.record is None)
        notes = tuple(f"Run {run.run_id[:8]}: {fault}" for run, fault in faults)
    return RunDiff(
        found.source._replace(diff=""),
        parted(found.source.diff, is_cut=len(found.source.diff.encode()) >= _LARGEST),
        _shortened(found.environment),
        found.environment_note,
        _shortened(found.inputs),
        _shortened(found.parameters),
        _shortened(found.machine),
        notes,
    )


def parted(diff: str, *, is_cut: bool) -> Diff:
    """Return a unified diff by files; ``is_cut``: ``text`` is the beginning of a longer diff."""
    found = tuple(islice(files(diff), _MOST_FILES + 1))
    return Diff(found[:_MOST_FILES], is_cut or len(found) > _MOST_FILES)


def files(diff: str, most: int = _MOST_LINES) -> Iterator[FileDiff]:
    """Return the files of a unified diff, with at most ``most`` lines in total."""
    for path, lines in _parted(diff.split("\n")):
        shown = lines[:most]
        most -= len(shown)
        added, removed = (sum(line.kind == kind for line in lines) for kind in ("added", "removed"))
        yield FileDiff(path, tuple(shown), added, removed, len(lines) - len(shown))


def _parted(texts: Iterable[str]) -> Iterator[tuple[str, list[DiffLine]]]:
    """Yield the lines by file. The lengths in hunk headers show which lines are headers."""
    path, lines, old, new = "", list[DiffLine](), 0, 0
    in_header = False
    for text in texts:
        if old > 0 or new > 0:
            old -= not text.startswith(("+", "\\"))
            new -= not text.startswith(("-", "\\"))
            lines.append(_line(_KINDS.get(text[:1], "same"), text))
        elif found := _HUNK.match(text):
            old, new = (int(found[side] or 1) for side in ("old", "new"))
            lines.append(_line("place", text))
            in_header = False
        elif text.startswith("diff --git ") or (
            not in_header and text.startswith(("--- ", "Binary files ", "Large files "))
        ):
            if path:
                yield path, lines
            path, lines = _path(text), []
            in_header = text.startswith("diff --git ")
        elif text.startswith("+++ b/"):
            path = text.removeprefix("+++ b/").rstrip("\t")
        if old <= 0 and new <= 0 and text.startswith(_TOLD):
            lines.append(_line("note", text))
    if path:
        yield path, lines


def _line(kind: str, text: str) -> DiffLine:
    return DiffLine(
        kind, text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text):,} characters)"
    )


def _path(header: str) -> str:
    """Return the path in a header; a ``+++`` line replaces it."""
    named = header.removesuffix(" differ")
    if " b/" in named:
        return named.rpartition(" b/")[2]
    return named.removeprefix("diff --git ").removeprefix("--- a/")


def _shortened(found: tuple[Change, ...]) -> tuple[Change, ...]:
    return tuple(item._replace(a=_cut(item.a), b=_cut(item.b)) for item in found[:_MOST_ROWS])


def _cut(text: str | None) -> str | None:
    return text if text is None or len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
