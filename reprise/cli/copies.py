"""How ``reprise import`` and ``reprise push`` copy, compare, and show the census."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from reprise import progress
from reprise.cli import show
from reprise.errors import RepriseError
from reprise.legible import make_legible_line

if TYPE_CHECKING:
    from reprise.tracking.copy.census import Census, CensusLine
    from reprise.tracking.protocols.copying import CopySource, Destination, Fault

log = logging.getLogger(__name__)

_HEAD = ("KIND", "IN THE SOURCE", "ARRIVED", "DIFFERENT", "LEFT OUT")


def copy(
    source: CopySource,
    destination: Destination,
    *,
    artifacts: bool,
    writes: bool = True,
    with_deleted: bool = True,
) -> Census:
    """Copy everything from the source, or only compare it when ``writes`` is False."""
    from reprise.tracking.copy.transfer import Transfer

    with progress.spinner(f"Looking at {source.uri}") as say:
        transfer = Transfer(
            source, destination, artifacts=artifacts, writes=writes, with_deleted=with_deleted, say=say
        )
        return transfer.transfer_all()


def show_census(census: Census, *, json_: bool) -> None:
    """Print the differences to stderr and the table to stdout."""
    for note in census.notes:
        show.print_note(note)
    hinted: set[str | None] = {None}
    for difference in census.differences:
        hint = f" ({difference.hint})" if difference.hint not in hinted else ""
        hinted.add(difference.hint)
        log.warning("%s%s", _told(difference), hint)
    if json_:
        show.as_json(_as_object(census))
    else:
        lines = [line for line in census.lines if line.source or line.unknown]
        show.table(_HEAD, [_cells(line) for line in lines])


def tell_copied(done: str, census: Census, start: float) -> None:
    """Print what was ``done`` (``Imported``, ``Pushed``) since ``start``, a ``time.monotonic()``."""
    runs = show.counted(census.new, "run")
    there = f", {census.there} were there already" if census.there else ""
    took = show.duration(time.monotonic() - start)
    show.print_note(f"{done} {runs} into {census.destination} in {took}{there}; {_differences(census)}")


def refuse_differences(census: Census) -> None:
    """Raise RepriseError if anything is missing or different."""
    if census.differences:
        raise RepriseError(
            f"{census.destination} does not have everything in {census.source}: {_differences(census)}",
            hint="run the same command again to retry what failed",
        )


def _differences(census: Census) -> str:
    number = len(census.differences)
    return f"{show.counted(number, 'difference')}, listed above" if number else "nothing is missing"


def _told(difference: Fault) -> str:
    name = f" {difference.name}:" if difference.name else ""
    return make_legible_line(f"{difference.owner}:{name} {difference.reason}")


def _cells(line: CensusLine) -> tuple[str, ...]:
    numbers = (line.source, line.arrived, line.different, line.left_out)
    cells = [show.size(number) if line.kind == "bytes" else f"{number:,}" for number in numbers]
    if line.unknown:
        cells[-1] += f", and those of {line.unknown:,}"
    return line.kind, *cells


def _as_object(census: Census) -> dict[str, object]:
    """Return the census as documented in docs/how-to/import-from-mlflow.md."""
    return {
        "source": census.source,
        "destination": census.destination,
        "census": {
            line.kind.replace(" ", "_"): {
                "source": line.source,
                "arrived": line.arrived,
                "different": line.different,
                "left_out": line.left_out,
                "not_known": line.unknown,
            }
            for line in census.lines
        },
        "new_runs": census.new,
        "known_runs": census.there,
        "differences": census.differences,
        "notes": census.notes,
    }
