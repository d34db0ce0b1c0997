"""The command line: one verb, one small file, loaded when it is called."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from gc import freeze, set_threshold  # by name: there is a module reprise.cli.gc
from typing import NoReturn

from reprise.startup import prepare_process


def main() -> NoReturn:
    """The command ``reprise``."""
    prepare_process()
    # A start makes tens of thousands of objects that stay. Python would look through them for garbage again
    # and again while they are made, and once more at the end: a tenth of the time of a short command.
    set_threshold(100_000)
    try:
        sys.exit(perform_command(sys.argv[1:]))
    finally:
        freeze()


def perform_command(words: Sequence[str]) -> int:
    """Perform a command line, report its errors on stderr, and return the exit code."""
    from reprise.cli.outcomes import exit_code_of

    return exit_code_of(lambda: _perform(words))


def _perform(words: Sequence[str]) -> int:
    from reprise.cli.shortcuts import take_shortcut

    if take_shortcut(words):
        return 0
    from reprise.cli.verbs import perform_verb

    return perform_verb(words)
