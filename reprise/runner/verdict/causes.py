"""Why two runs differ, as far as their records know; and why a comparison of them is less than whole."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from reprise.runner.verdict.observed import VARIABLE
from reprise.runner.verdict.parameters_inputs import is_declared
from reprise.runner.verdict.recorded import Recorded
from reprise.runner.verdict.values import Agreement, ChildVerdict, Part
from reprise.schemas import tags
from reprise.schemas.faults import on_one_line
from reprise.schemas.job import RunStatus
from reprise.schemas.record.run_record import LeftOut, MachineRecord

_MOST = 6  # maximum number of causes
_LISTED = 3  # files that were not kept
_LONGEST = 300  # characters of an error
_WENT_IN = ("source", "environment", "input")
_WORD = re.compile(r"[\w./-]+")


def find_reservations(a: Recorded, b: Recorded) -> Iterator[str]:
    """What is to be known of the runs before the verdict on them is read."""
    for run in (a, b):
        name = f"run {run.run_id[:8]}"
        if run.run.status == RunStatus.KILLED:
            yield f"{name} was killed: it left what it had by then"
        if run.record is None:
            yield f"{name} is not recorded: {run.record_fault}"
            continue
        if run.record.started is not None and run.record.started > run.run.start_time:
            yield f"{name} was resumed: it holds what several attempts left"
        if run.record.ended is None and run.has_ended:
            yield f"the record of {name} was never finished"
        if left_out := run.record.source.left_out:
            yield f"the record of {name} is not whole: {_list_left_out(left_out)}"


def find_causes(
    a: Recorded, b: Recorded, parts: Sequence[Part], children: Sequence[ChildVerdict]
) -> tuple[str, ...]:
    """Known reasons why ``b`` came out otherwise than ``a``, the likeliest first."""
    found = dict.fromkeys(
        [
            *_of_a_failure(a, b),
            *_of_parameters(a, b, parts),
            *_of_what_went_in(parts),
            *_of_children(children, ""),
            *_of_the_machines(a, b),
            *_of_seeds(parts),
        ]
    )
    return tuple(found)[:_MOST]


def _of_a_failure(a: Recorded, b: Recorded) -> Iterator[str]:
    """What run ``b`` died of, when ``a`` did not; first a file that was not kept and that it names."""
    if not b.has_failed or a.has_failed:
        return
    lines = b.run.tags.get(tags.REASON, "").strip().splitlines()
    last = on_one_line(lines[-1]) if lines else ""
    left_out = a.record.source.left_out if a.record else ()
    named = [item for item in left_out if _is_named(item.path, last)]
    if named:
        yield _list_left_out(named)
    yield f"run {b.run_id[:8]} {b.run.status}" + (f": {last[:_LONGEST]}" if last else "")


def _is_named(path: str, text: str) -> bool:
    """Whether an error names the file, or the module that it is."""
    stem = path.rpartition("/")[2].removesuffix(".py")
    return any(word == stem or word.endswith(path) for word in _WORD.findall(text))


def _list_left_out(left_out: Sequence[LeftOut]) -> str:
    shown = ", ".join(f"{item.path} was not kept ({item.reason})" for item in left_out[:_LISTED])
    more = len(left_out) - _LISTED
    return f"{shown} and {more} more" if more > 0 else shown


def _of_what_went_in(parts: Iterable[Part]) -> Iterator[str]:
    """Source, environment, inputs and variables that are known to differ; those that decide come first."""
    known = [item for item in parts if item.kind in _WENT_IN and item.agreement is Agreement.DIVERGED]
    yield from (f"{item.kind} {item.name}".strip() + f": {item.note}" for item in known if item.decides)
    for item in known:
        if not item.decides and item.name.startswith(VARIABLE):
            yield f"{item.name} {item.note}"


def _of_parameters(a: Recorded, b: Recorded, parts: Iterable[Part]) -> Iterator[str]:
    """Those that were given to the runs; what a script logs is what came out."""
    for item in parts:
        known = item.kind == "parameter" and item.decides and item.agreement is Agreement.DIVERGED
        if known and is_declared(item.name, a, b):
            yield f"parameter {item.name}: {item.note}"


def _of_children(children: Iterable[ChildVerdict], above: str) -> Iterator[str]:
    for child in children:
        path = f"{above}{child.name}"
        yield from (f"child run {path}: {cause}" for cause in _of_what_went_in(child.parts))
        yield from _of_children(child.children, f"{path} -> ")


def _of_the_machines(a: Recorded, b: Recorded) -> Iterator[str]:
    one, other = (run.record.machine if run.record else None for run in (a, b))
    if one is None or other is None:
        return
    for name in sorted({*one.variables, *other.variables}):
        was, found = one.variables.get(name), other.variables.get(name)
        if was != found:
            yield f"environment variable {name} is {found or 'not set'}, was {was or 'not set'}"
    for title, was, found in _machine_pairs(one, other):
        if was != found:
            yield f"another {title}: {found}, was {was}"


def _machine_pairs(a: MachineRecord, b: MachineRecord) -> Iterator[tuple[str, str, str]]:
    """What of two machines bears on numbers."""
    yield "architecture", a.architecture, b.architecture
    yield "CPU", a.cpu, b.cpu
    yield "number of cores", str(a.cores), str(b.cores)
    yield "GPU", _name_gpus(a), _name_gpus(b)
    yield "operating system", a.os, b.os


def _name_gpus(machine: MachineRecord) -> str:
    return ", ".join(f"{gpu.name} {gpu.driver or ''}".strip() for gpu in machine.gpus) or "none"


def _of_seeds(parts: Iterable[Part]) -> Iterator[str]:
    for item in parts:
        if item.kind == "parameter" and not item.decides and item.agreement is Agreement.DIVERGED:
            yield f"{item.name} is {item.note}"
