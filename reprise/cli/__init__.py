"""The command line: one verb, one small file, loaded when it is called."""

from __future__ import annotations

import sys
from gc import freeze, set_threshold  # by name: there is a module reprise.cli.gc
from typing import NoReturn

from reprise.startup import prepare_process


def main() -> NoReturn:
    """The command ``reprise``."""
    prepare_process()
    # A start makes tens of thousands of objects that stay. Python would look through them for garbage again
    # and again while they are made, and once more at the end: a tenth of the time of a short command.
    set_threshold(100_000)
    from reprise.cli.outcomes import exit_code_of
    from reprise.cli.verbs import cli

    try:
        sys.exit(exit_code_of(lambda: cli.main(standalone_mode=False)))
    finally:
        freeze()
