"""Texts are plain modern English: some words and phrases are not used in code, pages and documents."""

from __future__ import annotations

import io
import re
import subprocess
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

# Each banned pattern, and what to write instead.
BANNED = {
    r"nobody|whoever|whomever|somebody": "name the person, program or process, or use the passive",
    r"tells?|told|telling": "report, show, say; distinguish (for: tell apart)",
    r"stands?|stood": "be, be in; mean (for: stand for)",
    r"(?:goes|go|went|going) on": "continue, be running",
    r"lies|lain": "be, be in",
    r"anew": "again; recreate, regenerate",
    r"(?:to|cannot) be had|at hand": "be available",
    r"of which|whence|lest|by and by|in peace": "start a new sentence",
    r"foretells?|foretold": "predict, explain",
    r"choose|chooses|chose|chosen|choosing": "select, use, set",
    r"lets? go of": "release, close",
    r"such an?": "this; or describe it",
    r"out of reach": "unreachable",
}
BANNED_WORDS = re.compile(rf"\b(?:{'|'.join(BANNED)})\b", re.IGNORECASE)

# Where a banned word is right: file, word, reason.
ALLOWED = {
    ("reprise/schemas/field_names.py", "chosen"): "a word that occurs in names of metrics",
    ("reprise/tracking/write_queue.py", "whence"): "the name of a field of the system",
    ("reprise/pipes.py", "tell"): "the name of an argument",
    ("reprise/runner/runs/performing.py", "tell"): "the name of an argument",
}
# A record of decisions in the words of their time.
LEFT_ALONE = {"docs/decisions.md", "CHANGELOG.md"}

CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.DOTALL | re.MULTILINE)
PLACEHOLDER = re.compile(r"\{[^{}]*\}|``[^`\n]*``|`[^`\n]*`")
TAG = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|<[^>]*>", re.DOTALL)
ATTRIBUTE = re.compile(r"\b(?:title|placeholder|alt|aria-label)=\"([^\"]*)\"")
SCRIPT_TEXT = re.compile(r"/\*.*?\*/|(?<!:)//[^\n]*|\"[A-Z][^\"\n]* [^\"\n]*\"", re.DOTALL)


def tracked_files(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        text=True,
    )
    return [REPOSITORY / name for name in listed.stdout.splitlines() if (REPOSITORY / name).exists()]


def texts_of_python(source: str) -> Iterator[str]:
    """Comments, docstrings and literals of more than one word, without names in backticks."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT or (token.type == tokenize.STRING and " " in token.string):
            yield PLACEHOLDER.sub(" ", token.string)


def texts_of_template(source: str) -> Iterator[str]:
    yield from (TAG.sub(" ", text) for text in ATTRIBUTE.findall(source))
    yield CODE.sub(" ", TAG.sub(" ", source))


def texts_of(path: Path) -> Iterator[str]:
    source = path.read_text()
    match path.suffix:
        case ".py":
            yield from texts_of_python(source)
        case ".html":
            yield from texts_of_template(source)
        case ".js":
            yield from (CODE.sub(" ", text) for text in SCRIPT_TEXT.findall(source))
        case _:
            yield CODE.sub(" ", source)


def banned_in(path: Path) -> list[str]:
    name = path.relative_to(REPOSITORY).as_posix()
    words = [word for text in texts_of(path) for word in BANNED_WORDS.findall(text)]
    return [f'{name}: "{word}"' for word in words if (name, word.lower()) not in ALLOWED]


@pytest.mark.parametrize("pattern", ["reprise/*.py", "reprise/*.html", "reprise/*.js", "*.md"])
def test_texts_have_no_banned_words(pattern: str) -> None:
    files = [
        path for path in tracked_files(pattern) if path.relative_to(REPOSITORY).as_posix() not in LEFT_ALONE
    ]
    assert files
    assert [found for path in files for found in banned_in(path)] == []


@pytest.mark.parametrize(
    ("name", "source", "found"),
    [
        (
            "a.py",
            '"""It tells `told` and ``told`` of {told}."""\ntold = 1  # nobody\n',
            ["tells", "nobody"],
        ),
        ("a.html", '<a title="Choose it">{{ told }} stands</a>', ["Choose", "stands"]),
        ("a.js", 'told(".told a"); // goes on\nconst a = "It is told";', ["goes on", "told"]),
        ("a.md", "A run `told` goes on.\n\n```\nnobody\n```\n", ["goes on"]),
    ],
)
def test_words_are_found_in_texts_alone(tmp_path: Path, name: str, source: str, found: list[str]) -> None:
    (tmp_path / name).write_text(source)
    assert [word for text in texts_of(tmp_path / name) for word in BANNED_WORDS.findall(text)] == found


def test_exceptions_are_still_needed() -> None:
    unused = {
        (name, word)
        for name, word in ALLOWED
        if word
        not in {
            found.lower() for text in texts_of(REPOSITORY / name) for found in BANNED_WORDS.findall(text)
        }
    }
    assert unused == set()
