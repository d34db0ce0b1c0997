"""The output of a run, line by line: more of it is of one run alone than of any other text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from reprise.runner.verdict.words.known_texts import FOLDER, Aside, mark_processes, mark_text

_UUID = re.compile(r"(?<![0-9A-Fa-f-])[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?![0-9A-Fa-f-])")
_ADDRESS = re.compile(r"(?<=\bat )0x[0-9A-Fa-f]{6,16}(?=[^<\n]*>)")
_PROCESS = re.compile(
    r"(?i:\b(?:pid|process(?: id)?|ppid|thread(?: id)?|tid))\b[\s\"']*[=:#]?[\s\"']*\d+\b"
)
_PROCESS_FIRST = re.compile(r"^\[\d{2,7}\](?= )")
_LEVEL = "(?:DEBUG|INFO|WARN|WARNING|ERROR|CRITICAL)"
_OWN_PROCESS = re.compile(
    # in brackets, behind a word that says so, beside the level of a message
    r"(?<=[\[(<])\d+(?=[\])>])|(?i:(?<=\bpid)|(?<=\bprocess)|(?<=\bworker)|(?<=\bprocess id))[ =:#]+\d+\b"
    rf"|\b{_LEVEL}[ :]+\d+\b|\b\d+(?=[ :]+{_LEVEL}\b)"
)
_GLOG = re.compile(r"^[IWEF](?P<month>\d\d)(?P<day>\d\d) \d\d:\d\d:\d\d\.\d+ +\d+(?= [\w./-]+:\d+\])")
_PORT = re.compile(r"(?<![\w.])(127\.0\.0\.1|0\.0\.0\.0|localhost|\[::1\]):\d{2,5}\b")
_TEMPORARY = re.compile(
    # what Python's tempfile and mktemp make: tmp and eight random characters, also behind a prefix
    r"(?<=/)(?:[\w.-]*?tmp[a-z0-9_]{8}|tmp\.[A-Za-z0-9]{10}|[A-Za-z][\w.-]*?[_.-](?=[a-z0-9_]{8}(?![a-z0-9_]))"
    r"(?=[a-z_]*\d+[a-z])[a-z0-9_]{8})(?![A-Za-z0-9_])"
)
_MAC_TEMPORARY = re.compile(r"/(?:private/)?var/folders/\w\w/\w+/T\b")
_OF_THE_CACHE = re.compile(r"/(?:work-v1|scratch-v1|envs-v1)/[\w.-]{8,}")
_BEFORE_PATHS = frozenset(" \t\"'=:(")
_SHOWS_PROGRESS = re.compile(r"\d|[━=#█]{2,}")
_A_MARK = re.compile("(\0[^\0]*\0)")
_WORDS = re.compile(r"[^\W\d_]+")


def mark_log_line(line: str, aside: Aside) -> str:
    """``line`` with a mark for each address, process, port and random name that shows itself."""
    line = _UUID.sub(mark_text("id"), line)
    if "0x" in line:
        line = _ADDRESS.sub(mark_text("address"), line)
    line = _GLOG.sub(mark_text("clock"), line)
    line = _OWN_PROCESS.sub(lambda match: mark_processes(match[0], aside), line)
    line = _PROCESS.sub(mark_text("process"), line)
    if not aside.processes:  # where they are known, they are marked already
        line = _PROCESS_FIRST.sub(mark_text("process"), line)
    line = _PORT.sub(rf"\1:{mark_text('port')}", line)
    if "/" in line:
        line = _without_cache_folders(line)
        line = _TEMPORARY.sub(mark_text("temporary path"), line)
        line = _MAC_TEMPORARY.sub(mark_text("temporary path"), line)
    return line


def mark_folders(line: str, aside: Aside) -> str:
    """``line`` with a mark for the bare name of the project's folder, and the way from it to the root."""
    for folder in (name for name, role in aside.names.items() if role == FOLDER and name.startswith("/")):
        *above, name = folder.split("/")
        bare = re.compile(rf"(?<![\w./-]){re.escape(name)}(?![\w/-]|\.\w)")
        pieces = _A_MARK.split(line)  # whose words may be the name of a folder, as "project"
        pieces[::2] = [bare.sub(mark_text(FOLDER, "name"), piece) for piece in pieces[::2]]
        line = "".join(pieces)
        line = re.sub(
            rf"(?<![\w./])(?:\.\./){{{len(above)}}}(?!\.\./)", f"{mark_text(FOLDER, 'way up')}/", line
        )
    return line


def log_lines(text: str) -> list[str]:
    """The lines as a terminal shows them: of the states of one progress line the last one."""
    return [state for line in text.split("\n") for state in _last_states(line.removesuffix("\r"))]


def _last_states(line: str) -> Iterator[str]:
    """Return whether text after a carriage return is another state of the same line, by its look."""
    if "\r" not in line:
        yield line
        return
    states = [state for state in line.split("\r") if state.strip()]
    for state, following in zip(states, [*states[1:], None], strict=True):
        if following is None or not _are_states_of_one(state, following):
            yield state


def _are_states_of_one(state: str, following: str) -> bool:
    """Whether both show numbers or a bar, and the words of the one begin with those of the other."""
    if not (_SHOWS_PROGRESS.search(state) and _SHOWS_PROGRESS.search(following)):
        return False
    one, other = ("".join(_WORDS.findall(text.partition("[")[0])) for text in (state, following))
    return one.startswith(other) or other.startswith(one)


def _without_cache_folders(line: str) -> str:
    """Each path is followed to its start by hand: a search for it would be slow in a line of megabytes."""
    pieces, end = [], 0
    for match in _OF_THE_CACHE.finditer(line):
        start = match.start()
        while start > end and line[start - 1] not in _BEFORE_PATHS:
            start -= 1
        pieces += [line[end:start], mark_text("folder")]
        end = match.end()
    return "".join([*pieces, line[end:]])
