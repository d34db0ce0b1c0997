"""The command line: one verb, one small file, loaded when it is called."""

from __future__ import annotations

import sys
from gc import freeze, set_threshold  # by name: there is a module reprise.cli.gc
from typing import NoReturn

from reprise.startup import prepare_process


def main() -> NoReturn:
    """Run the command ``reprise``."""
    prepare_process()
    # Start-up makes tens of thousands of objects that live until the end. Garbage collection would scan
    # them repeatedly, which takes a tenth of the time of a short command.
    set_threshold(100_000)
    from reprise.cli.outcomes import exit_code_of
    from reprise.cli.verbs import cli

    try:
        sys.exit(exit_code_of(lambda: cli.main(standalone_mode=False)))
    finally:
        freeze()
