"""The files of two runs: by digest, and those that differ by what they mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeAlias

from reprise.errors import TrackingError
from reprise.file_lock import scratch
from reprise.named_tuple import NamedTuple
from reprise.runner.verdict.comparison_rules import Looking
from reprise.runner.verdict.files.compare_files import compare_files
from reprise.runner.verdict.files.readings import Readings, ReadingsByProcess, settle_comparisons
from reprise.runner.verdict.mlmodel import models
from reprise.runner.verdict.recorded import Recorded
from reprise.runner.verdict.values import IDENTICAL, Finding, Part, make_diverged, make_part, make_unknown
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
            closeness,
            self.a.make_aside(self.b),
            self.b.make_aside(self.a),
            self.tolerance,
            readings=self.readings,
        )

    def make_part(self, kind: str, name: str, finding: Finding) -> Part:
        return make_part(kind, name, finding, decides=self.tolerance.of_artifact(name) is not None)


_Compare: TypeAlias = Callable[[_Comparison], Part]


def compare_artifacts(a: Recorded, b: Recorded, tolerance: Tolerance) -> Iterator[Part]:
    """Each file of the two runs; a folder that is an MLflow model is one part.

    A name that differs only in what is of one run alone (an id, a time) is the same name.
    """
    sides = a.make_aside(b), b.make_aside(a)
    roots_a, roots_b = models.find_roots(a.list_paths()), models.find_roots(b.list_paths())
    files_a, files_b = _paths_outside(a.list_paths(), roots_a), _paths_outside(b.list_paths(), roots_b)
    compare: list[_Compare] = [
        partial(_compare_roots, *pair) for pair in match_names(roots_a, roots_b, *sides)
    ]
    compare += [partial(_compare_paths, *pair) for pair in match_names(files_a, files_b, *sides)]
    yield from sorted(
        _settle_parts(compare, a, b, tolerance), key=lambda found: (found.kind != "model", found.name)
    )


def compare_logged_models(a: Recorded, b: Recorded, tolerance: Tolerance) -> Iterator[Part]:
    """The models that MLflow 3 keeps beside runs, by name; those that it named itself by their order."""
    names = models.match_models([*a.models], [*b.models], a.make_aside(b), b.make_aside(a))
    yield from _settle_parts([partial(_compare_logged, *pair) for pair in names], a, b, tolerance)


def _settle_parts(
    compare: Sequence[_Compare], a: Recorded, b: Recorded, tolerance: Tolerance
) -> Iterator[Part]:
    """The parts, once it is known what libraries say of their files."""
    from reprise.runner.verdict.mlmodel.entering import reading_places

    with scratch() as folder:
        readings = ReadingsByProcess(folder, reading_places(a, b))
        comparison = _Comparison(a, b, tolerance, readings)
        yield from settle_comparisons([partial(each, comparison) for each in compare], readings)


def _paths_outside(paths: Sequence[str], roots: Sequence[str]) -> list[str]:
    return [path for path in paths if models.root_of(path, roots) is None]


def _compare_roots(one: str | None, other: str | None, of: _Comparison) -> Part:
    """Compare two artifact folders with a model; None if the run does not have it."""
    title = (other if one is None else one) or "artifacts"
    if one is None or other is None:
        return of.make_part("model", title, _find_missing(one))
    found = models.compare_models(
        models.Model(of.a, None, one), models.Model(of.b, None, other), of.looking_at(title)
    )
    return of.make_part("model", title, _name_both(found, one, other))


def _compare_logged(one: str | None, other: str | None, of: _Comparison) -> Part:
    title = (other if one is None else one) or ""
    if one is None or other is None:
        return of.make_part("model", title, _find_missing(one))
    left = models.Model(of.a, of.a.models[one].model_id, "")
    right = models.Model(of.b, of.b.models[other].model_id, "")
    return of.make_part(
        "model", title, _name_both(models.compare_models(left, right, of.looking_at(title)), one, other)
    )


def _compare_paths(one: str | None, other: str | None, of: _Comparison) -> Part:
    title = (other if one is None else one) or ""
    for run, path in ((of.a, one), (of.b, other)):
        if path is not None and run.is_gone(path):
            return of.make_part(
                "artifact", title, make_unknown(f"it was removed from run {run.run_id[:8]}")
            )
    if one is None or other is None:
        return of.make_part("artifact", title, _find_missing(one))
    return of.make_part("artifact", title, _name_both(_compare_bytes(one, other, of), one, other))


def _find_missing(one: str | None) -> Finding:
    return make_diverged(note="is new" if one is None else "is missing")


def _name_both(found: Finding, one: str, other: str) -> Finding:
    """``found`` of two things whose names are the same but for what is of one run alone."""
    return (
        found
        if one == other
        else found._replace(note="; ".join(filter(None, (f"now {other}", found.note))))
    )


def _compare_bytes(one: str, other: str, of: _Comparison) -> Finding:
    try:
        if of.a.digest_file(one) == of.b.digest_file(other):
            return IDENTICAL
        found = compare_files(one, of.a.read_file(one), of.b.read_file(other), of.looking_at(one))
    except (TrackingError, OSError) as error:
        return make_unknown(f"it cannot be read: {error}")
    if found == IDENTICAL:  # though the digests were not the same
        return make_unknown("its bytes changed while they were compared")
    return found
