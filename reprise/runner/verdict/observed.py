"""What two runs were seen to read: files, and environment variables, that they declare nowhere."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from reprise.runner.verdict.recorded import Recorded
from reprise.runner.verdict.values import IDENTICAL, Finding, Part, make_diverged, make_part, make_unknown
from reprise.schemas.record.observed_record import ObservedInput, ObservedRecord
from reprise.units import counted

READ_BY_ONE = ("it was not read then", "it was not read this time")
"""The notes of a file that one run alone was seen to read."""

_CACHES = (".cache", "Caches", ".matplotlib", ".ipython", ".jupyter", "joblib", "__pycache__")
_CACHED = re.compile(r"/\.config/mlflow/telemetry\.json$|/fontlist-v[\d.]+\.json$|\.pyc$")
_SHOWN = 3  # names of cache files
VARIABLE = "environment variable"
"""How the names of parts begin that are about one."""

_UNOBSERVED = "what run {} read beside its declared inputs was not observed"


def compare_observed(a: Recorded, b: Recorded) -> Iterator[Part]:
    """Files that both runs read, by their digests; of variables, whether they are the same.

    Files decide, but for those that one run alone read, that a run changes itself, or that are a program's
    cache: what comes of them shows in the results. So it is with variables.
    """
    one, other = (run.record.observed if run.record else None for run in (a, b))
    if one is None or other is None:
        run = a if one is None else b
        if one is not None or other is not None:
            reason = _UNOBSERVED.format(run.run_id[:8])
            yield make_part("input", "", make_unknown(reason), decides=False)
        return
    declared = {item.uri for run in (a, b) if run.record for item in run.record.inputs if item.uri}
    missing = set(other.missing)
    yield from _compare_inputs(
        _undeclared_inputs(one, declared), _undeclared_inputs(other, declared), missing
    )
    yield from _compare_variables(one, other)


def _undeclared_inputs(seen: ObservedRecord, declared: set[str]) -> Mapping[str, ObservedInput]:
    """Those by path that are not declared anyway, nor in a folder that is."""
    return {item.path: item for item in seen.inputs if not _is_in(item.path, declared)}


def _is_in(path: str, declared: set[str]) -> bool:
    return any(str(place) in declared for place in (path, *PurePosixPath(path).parents))


def _compare_inputs(
    a: Mapping[str, ObservedInput], b: Mapping[str, ObservedInput], missing: set[str]
) -> Iterator[Part]:
    """``missing`` are files that the second run looked for in vain."""
    same, cached = 0, []
    for path in sorted({*a, *b}):
        one, other = a.get(path), b.get(path)
        found = _compare_files(one, other, is_missing=path in missing)
        if found == IDENTICAL:
            same += one.files if one else 0
            continue
        if _is_cache(path):
            cached.append(PurePosixPath(path).name)
            continue
        decides = one is not None and other is not None and _is_from_outside(one, other)
        yield make_part("input", path, found, decides=decides)
    if same:
        yield make_part(
            "input", f"{same} {'file' if same == 1 else 'files'} that it was seen to read", IDENTICAL
        )
    if cached:
        shown = ", ".join(cached[:_SHOWN]) + (", ..." if len(cached) > _SHOWN else "")
        note = f"of programs, which they keep for themselves: {shown}"
        yield make_part(
            "input", counted(len(cached), "cache file"), make_diverged(note=note), decides=False
        )


def _compare_files(a: ObservedInput | None, b: ObservedInput | None, *, is_missing: bool) -> Finding:
    if a is None:
        return make_diverged(note=READ_BY_ONE[0])
    if b is None:
        return make_diverged(note="it does not exist" if is_missing else READ_BY_ONE[1])
    if a.digest is None or b.digest is None:
        return make_unknown(a.note or b.note or "its digest is not recorded")
    if a.digest == b.digest:
        return IDENTICAL
    note = f"{b.digest[:19]}, was {a.digest[:19]}"
    return make_diverged(note=note if a.files == b.files else f"{b.files} files, was {a.files}")


def _is_from_outside(a: ObservedInput, b: ObservedInput) -> bool:
    """Whether both were given the file: it is known, and the run itself does not change it."""
    return not (a.digest is None or b.digest is None or a.note or b.note)


def _is_cache(path: str) -> bool:
    return _CACHED.search(path) is not None or not set(_CACHES).isdisjoint(PurePosixPath(path).parts)


def _compare_variables(a: ObservedRecord, b: ObservedRecord) -> Iterator[Part]:
    one, other = ({item.name: item.digest for item in seen.variables} for seen in (a, b))
    both = sorted(one.keys() & other.keys())
    if a.salt != b.salt:
        if any(one[name] or other[name] for name in both):
            reason = "their values are known by digests of another machine"
            yield make_part("input", "environment variables", make_unknown(reason), decides=False)
        return
    for name in both:
        was, now = one[name], other[name]
        if was != now:
            note = "is not set" if now is None else "was not set" if was is None else "has another value"
            yield make_part("input", f"{VARIABLE} {name}", make_diverged(note=note), decides=False)
