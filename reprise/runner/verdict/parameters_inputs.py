"""What two runs were given: parameters, and the inputs that they read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reprise.runner.capture.inputs import name_changes
from reprise.runner.planning.bind import MASK
from reprise.runner.verdict.numbers import compare_numbers
from reprise.runner.verdict.observed import compare_observed
from reprise.runner.verdict.recorded import Recorded
from reprise.runner.verdict.values import (
    IDENTICAL,
    Finding,
    Part,
    make_diverged,
    make_part,
    make_unknown,
    set_aside,
)
from reprise.runner.verdict.words.known_texts import mark_names
from reprise.schemas.faults import shorten_text
from reprise.schemas.record.run_record import InputRecord
from reprise.schemas.tolerance import EXACT, Tolerance

_CUT = 6000
"""Characters after which a param of a store elsewhere may have been cut."""


def compare_parameters(a: Recorded, b: Recorded, tolerance: Tolerance) -> Iterator[Part]:
    """Those of the entry point and those that the script logged, as text; and the seeds.

    Parameters of the entry point are never set aside by name, and their text counts exactly. Secrets do not
    decide, because their values are never recorded; nor do seeds, which every run draws again: the results
    show their effect.
    """
    secrets = {name for run in (a, b) for name, value in _parameter_values(run).items() if value is None}
    one, other = ({**run.run.params, **_parameter_values(run)} for run in (a, b))
    for name in [*one, *(name for name in other if name not in one)]:
        kind = None if is_declared(name, a, b) else tolerance.kind_set_aside(name)
        if name in secrets:
            yield make_part(
                "parameter", name, make_unknown("it is a secret: its value is not recorded"), decides=False
            )
        elif kind:
            yield make_part("parameter", name, set_aside(kind, name))
        elif name not in one or name not in other:
            yield make_part(
                "parameter", name, make_diverged(note="is new" if name in other else "is missing")
            )
        else:
            found = _compare_texts(one[name] or "", other[name] or "", a, b, name, tolerance)
            yield make_part("parameter", name, found)
    yield from _compare_seeds(a, b)


def is_declared(name: str, a: Recorded, b: Recorded) -> bool:
    """Whether it is a parameter of the entry point: given to the run, and no result of it."""
    return name in _parameter_values(a) or name in _parameter_values(b)


def _parameter_values(run: Recorded) -> Mapping[str, str | None]:
    """The parameters of the entry point with their whole texts; None for a secret."""
    return {item.name: item.value for item in run.record.parameters} if run.record else {}


def _compare_texts(
    a: str, b: str, one: Recorded, other: Recorded, name: str, tolerance: Tolerance
) -> Finding:
    declared = name in _parameter_values(one) and name in _parameter_values(other)
    if a != b:
        if declared and not one.is_nested:  # the user gave it
            return make_diverged(note=f'"{shorten_text(b)}", was "{shorten_text(a)}"')
        return compare_logged_texts(a, b, one, other, tolerance)
    if a == MASK and not (one.record and other.record):
        return make_unknown("it may be a secret, whose value is not recorded")
    if len(a) >= _CUT and not declared:
        return make_unknown(f"it may have been cut behind {_CUT} characters when it was logged")
    return IDENTICAL


def compare_logged_texts(a: str, b: str, one: Recorded, other: Recorded, tolerance: Tolerance) -> Finding:
    """Two texts that are not equal: but for the ids and places of their runs; or numbers by tolerance."""
    if mark_names(a, one.make_aside(other)) == mark_names(b, other.make_aside(one)):
        return IDENTICAL._replace(note="but for what is of one run alone")
    was, found = _parse_number(a), _parse_number(b)
    if was is not None and found is not None:
        if was == found == 0:
            return IDENTICAL
        if tolerance.default != EXACT:
            return Finding(compare_numbers(was, found, tolerance.default), note=f"{b}, was {a}")
    return make_diverged(note=f'"{shorten_text(b)}", was "{shorten_text(a)}"')


def _parse_number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _compare_seeds(a: Recorded, b: Recorded) -> Iterator[Part]:
    if a.record is None or b.record is None:
        return
    one, other = a.record.seeds, b.record.seeds
    for name in sorted({*one, *other}):
        was, found = one.get(name), other.get(name)
        finding = (
            IDENTICAL if was == found else make_diverged(note=f"{found or 'unset'}, was {was or 'unset'}")
        )
        yield make_part("parameter", name, finding, decides=False)


def compare_inputs(a: Recorded, b: Recorded) -> Iterator[Part]:
    """Files, folders and datasets by their digests, and what else the runs were seen to read."""
    for run in (a, b):
        if run.record is None:
            reason = f"what run {run.run_id[:8]} read is not known: {run.record_fault}"
            yield make_part("input", "", make_unknown(reason))
            return
    one, other = inputs_by_name(a), inputs_by_name(b)
    for name in [*one, *(name for name in other if name not in one)]:
        yield make_part("input", name, _compare_inputs(one.get(name), other.get(name)))
    yield from compare_observed(a, b)


def inputs_by_name(run: Recorded) -> dict[str, InputRecord]:
    """By name; of several datasets of one name, by name and number."""
    assert run.record is not None
    found: dict[str, InputRecord] = {}
    recorded = [(item.name, item) for item in run.record.inputs]
    datasets = [
        (
            item.dataset.name,
            InputRecord(item.dataset.name, item.dataset.source, "dataset", None, item.dataset.digest),
        )
        for item in run.run.dataset_inputs
    ]
    if any(item.kind == "dataset" for _, item in recorded):
        datasets = []  # the record has them from there
    for name, item in [*recorded, *datasets]:
        alike = sum(1 for known in found if known == name or known.startswith(f"{name} #"))
        found[f"{name} #{alike + 1}" if alike else name] = item
    return found


def _compare_inputs(a: InputRecord | None, b: InputRecord | None) -> Finding:
    if a is None or b is None:
        return make_diverged(note="is new" if a is None else "is missing")
    if a.digest is None or b.digest is None:
        return make_unknown("its digest is not recorded")
    if a.digest == b.digest and a.kind == b.kind:
        return IDENTICAL
    shown = [f"{item.kind} {item.digest}"[:40] for item in (b, a)]
    where = name_changes(a.files, b.files) if a.files and b.files else ""
    return make_diverged(where, note=f"{shown[0]}, was {shown[1]}")
