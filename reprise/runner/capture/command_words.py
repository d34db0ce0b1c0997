"""What a shell command names: programs, the files for those that are not observed, and variables."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

_OPERATORS = "();<>|&\n"
_INTO = {">", ">>", ">|", "&>", ">&"}
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=")
_VARIABLE = re.compile(r"\$\{?([A-Za-z_]\w*)")
_PYTHON = re.compile(r"python[\d.]*")
_UNOBSERVED = re.compile(
    r"\bPYTHONPATH=(?!\S*\$\{?PYTHONPATH)|\benv\s+(?:-i|-)\s|\bpython[\d.]*\s+(?:-\w+\s+)*-\w*[IES]"
)
_BEFORE_A_PROGRAM = {"exec", "time", "nice", "nohup", "env", "command", "if", "then", "do", "else", "while"}
_MOST = 1000  # files that a pattern may stand for


class NamedInCommand(NamedTuple):
    """``files`` are absolute; ``fault`` says which Python of the command is not observed."""

    programs: tuple[str, ...]
    files: tuple[str, ...]
    variables: tuple[str, ...]
    fault: str | None = None


def read_command(text: str, folder: Path) -> NamedInCommand:
    """What the shell command ``text`` names that is there; it starts in ``folder``."""
    found = _UNOBSERVED.search(text)
    fault = f'"{found[0].strip()}" in the command keeps Python from being observed' if found else None
    commands = [words for words in _commands(text) if words]
    programs = [Path(words[0]).name for words in commands]
    files = [file for words in commands for file in files_of(words, folder)]
    return NamedInCommand(_once(programs), _once(files), _once(_VARIABLE.findall(text)), fault)


def _once(names: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def files_of(words: Sequence[str], folder: Path) -> Iterator[str]:
    """The files that a program is given on its command line; Python tells itself what it opens."""
    if not words or _PYTHON.fullmatch(Path(words[0]).name):
        return
    for word in words:
        for text in dict.fromkeys((word, word.rpartition("=")[2])):
            yield from _files(text, folder)


def _files(text: str, folder: Path) -> Iterator[str]:
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


def _commands(text: str) -> Iterator[list[str]]:
    """The simple commands of a shell text, each as its words, without what they write to."""
    command: list[str] = []
    target = False
    for token in _tokens(text):
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


def _tokens(text: str) -> list[str]:
    lexer = shlex.shlex(text, posix=True, punctuation_chars=_OPERATORS)
    lexer.whitespace = " \t\r"
    lexer.whitespace_split = True
    try:
        return list(lexer)
    except ValueError:  # a quote without its end: bash will say so
        return text.split()
