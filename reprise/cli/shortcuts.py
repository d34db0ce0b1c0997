"""Command lines that need no parser: click costs three starts of a bare Python, a short run costs eight.

Whatever is not plain here is left to click: unknown or combined options, faults, help for a verb. Both read
a plain line alike (``tests/cli/test_shortcuts.py``).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

from reprise import __version__

COMPLETION_VARIABLE = "_REPRISE_COMPLETE"
_FLAGS = {
    "--build-image": "build_image",
    "--dry-run": "dry_run",
    "--json": "json_",
    "--locked": "locked",
    "--no-network": "no_network",
    "--no-observe": "no_observe",
    "--no-wait": "no_wait",
    "--offline": "offline",
    "--sandbox": "sandbox",
    "--twice": "twice",
}
_VALUES = {
    "--as-of": "as_of",
    "--backend": "backend",
    "--backend-config": "backend_config",
    "--cpus": "cpus",
    "--entry-point": "entry_point",
    "--env-manager": "env_manager",
    "--experiment-id": "experiment_id",
    "--experiment-name": "experiment_name",
    "--gpus": "gpus",
    "--mem": "mem",
    "--python": "python",
    "--run-id": "run_id",
    "--run-name": "run_name",
    "--storage-dir": "storage_dir",
    "--time": "time",
    "--tracking-uri": "tracking_uri",
    "--version": "version",
}
_REPEATABLE = {"--docker-args": "docker_args", "--param-list": "param_list"}
_LONG = {
    "-A": "--docker-args",
    "-P": "--param-list",
    "-b": "--backend",
    "-c": "--backend-config",
    "-e": "--entry-point",
    "-v": "--version",
}


def take_shortcut(words: Sequence[str]) -> bool:
    """Perform a plain command line; False, with nothing done, where it is not one."""
    if words[:1] == ["run"]:
        return _run(words[1:])
    if sys.argv[0].rpartition(os.sep)[2] != "reprise":
        return False  # its name is a part of what is printed
    from reprise.cli.overview import complete_verb, make_help

    if shell := os.environ.get(COMPLETION_VARIABLE):
        lines = complete_verb(shell)
    else:
        match words:
            case ["--help" | "-h"]:
                lines = [make_help()]
            case ["--version"]:
                lines = [f"reprise, version {__version__}"]
            case _:
                lines = None
    if lines is None:
        return False
    print("\n".join(lines))
    return True


def read_run(words: Sequence[str]) -> dict[str, Any] | None:
    """The arguments of ``run_project`` that the words after ``run`` mean; None leaves that to click."""
    given: dict[str, Any] = {
        **dict.fromkeys(_FLAGS.values(), False),
        **dict.fromkeys(_VALUES.values()),
        **dict.fromkeys(_REPEATABLE.values(), ()),
        "entry_point": "main",
        "params_file": None,
        "uri": None,
    }
    rest = iter(words)
    for word in rest:
        if not word.startswith("-"):
            if given["uri"] is not None:
                return None
            given["uri"] = word
        elif word in _FLAGS:
            given[_FLAGS[word]] = True
        else:
            option, separator, value = (_LONG.get(word, word), "", "")
            if word.startswith("--"):
                option, separator, value = word.partition("=")
            text = value if separator else next(rest, None)
            if text is None:
                return None
            if option in _REPEATABLE:
                given[_REPEATABLE[option]] += (text,)
            elif option in _VALUES:
                given[_VALUES[option]] = text
            else:
                return None
    return given if given["uri"] is not None else None


def _run(words: Sequence[str]) -> bool:
    given = None if COMPLETION_VARIABLE in os.environ else read_run(words)
    if given is None:
        return False
    from reprise.cli.messages import tell
    from reprise.cli.run_project import run_project

    tell(verbose=False, quiet=False)
    try:
        run_project(**given)
    except KeyboardInterrupt:
        print(file=sys.stderr)  # the line on which the terminal shows ^C
        raise
    return True
