"""The files of two runs: by digest, and those that differ by what they mean."""

from __future__ import annotations

from collections.abc import Iterator

from reprise.errors import TrackingError
from reprise.runner.verdict import models
from reprise.runner.verdict.kinds import Looking, compare_files
from reprise.runner.verdict.recorded import Recorded
from reprise.runner.verdict.values import IDENTICAL, Finding, Part, diverged, part, unknown
from reprise.schemas.tolerance import EXACT, Tolerance


def compare_artifacts(a: Recorded, b: Recorded, tolerance: Tolerance) -> Iterator[Part]:
    """Each file of the two runs; a folder that is an MLflow model is one part."""
    paths = sorted({*a.paths(), *b.paths()})
    roots = models.roots(paths)
    for root in roots:
        one, other = models.Model(a, None, root), models.Model(b, None, root)
        yield models.compare_model(root or "artifacts", one, other, tolerance)
    for path in paths:
        if models.root_of(path, roots) is None:
            decides = tolerance.of_artifact(path) is not None
            yield part("artifact", path, _compare(path, a, b, tolerance), decides=decides)


def compare_logged_models(a: Recorded, b: Recorded, tolerance: Tolerance) -> Iterator[Part]:
    """The models that MLflow 3 keeps beside runs, by name."""
    for name in [*a.models, *(name for name in b.models if name not in a.models)]:
        one, other = a.models.get(name), b.models.get(name)
        if one is None or other is None:
            found = diverged(note="is new" if one is None else "is missing")
            yield part("model", name, found, decides=tolerance.of_artifact(name) is not None)
            continue
        left, right = models.Model(a, one.model_id, ""), models.Model(b, other.model_id, "")
        yield models.compare_model(name, left, right, tolerance)


def _compare(path: str, a: Recorded, b: Recorded, tolerance: Tolerance) -> Finding:
    for run in (a, b):
        if run.is_gone(path):
            return unknown(f"it is gone from run {run.run_id[:8]}")
    if path not in a.files() or path not in b.files():
        return diverged(note="is new" if path in b.files() else "is missing")
    try:
        if a.digest(path) == b.digest(path):
            return IDENTICAL
        looking = Looking(tolerance.of_artifact(path) or EXACT, a.aside(b), b.aside(a))
        found = compare_files(path, a.read(path), b.read(path), looking)
    except (TrackingError, OSError) as error:
        return unknown(f"it cannot be read: {error}")
    if found == IDENTICAL:  # though the digests were not the same
        return unknown("its bytes changed while they were compared")
    return found
