"""Print the verdict on two runs: notes, the table of parts, and the exit code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from reprise.cli import show
from reprise.errors import FailedAlike, NotReproduced, UsageError

if TYPE_CHECKING:
    from reprise.runner.verdict.values import Verdict
    from reprise.schemas.tolerance import Tolerance

T = TypeVar("T", bound=Callable[..., Any])


def tolerance_options(command: T) -> T:
    """Add the options of a comparison: ``--tolerance``, ``--tolerance-file`` and ``--strict``."""
    options = (
        click.option(
            "--tolerance", metavar="X", help="Allowed difference of numbers, relative or absolute."
        ),
        click.option(
            "--tolerance-file",
            type=Path,
            metavar="FILE",
            help="Tolerances by name, and which parts count.",
        ),
        click.option("--strict", is_flag=True, help="Ignore nothing, and compare the output log too."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def given_tolerance(text: str | None, file: Path | None, *, strict: bool = False) -> Tolerance:
    """Return the tolerance that the options set; exact by default.

    Raises:
        UsageError, ProjectError: an option is wrong, or both are given.
    """
    from reprise.schemas import tolerance

    if text is not None and file is not None:
        raise UsageError("both --tolerance and --tolerance-file are given", hint="use one of them")
    if file is not None:
        given = tolerance.read_tolerance(file)
    else:
        given = tolerance.Tolerance() if text is None else tolerance.of_text(text)
    return given._replace(strict=strict)


def show_verdict(found: Verdict, *, only_differences: bool = False) -> None:
    """Print the notes, the table, and what the verdict depends on."""
    from reprise.runner.verdict import table

    notes = () if only_differences else (("note", found.reservations), ("cause", found.causes))
    for title, sentences in notes:
        for sentence in sentences:
            show.print_line(sentence, label=click.style(title, bold=True))
    show.table(table.HEAD, table.make_rows(found, only_differences=only_differences))
    for title, text in () if only_differences else table.summarise(found):
        show.print_line(f"{title}: {text}")


def refuse_difference(found: Verdict, what: str, *, failing: str) -> None:
    """Raise the error for a verdict other than "reproduced".

    Args:
        what: the message if they differ, such as ``run 81bb0f3d does not reproduce 3f2a91c0``.
        failing: the subject if both failed, such as ``run 81bb0f3d and 3f2a91c0``.

    Raises:
        NotReproduced: the runs differ, or it is not known; the likeliest cause comes first.
        FailedAlike: both runs failed in the same way.
    """
    a, b = found.original[:8], found.again[:8]
    if found.failed_alike:
        raise FailedAlike(f"{failing} failed the same way", hint=f"reprise runs logs {b}")
    if not found.reproduced:
        cause = f"{found.causes[0]}; " if found.causes else ""
        raise NotReproduced(f"{what}: {cause}{found.sentence}", hint=f"reprise diff {a} {b}")
