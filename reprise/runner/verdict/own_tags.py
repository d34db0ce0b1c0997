"""The tags set by the runs' scripts; those of MLflow and of reprise are not results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reprise.runner.verdict.parameters_inputs import compare_logged_texts
from reprise.runner.verdict.recorded import Recorded
from reprise.runner.verdict.values import IDENTICAL, Part, make_diverged, make_part, set_aside
from reprise.schemas import tags
from reprise.schemas.tolerance import Tolerance


def compare_own_tags(a: Recorded, b: Recorded, tolerance: Tolerance) -> Iterator[Part]:
    """As their runs left them.

    Where that is not recorded, a tag that the original alone has does not decide: it may have been set when
    the run had ended long since.
    """
    one, other = _own_tags(a), _own_tags(b)
    for name in sorted({*one, *other}):
        if kind := tolerance.kind_set_aside(name):
            yield make_part("tag", name, set_aside(kind, name))
        elif name not in other:
            yield make_part("tag", name, make_diverged(note="is missing"), decides=_is_recorded(a))
        elif name not in one:
            yield make_part("tag", name, make_diverged(note="is new"))
        elif one[name] == other[name]:
            yield make_part("tag", name, IDENTICAL)
        else:
            yield make_part("tag", name, compare_logged_texts(one[name], other[name], a, b, tolerance))


def _is_recorded(run: Recorded) -> bool:
    return run.record is not None and run.record.tags is not None


def _own_tags(run: Recorded) -> Mapping[str, str]:
    if run.record is not None and run.record.tags is not None:
        return run.record.tags
    return {name: text for name, text in run.run.tags.items() if tags.is_own(name)}
