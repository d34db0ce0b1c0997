"""The files of two runs: by digest, and those that differ by what they mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeAlias

from reprise.errors import TrackingError
from reprise.file_lock import scratch
from reprise.named_tuple import NamedTuple
from reprise.runner.verdict.files.kinds import compare_files
from reprise.runner.verdict.files.readings import Readings, ReadingsByProcess, settle
from reprise.runner.verdict.looking import Looking
from reprise.runner.verdict.mlmodel import models
from reprise.runner.verdict.recorded import Recorded
from reprise.runner.verdict.values import IDENTICAL, Finding, Part, diverged, part, unknown
from reprise.runner.verdict.words.names import match_names
from reprise.schemas.tolerance import EXACT, Tolerance


class _Comparison(NamedTuple):
    """Two runs whose files are compared."""

    a: Recorded
    b: Recorded
    tolerance: Tolerance
    readings: Readings

    def looking_at(self, name: str) -> Looking:
        closeness = self.tolerance.of_artifact(name) or EXACT
        return Looking(
            closeness, self.a.aside(self.b), self.b.aside(self.a), self.tolerance, readings=self.readings
        )

    def part(self, kind: str, name: str, finding: Finding) -> Part:
        return part(kind, name, finding, decides=self.tolerance.of_artifact(name) is not None)


_Compare: TypeAlias = Callable[[_Comparison], Part]


def compare_artifacts(a: Recorded, b: Recorded, tolerance: Tolerance) -> Iterator[Part]:
    """Each file of the two runs; a folder that is an MLflow model is one part.

    A name that differs only in what is of one run alone (an id, a time) is the same name.
    """
    sides = a.aside(b), b.aside(a)
    roots_a, roots_b = models.find_roots(a.paths()), models.find_roots(b.paths())
    files_a, files_b = _outside(a.paths(), roots_a), _outside(b.paths(), roots_b)
    compare: list[_Compare] = [
        partial(_compare_roots, *pair) for pair in match_names(roots_a, roots_b, *sides)
    ]
    compare += [partial(_compare_paths, *pair) for pair in match_names(files_a, files_b, *sides)]
    yield from sorted(
        _settled(compare, a, b, tolerance), key=lambda found: (found.kind != "model", found.name)
    )


def compare_logged_models(a: Recorded, b: Recorded, tolerance: Tolerance) -> Iterator[Part]:
    """The models that MLflow 3 keeps beside runs, by name; those that it named itself by their order."""
    names = models.match_models([*a.models], [*b.models], a.aside(b), b.aside(a))
    yield from _settled([partial(_compare_logged, *pair) for pair in names], a, b, tolerance)


def _settled(compare: Sequence[_Compare], a: Recorded, b: Recorded, tolerance: Tolerance) -> Iterator[Part]:
    """The parts, once it is known what libraries say of their files."""
    from reprise.runner.verdict.mlmodel.entering import reading_places

    with scratch() as folder:
        readings = ReadingsByProcess(folder, reading_places(a, b))
        comparison = _Comparison(a, b, tolerance, readings)
        yield from settle([partial(each, comparison) for each in compare], readings)


def _outside(paths: Sequence[str], roots: Sequence[str]) -> list[str]:
    return [path for path in paths if models.root_of(path, roots) is None]


def _compare_roots(one: str | None, other: str | None, of: _Comparison) -> Part:
    """Two folders of artifacts that hold a model; None is one that the run has not."""
    title = (other if one is None else one) or "artifacts"
    if one is None or other is None:
        return of.part("model", title, _missing(one))
    found = models.compare_models(
        models.Model(of.a, None, one), models.Model(of.b, None, other), of.looking_at(title)
    )
    return of.part("model", title, _named(found, one, other))


def _compare_logged(one: str | None, other: str | None, of: _Comparison) -> Part:
    title = (other if one is None else one) or ""
    if one is None or other is None:
        return of.part("model", title, _missing(one))
    left = models.Model(of.a, of.a.models[one].model_id, "")
    right = models.Model(of.b, of.b.models[other].model_id, "")
    return of.part(
        "model", title, _named(models.compare_models(left, right, of.looking_at(title)), one, other)
    )


def _compare_paths(one: str | None, other: str | None, of: _Comparison) -> Part:
    title = (other if one is None else one) or ""
    for run, path in ((of.a, one), (of.b, other)):
        if path is not None and run.is_gone(path):
            return of.part("artifact", title, unknown(f"it is gone from run {run.run_id[:8]}"))
    if one is None or other is None:
        return of.part("artifact", title, _missing(one))
    return of.part("artifact", title, _named(_compare_bytes(one, other, of), one, other))


def _missing(one: str | None) -> Finding:
    return diverged(note="is new" if one is None else "is missing")


def _named(found: Finding, one: str, other: str) -> Finding:
    """``found`` of two things whose names are the same but for what is of one run alone."""
    return (
        found
        if one == other
        else found._replace(note="; ".join(filter(None, (f"now {other}", found.note))))
    )


def _compare_bytes(one: str, other: str, of: _Comparison) -> Finding:
    try:
        if of.a.digest(one) == of.b.digest(other):
            return IDENTICAL
        found = compare_files(one, of.a.read(one), of.b.read(other), of.looking_at(one))
    except (TrackingError, OSError) as error:
        return unknown(f"it cannot be read: {error}")
    if found == IDENTICAL:  # though the digests were not the same
        return unknown("its bytes changed while they were compared")
    return found
