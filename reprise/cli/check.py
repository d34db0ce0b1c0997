"""``reprise check``: all faults of a project's files, and what makes its runs hard to reproduce."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

import click

from reprise.cli import show
from reprise.cli.options import json_option, refused_python

if TYPE_CHECKING:
    from reprise.runner.lint.checking import CheckReport
    from reprise.runner.lint.findings import LintFinding


@click.command()
@click.argument("uri", default=".")
@click.option("-v", "--version", metavar="REF", help="Branch, tag or commit of a git project.")
@click.option(
    "--strict",
    is_flag=True,
    help="Fail on warnings, and on anything that makes runs hard to reproduce.",
)
@refused_python(
    "check does not create an environment",
    "use reprise run URI --dry-run --python VERSION to check whether that Python is available",
)
@json_option
def check(uri: str, version: str | None, strict: bool, json_: bool) -> int:
    """Check the MLproject file at URI and its environment file for errors.

    With --strict, also check for anything that makes runs hard to reproduce, with the reason and a fix.
    """
    from reprise.runner.lint.checking import check_project

    report = check_project(uri, version, strict=strict)
    if json_:
        lines: dict[str, Any] = {"faults": report.faults, "warnings": report.warnings}
        show.as_json(lines | ({"findings": [_as_dict(item) for item in report.findings]} if strict else {}))
    else:
        _show(report)
    return 0 if report.passed else 2


def _show(report: CheckReport) -> None:
    for line in report.faults:
        show.print_line(line, label=click.style("fault", fg="red", bold=True))
    for line in report.warnings:
        show.print_line(line, label=click.style("warning", fg="yellow", bold=True))
    for (name, reason, fix), alike in groupby(
        report.findings, lambda item: (item.name, item.reason, item.fix)
    ):
        for item in alike:
            show.print_line(f"{item.place}  {item.what}", label=click.style(name, fg="red", bold=True))
        show.print_line(f"  why: {reason}")
        show.print_line(f"  fix: {fix}")
    if report.findings:
        files = len({item.file for item in report.findings})
        show.print_note(f"{show.counted(len(report.findings), 'finding')} in {show.counted(files, 'file')}")
    if not report.faults:
        show.print_note(f"no faults in {report.checked}")


def _as_dict(item: LintFinding) -> dict[str, Any]:
    return {
        "name": item.name,
        "file": item.file,
        "line": item.line or None,
        "what": item.what,
        "reason": item.reason,
        "fix": item.fix,
    }
