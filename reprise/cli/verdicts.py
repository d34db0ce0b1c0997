"""The verdict on two runs, for people: what comes first, the table of the parts, and how a command ends."""

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
    """The options that say how runs are compared: ``tolerance``, ``tolerance_file`` and ``strict``."""
    options = (
        click.option(
            "--tolerance", metavar="X", help="How far numbers may differ, relatively or absolutely."
        ),
        click.option(
            "--tolerance-file",
            type=Path,
            metavar="FILE",
            help="Tolerances by name, and what decides and what does not.",
        ),
        click.option(
            "--strict", is_flag=True, help="Set nothing aside, and let the output log decide too."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def given_tolerance(text: str | None, file: Path | None, *, strict: bool = False) -> Tolerance:
    """What the options say; exact without them.

    Raises:
        UsageError, ProjectError: one is wrong, or both are given.
    """
    from reprise.schemas import tolerance

    if text is not None and file is not None:
        raise UsageError("both --tolerance and --tolerance-file are given", hint="give one of them")
    if file is not None:
        given = tolerance.read(file)
    else:
        given = tolerance.Tolerance() if text is None else tolerance.of_text(text)
    return given._replace(strict=strict)


def show_verdict(found: Verdict, *, only_differences: bool = False) -> None:
    """Print what is to be known first, the table, and what decided."""
    from reprise.runner.verdict import table

    notes = () if only_differences else (("note", found.reservations), ("cause", found.causes))
    for title, sentences in notes:
        for sentence in sentences:
            show.print_line(sentence, label=click.style(title, bold=True))
    show.table(table.HEAD, table.rows(found, only_differences=only_differences))
    for title, text in () if only_differences else table.summary(found):
        show.print_line(f"{title}: {text}")


def refuse_difference(found: Verdict, what: str, *, failing: str) -> None:
    """End the command as the verdict says.

    Args:
        what: what is not the case when they differ, as ``run 81bb0f3d does not reproduce 3f2a91c0``.
        failing: what both did, as ``run 81bb0f3d and 3f2a91c0``.

    Raises:
        NotReproduced: they differ, or it is not known; with the likeliest cause first.
        FailedAlike: both failed, in the same way.
    """
    a, b = found.original[:8], found.again[:8]
    if found.failed_alike:
        raise FailedAlike(f"{failing} failed the same way", hint=f"reprise runs logs {b}")
    if not found.reproduced:
        cause = f"{found.causes[0]}; " if found.causes else ""
        raise NotReproduced(f"{what}: {cause}{found.sentence}", hint=f"reprise diff {a} {b}")
