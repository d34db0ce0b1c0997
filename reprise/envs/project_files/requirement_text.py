"""The text of a requirements file as pip takes it: encodings, continued lines, variables, options."""

from __future__ import annotations

import codecs
import os
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from reprise.named_tuple import NamedTuple

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16's, which it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CODING = re.compile(rb"coding[:=]\s*([-\w.]+)")
_COMMENT = re.compile(r"(^|\s+)#.*$")
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
_FLAGS = {"--no-index", "--pre", "--prefer-binary", "--require-hashes"}
_SHORT = {
    "-r": "--requirement",
    "-c": "--constraint",
    "-e": "--editable",
    "-i": "--index-url",
    "-f": "--find-links",
    "-C": "--config-settings",
}
_VALUED = {
    *_SHORT.values(),
    "--extra-index-url",
    "--no-binary",
    "--only-binary",
    "--trusted-host",
    "--use-feature",
    "--hash",
    "--config-setting",
    "--global-option",
    "--install-option",
}


class NumberedLine(NamedTuple):
    """A logical line and the number of the line of the file at which it begins, from 1."""

    number: int
    text: str


class SplitLine(NamedTuple):
    """A line as a requirement (may be empty) and its options, each with its value ("" for a flag)."""

    requirement: str
    options: tuple[tuple[str, str], ...]


def decode_text(content: bytes) -> str:
    """The text of a file: by its byte order mark, by a ``coding`` comment in its first two lines, or UTF-8.

    Raises:
        UnicodeError: it is not text in that encoding.
        LookupError: the comment names no encoding.
    """
    for mark, encoding in _BOMS:
        if content.startswith(mark):
            text = content.decode(encoding)
            return text.removeprefix("\ufeff")
    for line in content.split(b"\n", 2)[:2]:
        if line.startswith(b"#") and (found := _CODING.search(line)):
            return content.decode(found[1].decode())
    return content.decode("utf-8")


def number_lines(lines: Iterable[str]) -> Iterator[NumberedLine]:
    r"""Lines without comments and blanks; one that ends in ``\`` continues in the next one."""
    start, joined = 0, ""
    for number, line in enumerate(lines, start=1):
        line = line.rstrip("\r\n")
        start = start or number
        is_comment = line.lstrip().startswith("#")
        if line.endswith("\\") and not is_comment:
            joined += line.rstrip("\\")
            continue
        joined += f" {line}" if is_comment else line
        if text := _COMMENT.sub("", joined).strip():
            yield NumberedLine(start, text)
        start, joined = 0, ""
    if text := _COMMENT.sub("", joined).strip():
        yield NumberedLine(start, text)


def join_lines(lines: Iterable[str]) -> Iterator[str]:
    """The texts of :func:`number_lines`."""
    return (line.text for line in number_lines(lines))


def variables_of(text: str) -> list[str]:
    """The names of the variables that ``text`` holds as ``${NAME}``."""
    return _VARIABLE.findall(text)


def expand_variables(text: str, root: Path, environ: Mapping[str, str] | None = None) -> str:
    """``text`` with its variables; those that are not set stay. ``PROJECT_ROOT`` is ``root``, as for uv."""
    if "${" not in text:
        return text
    values = {**(os.environ if environ is None else environ), "PROJECT_ROOT": str(root)}
    return _VARIABLE.sub(lambda found: values.get(found[1], found[0]), text)


def split_options(line: str) -> SplitLine:
    """``line`` as the requirement at its start and the options that follow.

    Raises:
        ValueError: an option is unknown or lacks its value, or a quotation mark is not closed.
    """
    words = line.split(" ")
    at = next((i for i, word in enumerate(words) if word.startswith("-")), len(words))
    rest = " ".join(words[at:])
    return SplitLine(" ".join(words[:at]).strip(), tuple(_split_options(shlex.split(rest)) if rest else ()))


def _split_options(words: list[str]) -> Iterator[tuple[str, str]]:
    remaining = iter(words)
    for word in remaining:
        if not word.startswith("-"):
            raise ValueError(f'"{word}" follows an option that takes no more')
        if word.startswith("--"):
            name, separator, value = word.partition("=")
        else:
            name, value = word[:2], word[2:].removeprefix("=")
            separator = value
        name = _SHORT.get(name, name)
        if name in _FLAGS:
            yield name, ""
        elif name in _VALUED:
            given = value if separator else next(remaining, "")
            if not given:
                raise ValueError(f"{name} needs a value")
            yield name, given
        else:
            raise ValueError(f"{name} is not an option of a requirements file")
