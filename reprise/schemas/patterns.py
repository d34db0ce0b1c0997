"""Regular expressions of projects, matched in bounded time.

Python's engine goes back and tries again, which some patterns make it do for ever. A pattern that can, with
a text long enough, is matched in a process of its own, which is ended when it takes too long.
"""

from __future__ import annotations

import json
import re
import sys

_REPETITION = re.compile(r"[*+]|\{\d*,\d*\}")
_SHORT = 16  # characters, over which no engine despairs
_PATIENCE = 3.0  # seconds
_PROGRAM = (
    "import json, re, sys; pattern, text = json.load(sys.stdin); sys.exit(re.search(pattern, text) is None)"
)


def search_pattern(pattern: str, text: str) -> bool | None:
    """Whether ``pattern`` is found in ``text``; None: not within seconds."""
    if len(text) <= _SHORT or len(_REPETITION.findall(pattern)) < 2:
        return re.search(pattern, text) is not None
    from reprise.process import ProcessFailed, run

    # By its input: the text can be secret, and a command line is there for all to see.
    question = json.dumps([pattern, text]).encode()
    try:
        run((sys.executable, "-I", "-S", "-c", _PROGRAM), stdin=question, timeout=_PATIENCE)
    except ProcessFailed as error:
        return False if error.result.exit_code == 1 else None
    return True
