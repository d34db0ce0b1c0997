"""The lineage of a model's version as a tree for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from reprise.cli import show
from reprise.legible import make_legible_line
from reprise.named_tuple import NamedTuple

if TYPE_CHECKING:
    from reprise.runner.models.lineage import KnownReproduction, Lineage, LineageOrigin
    from reprise.schemas.entities import ModelVersion, Run
    from reprise.schemas.record.run_record import InputRecord, ParameterRecord

_DIGITS = 12  # of a digest or a commit
_MOST = 20  # lines of one kind
_LONGEST = 300  # characters of a text


class _Node(NamedTuple):
    label: str
    text: str
    children: tuple[_Node, ...] = ()


def draw(found: Lineage) -> None:
    """Print the tree to stdout, and what is not known to stderr."""
    click.echo(click.style(make_legible_line(_title(found.version)), bold=True))
    for line in _lines(list(_of_version(found))):
        click.echo(line)
    for note in found.notes:
        show.print_note(f"note: {note}")


def _title(version: ModelVersion) -> str:
    names = [f"@{alias}" for alias in version.aliases]
    if version.current_stage != "None":
        names.append(version.current_stage)
    meaning = f" ({', '.join(names)})" if names else ""
    return f"{version.name} version {version.version}{meaning}"


def _of_version(found: Lineage) -> Iterator[_Node]:
    version, model = found.version, found.logged_model
    yield _Node("created", show.ago(version.creation_time))
    if version.description:
        yield _Node("description", version.description)
    yield _Node("source", version.source)
    if model is not None:
        known = () if found.run else tuple(_of_origin(found.origin))
        yield _Node("logged model", f"{model.model_id} {model.name}", known)
    if found.run is not None:
        yield _Node("run", _run(found.run), tuple(_of_run(found)))


def _of_run(found: Lineage) -> Iterator[_Node]:
    if found.parent is not None:
        yield _Node("step of", _run(found.parent))
    yield from _of_origin(found.origin)
    for again in found.reproductions[:_MOST]:
        yield _Node("reproduced by", _reproduction(again))
    yield from _rest("reproduced by", len(found.reproductions))


def _of_origin(origin: LineageOrigin) -> Iterator[_Node]:
    if origin.project or origin.entry_point:
        entry_point = f"entry point {origin.entry_point}" if origin.entry_point else ""
        yield _Node("project", ", ".join(filter(None, (origin.project, entry_point))))
    if origin.source:
        yield _Node("source", origin.source)
    if origin.commit:
        dirty = " with uncommitted changes" if origin.dirty else ""
        yield _Node("commit", f"{origin.commit[:_DIGITS]}{dirty}")
    for given in origin.parameters[:_MOST]:
        yield _Node("parameter", _parameter(given))
    yield from _rest("parameter", len(origin.parameters))
    if origin.environment:
        yield _Node("environment", f"{origin.environment.manager} {_short(origin.environment.digest)}")
    for read in origin.inputs[:_MOST]:
        yield _Node("data", _input(read))
    yield from _rest("data", len(origin.inputs))


def _rest(label: str, count: int) -> Iterator[_Node]:
    if count > _MOST:
        yield _Node(label, f"and {count - _MOST:,} more; --json lists all")


def _run(run: Run) -> str:
    gone = ", deleted" if run.lifecycle_stage == "deleted" else ""
    return f"{run.run_id[:8]} {run.run_name}, {run.status}{gone}, {show.ago(run.start_time)}"


def _reproduction(again: KnownReproduction) -> str:
    return f"{again.run_id[:8]} {again.run_name}: {again.verdict or 'no verdict'}"


def _parameter(given: ParameterRecord) -> str:
    return f"{given.name}={'***' if given.secret else given.value}"


def _input(read: InputRecord) -> str:
    digest = _short(read.digest) or "no digest"
    return " ".join(filter(None, (read.name, read.uri if read.uri != read.name else "", digest)))


def _short(digest: str | None) -> str:
    return (digest or "").removeprefix("sha256:")[:_DIGITS]


def _cut(text: str) -> str:
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST]}… ({len(text):,} characters; --json has all)"


def _lines(nodes: Sequence[_Node], before: str = "") -> Iterator[str]:
    width = max((len(node.label) for node in nodes), default=0)
    for node in nodes:
        is_last = node is nodes[-1]
        text = f"{node.label.ljust(width)}  {_cut(make_legible_line(node.text))}".rstrip()
        yield f"{before}{'└─' if is_last else '├─'} {text}"
        yield from _lines(node.children, before + ("   " if is_last else "│  "))
