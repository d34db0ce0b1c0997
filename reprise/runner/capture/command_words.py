"""What a shell command names: programs, the files for those that are not observed, and variables."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from reprise.envs.base import OBSERVER_VARIABLE
from reprise.named_tuple import NamedTuple

_OPERATORS = "();<>|&\n"
_INTO = {">", ">>", ">|", "&>", ">&"}
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=")
_VARIABLE = re.compile(r"\$\{?([A-Za-z_]\w*)")
_PYTHON = re.compile(r"python[\d.]*")
_SEARCH_PATH = re.compile(
    r"(?<![\w$./=-])PYTHONPATH=(?!\S*\$\{?(?:PYTHONPATH|REPRISE_OBSERVER))(?P<given>[^\s;&|)]*)"
)
_WITHOUT_SETTINGS = re.compile(r"\benv\s+(?:-i|-)\s|\bpython[\d.]*\s+(?:-\w+\s+)*-\w*[IES]")
_BEFORE_A_PROGRAM = {"exec", "time", "nice", "nohup", "env", "command", "if", "then", "do", "else", "while"}
_MOST = 1000  # files that a pattern may match
_LARGEST = 1 << 16  # bytes of a script that are looked at


def keep_observed(text: str) -> str:
    """The shell command ``text``, with our folder before those that it gives Python to search.

    Only ``PYTHONPATH=...`` outside of quotes is changed; a text with a document in it stays as it is.
    """
    if "<<" in text:
        return text

    def replace_match(found: re.Match[str]) -> str:
        if _is_quoted(text, found.start()):
            return found[0]
        colon = ":" if found["given"] else ""
        return f"PYTHONPATH=${OBSERVER_VARIABLE}{colon}{found['given']}"

    return _SEARCH_PATH.sub(replace_match, text)


def _is_quoted(text: str, end: int) -> bool:
    quote = ""
    characters = iter(text[:end])
    for character in characters:
        if character == "\\" and quote != "'":
            next(characters, None)
        elif character == quote:
            quote = ""
        elif character in "'\"" and not quote:
            quote = character
    return bool(quote)


class NamedInCommand(NamedTuple):
    """The words of a command; ``files`` are absolute; ``fault`` says which Python is not observed."""

    programs: tuple[str, ...]
    files: tuple[str, ...]
    variables: tuple[str, ...]
    fault: str | None = None


def read_command(text: str, folder: Path) -> NamedInCommand:
    """What the shell command ``text`` names that is there; it starts in ``folder``."""
    commands = [words for words in _split_commands(text) if words]
    programs = [Path(words[0]).name for words in commands]
    files = [file for words in commands for file in files_of(words, folder)]
    scripts = [
        (os.path.relpath(file, folder), _read_script(file)) for file in files if file.endswith(".sh")
    ]
    faults = [
        _find_fault(where, found) for where, found in [("the command", keep_observed(text)), *scripts]
    ]
    fault = next(filter(None, faults), None)
    return NamedInCommand(
        _drop_repeated(programs), _drop_repeated(files), _drop_repeated(_VARIABLE.findall(text)), fault
    )


def _find_fault(where: str, text: str) -> str | None:
    found = _WITHOUT_SETTINGS.search(text) or _SEARCH_PATH.search(text)
    return f'"{found[0].strip()}" in {where} prevents Python from being observed' if found else None


def _read_script(file: str) -> str:
    try:
        with Path(file).open("rb") as stream:
            return stream.read(_LARGEST).decode("utf-8", "replace")
    except OSError:
        return ""


def _drop_repeated(names: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def programs_of(words: Sequence[str]) -> tuple[str, ...]:
    """The names of the programs that a command line starts; of a shell, those of its text."""
    name = Path(words[0]).name
    if name in ("sh", "bash") and len(words) > 2 and words[1] == "-c":
        return tuple(Path(command[0]).name for command in _split_commands(words[2]) if command)
    return (name,)


def files_of(words: Sequence[str], folder: Path) -> Iterator[str]:
    """Return the files on a program's command line; Python reports the files it opens itself."""
    if not words or _PYTHON.fullmatch(Path(words[0]).name):
        return
    for word in words:
        for text in dict.fromkeys((word, word.rpartition("=")[2])):
            yield from _find_files(text, folder)


def _find_files(text: str, folder: Path) -> Iterator[str]:
    if not text or "\0" in text:
        return
    try:
        if any(character in text for character in "*?["):
            start = Path("/") if text.startswith("/") else folder
            yield from map(str, islice(start.glob(text.lstrip("/")), _MOST))
        elif (folder / text).is_file():
            yield str(folder / text)
    except (OSError, ValueError):
        return  # a word that is too long for a name, for example


def _split_commands(text: str) -> Iterator[list[str]]:
    """The simple commands of a shell text, each as its words, without what they write to."""
    command: list[str] = []
    target = False
    for token in _split_tokens(text):
        if set(token) <= set(_OPERATORS):
            target = token in _INTO
            if not set(token) & set("<>"):
                yield command
                command = []
        elif target:
            target = False
        elif command or not (_ASSIGNMENT.match(token) or token in _BEFORE_A_PROGRAM):
            command.append(token)
    yield command


def _split_tokens(text: str) -> list[str]:
    lexer = shlex.shlex(text, posix=True, punctuation_chars=_OPERATORS)
    lexer.whitespace = " \t\r"
    lexer.whitespace_split = True
    try:
        return list(lexer)
    except ValueError:  # a quote without its end: bash will say so
        return text.split()
