"""``reprise check``: every fault of a project's files at once."""

from __future__ import annotations

import click

from reprise import paths
from reprise.cli import show
from reprise.cli.options import json_option


@click.command()
@click.argument("uri", default=".")
@click.option("-v", "--version", metavar="REF", help="Branch, tag or commit of a git project.")
@click.option("--strict", is_flag=True, help="Warnings (unknown or misplaced keys) are faults too.")
@json_option
def check(uri: str, version: str | None, strict: bool, json_: bool) -> int:
    """Tell every fault of the MLproject at URI and of its environment file."""
    from reprise.runner import sources
    from reprise.schemas.check import check as check_project

    checkout = sources.fetch(uri, version, paths.here())
    try:
        report = check_project(checkout.path, strict=strict)
    finally:
        sources.discard(checkout)
    if json_:
        show.as_json({"faults": report.faults, "warnings": report.warnings})
    else:
        for line in report.faults:
            click.echo(f"{click.style('fault', fg='red', bold=True)}: {line}")
        for line in report.warnings:
            click.echo(f"{click.style('warning', fg='yellow', bold=True)}: {line}")
        if not report.faults:
            click.echo(f"no faults in {report.checked}", err=True)
    return 2 if report.faults else 0
