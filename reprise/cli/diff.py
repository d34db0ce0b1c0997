"""``reprise diff``: what differs between two runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from reprise.cli import show
from reprise.cli.options import json_option, opened, tracking_option
from reprise.legible import make_legible, make_legible_line

if TYPE_CHECKING:
    from reprise.runner.verdict.changes import Change, RunDifferences

_NONE = "-"
_WIDEST = 60


@click.command()
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.option("--all", "all_", is_flag=True, help="Also show what is the same.")
@tracking_option
@json_option
def diff(a: str, b: str, all_: bool, tracking_uri: str | None, json_: bool) -> None:
    """Show the differences between the runs A and B, including uncommitted changes.

    A run is a run id or its prefix, or @last.
    """
    from reprise.runner.verdict import diff_runs

    with opened(tracking_uri) as tracking:
        changes = diff_runs(tracking, a, b, everything=all_)
    if json_:
        show.as_json(changes)
        return
    titles = [run_id[:8] for run_id in (changes.a, changes.b)]
    if not _show(changes, titles, all_):
        show.print_note("No differences")


def _show(found: RunDifferences, titles: Sequence[str], all_: bool) -> bool:
    """Print the blocks that are not empty; return whether there were any."""
    blocks = [*_blocks(found)]
    source = found.source
    if source.diff or source.note or source.a != source.b or all_:
        _title("Source")
        show.table(("", *titles), [("", source.a, source.b)])
        if source.note:
            show.print_line(f"  {source.note}")
        for line in source.diff.splitlines():
            click.echo(_coloured(make_legible(line.expandtabs())))
    for title, rows in blocks:
        click.echo()
        _title(title)
        show.table(("", *titles, ""), rows)
    return bool(blocks or source.diff or source.note or source.a != source.b or all_)


def _blocks(found: RunDifferences) -> Iterator[tuple[str, list[tuple[str, ...]]]]:
    note = [(found.environment_note, "", "", "")] if found.environment_note else []
    for title, items, more in (
        ("Environment", found.environment, note),
        ("Parameters", found.parameters, []),
        ("Inputs", found.inputs, []),
        ("Metrics", found.metrics, []),
        ("Artifacts", found.artifacts, []),
        ("Outcome", found.outcome, []),
        ("Machine", found.machine, []),
    ):
        if rows := [*more, *(_row(item) for item in items)]:
            yield title, rows


def _row(item: Change) -> tuple[str, ...]:
    cells = (_NONE if value is None else _shortened(value) for value in (item.a, item.b))
    return item.name, *cells, item.note


def _shortened(text: str) -> str:
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 3]}..."


def _title(text: str) -> None:
    click.echo(click.style(make_legible_line(text), bold=True))


def _coloured(line: str) -> str:
    colours = {"+": "green", "-": "red", "@": "cyan"}
    bare = line.startswith(("+++", "---"))
    return click.style(line, bold=True) if bare else click.style(line, fg=colours.get(line[:1]))
