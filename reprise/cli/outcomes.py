"""How every command ends: expected errors, interruption, unexpected errors."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable

from reprise import __version__
from reprise.errors import INTERRUPTED, TERMINATED, UNEXPECTED, RepriseError


def exit_code_of(command: Callable[[], object]) -> int:
    """Run ``command``, report errors on stderr, and return the exit code."""
    try:
        result = command()
        if sys.stdout is not None:
            sys.stdout.flush()
    except RepriseError as error:
        tell_error(error.message, error.hint)
        return error.exit_code
    except KeyboardInterrupt as error:
        return _interrupted(error)
    except BrokenPipeError:
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), 1
        )  # the reader closed the pipe: avoid a second error at exit
        return 0
    except OSError as error:
        return _refused_by_system(error)
    except Exception:
        _unexpected()
        return UNEXPECTED
    return result if isinstance(result, int) else 0


def tell_error(message: str, hint: str | None) -> None:
    """Print what failed on stderr, and after an empty line what helps."""
    from reprise.cli.messages import print_message

    print_message(message, "error", "red")
    if hint:
        print_message("")
        print_message(hint, "hint", "cyan")


def _refused_by_system(error: OSError) -> int:
    """Report a failure of the disk or the system. An error of stdout has no file name."""
    from reprise import disk

    if error.errno == errno.ENOSPC and error.filename is None:
        tell_error(f"cannot write the output: {error.strerror}", None)
    elif error.errno in disk.FAULTS:
        names_file = error.filename is not None and error.errno not in disk.OPEN_FILES
        tell_error(f"{error.filename}: " * names_file + disk.reason_of(error), None)
    else:
        _unexpected()
        return UNEXPECTED
    return RepriseError.exit_code


def _interrupted(error: KeyboardInterrupt) -> int:
    from reprise.cli.messages import print_message
    from reprise.runner.jobs.signals import Terminated

    if isinstance(error, Terminated):
        print_message(f"terminated by {error}")
        return TERMINATED
    print_message("interrupted")
    return INTERRUPTED


def _without_values(argv: list[str]) -> list[str]:
    """Mask the values of parameters: they can be secret, and a report is made to be shared."""
    return [f"{name}=..." if "=" in word else word for word in argv for name in [word.partition("=")[0]]]


def _unexpected() -> None:
    """Report a bug in reprise: write a file for the bug report, and print its path."""
    import platform
    import time
    import traceback

    from reprise import durable, paths
    from reprise.redact import redact

    report = (
        f"reprise {__version__}, Python {platform.python_version()}, {platform.platform()}\n"
        f"command: {' '.join(_without_values(sys.argv))}\n\n{traceback.format_exc()}"
    )
    try:
        path = paths.state_dir() / "errors" / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
        durable.write_note(path, redact(report))
        where = f"the details are in {path}"
    except (OSError, RepriseError):
        where = redact(report)
    last = traceback.format_exception_only(sys.exception())[-1].strip()
    tell_error(f"unexpected: {last}", f"this is a bug in reprise; {where}")
