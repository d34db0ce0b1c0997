"""Findings: what makes a project hard to reproduce, and the comments that silence them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from reprise.named_tuple import NamedTuple

_IGNORED = re.compile(r"#\s*reprise:\s*ignore\[(?P<names>[\w\-,\s]+)\]")


class LintFinding(NamedTuple):
    """A finding: ``file`` is relative to the project, ``line`` counts from 1.

    ``last`` is its last line. A finding about the whole project has line 0 and the file that could silence
    it.
    """

    name: str
    file: str
    line: int
    what: str
    reason: str
    fix: str
    last: int = 0

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


NAMES = (
    "unpinned-dependency",
    "floating-image",
    "absolute-path",
    "undeclared-import",
    "no-seed",
    "outside-data",
    "undeclared-read",
    "unread-input",
    "ignored-file",
    "dirty-tree",
    "large-file",
    "submodule",
    "unpushed-commit",
)
"""The name of every kind, in the order of the report."""


def drop_silenced(findings: Iterable[LintFinding], root: Path) -> tuple[LintFinding, ...]:
    """The findings that no comment of the project silences, each once, by kind and place."""
    texts: dict[str, list[str]] = {}
    kept = {item for item in findings if not _is_silenced(item, root, texts)}
    return tuple(sorted(kept, key=lambda item: (NAMES.index(item.name), item.file, item.line, item.what)))


def _is_silenced(finding: LintFinding, root: Path, texts: dict[str, list[str]]) -> bool:
    if finding.file not in texts:
        texts[finding.file] = _read_lines(root / finding.file)
    lines = texts[finding.file]
    if finding.line:
        lines = lines[finding.line - 1 : max(finding.last, finding.line)]
    named = (match["names"] for line in lines for match in _IGNORED.finditer(line))
    return any(finding.name in re.split(r"[,\s]+", names.strip()) for names in named)


def _read_lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError:
        return []
