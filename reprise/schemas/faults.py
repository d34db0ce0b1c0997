"""The faults of a file with their places, collected so that all are reported at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypedDict, Unpack

from reprise.errors import ProjectError
from reprise.named_tuple import NamedTuple

_SHOWN = 60
_LEVELS_SHOWN = 8


class Position(NamedTuple):
    """A place in a file; both count from 1, the column in characters."""

    line: int
    column: int


START = Position(1, 1)

KeyPath = tuple[str, ...]


class FileFinding(NamedTuple):
    """One sentence about one place: ``path`` holds the keys that lead there.

    ``key`` is the one of the mapping at ``path`` that it is about. ``is_mild``: what is meant is
    plain, and a run goes by that. ``is_of_all``: what else the file says cannot be trusted.
    """

    at: Position
    path: KeyPath
    sentence: str
    key: str = ""
    is_mild: bool = False
    is_of_all: bool = False

    def format_line(self, file: str) -> str:
        """``MLproject:7:15  entry_points -> main: <sentence>``"""
        keys = [shorten_text(key) for key in self.path]
        if len(keys) > _LEVELS_SHOWN:
            keys[_LEVELS_SHOWN:] = ["..."]
        where = f"{' -> '.join(keys)}: " if keys else ""
        return f"{file}:{self.at.line}:{self.at.column}  {where}{self.sentence}"


class FaultOptions(TypedDict, total=False):
    """What a :class:`Finding` says besides its sentence."""

    key: str
    is_mild: bool
    is_of_all: bool


class Findings:
    """What was found in one file, called ``file`` in the lines: faults forbid a run, warnings do not."""

    def __init__(self, file: str, faults: Iterable[FileFinding] = ()) -> None:
        self.file = file
        self.faults = list(faults)
        self.warnings: list[FileFinding] = []

    def add_fault(self, at: Position, path: KeyPath, sentence: str, **more: Unpack[FaultOptions]) -> None:
        self.faults.append(FileFinding(at, path, sentence, **more))

    def add_warning(self, at: Position, path: KeyPath, sentence: str) -> None:
        self.warnings.append(FileFinding(at, path, sentence))

    def format_lines(self, findings: Iterable[FileFinding]) -> list[str]:
        """The lines of ``findings`` in the order of the file, none twice."""
        return [finding.format_line(self.file) for finding in sorted(set(findings))]


def refuse_faults(files: Sequence[Findings]) -> None:
    """Raise the faults of ``files``, if there are any.

    The message contains the headline and all lines, each with its own hint; ``faults`` contains the same
    lines as data.

    Raises:
        ProjectError: there are faults.
    """
    faulty = [findings for findings in files if findings.faults]
    lines = [line for findings in faulty for line in findings.format_lines(findings.faults)]
    if lines:
        names = " and ".join(findings.file for findings in faulty)
        count = "a fault" if len(lines) == 1 else f"{len(lines)} faults"
        headline = f"{names} {'has' if len(faulty) == 1 else 'have'} {count}"
        raise ProjectError("\n  ".join([headline, *lines]), faults=lines)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``; did you mean "float"?``, or nothing when no known word is near.

    A known word that starts with ``word`` is nearest, of several the first.
    """
    from difflib import get_close_matches

    lowered = {candidate.lower(): candidate for candidate in known}
    longer = [candidate for candidate in lowered if len(word) > 2 and candidate.startswith(word.lower())]
    near = longer[:1] or get_close_matches(word.lower(), lowered, n=1)
    return f'; did you mean "{lowered[near[0]]}"?' if near else ""


def on_one_line(text: str) -> str:
    """``text`` without what could move a terminal's cursor."""
    return "".join(char if char.isprintable() else " " for char in text)


def shorten_text(text: str) -> str:
    """``text`` on one line, cut where it is long."""
    line = on_one_line(text)
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 3]}..."
