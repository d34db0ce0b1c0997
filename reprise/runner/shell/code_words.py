"""Words of a command that are programs themselves, like that after ``bash -c`` or ``eval``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from reprise.named_tuple import NamedTuple

BASH = "bash"
SHELL = "another shell"
"""Return whether a shell may lack the features of bash."""


class _Interpreter(NamedTuple):
    """A program whose ``option`` is followed by a text in ``language``, after options of its own.

    ``with_argument`` are those of them that take a word. ``after_anything``: other words can come before.
    """

    language: str
    option: str
    with_argument: str = "(?!)"
    after_anything: bool = False


_SHELL_OPTIONS = r"[-+][oO]|--(?:rc|init-)file"
_INTERPRETERS = {
    r"bash|zsh|ksh": _Interpreter(BASH, r"-[A-Za-z]*c", _SHELL_OPTIONS),
    r"sh|dash|ash": _Interpreter(SHELL, r"-[A-Za-z]*c", _SHELL_OPTIONS),
    r"su|runuser|script|flock": _Interpreter(SHELL, r"-[A-Za-z]*c|--command", after_anything=True),
    r"(?:python|pypy)[\d.]*": _Interpreter("Python", r"-[A-Za-z]*c", r"-[XW]"),
    r"perl": _Interpreter("Perl", r"-\w*[eE]"),
    r"ruby": _Interpreter("Ruby", r"-\w*e"),
    r"node|nodejs": _Interpreter("JavaScript", r"-[ep]+|--eval|--print"),
    r"R|Rscript": _Interpreter("R", r"-e"),
    r"julia": _Interpreter("Julia", r"-[eE]|--eval"),
    r"lua[\d.]*": _Interpreter("Lua", r"-e"),
    r"php": _Interpreter("PHP", r"-r"),
    r"t?csh|fish": _Interpreter("a shell of another kind", r"-\w*c"),
}
_BEFORE_COMMANDS = {
    *("if", "then", "elif", "else", "while", "until", "do", "!", "{", "time"),
    *("exec", "command", "builtin", "env", "sudo", "nohup", "nice"),
}
_ASSIGNMENT = re.compile(r"\w+\+?=.*", re.DOTALL)


def code_language(words: Sequence[str]) -> str | None:
    """In which language the word after ``words`` of a command is a program; None: it is only a text."""
    rest = list(words)
    while rest and (rest[0] in _BEFORE_COMMANDS or _ASSIGNMENT.fullmatch(rest[0])):
        del rest[0]
    names = [word.rpartition("/")[2] for word in rest]
    if not names or names[0] in ("echo", "printf"):
        return None
    if names[0] == "eval" or names == ["trap"]:
        return BASH
    if names[0] == "let":
        return "arithmetic"
    if "ssh" in names:
        return "a shell of another machine"
    for position, name in enumerate(names):
        if re.fullmatch(r"[gmn]?awk", name):
            return "awk" if _are_options(names[position + 1 :], "-[vF]") else None
        if found := _find_interpreter(name):
            before, option = names[position + 1 : -1], names[-1]
            its_own = found.after_anything or _are_options(before, found.with_argument)
            if position < len(names) - 1 and its_own and re.fullmatch(found.option, option):
                return found.language
    return None


def _find_interpreter(name: str) -> _Interpreter | None:
    return next((found for known, found in _INTERPRETERS.items() if re.fullmatch(known, name)), None)


def _are_options(words: Sequence[str], with_argument: str) -> bool:
    """Whether ``words`` are options, and the arguments of those that take one."""
    rest = list(words)
    while rest and rest[0].startswith(("-", "+")):
        takes_one = re.fullmatch(with_argument, rest[0]) is not None
        if takes_one and len(rest) == 1:
            return False
        del rest[: 2 if takes_one else 1]
    return not rest
