"""What two runs printed: evidence of how they went, which decides only where nothing else does."""

from __future__ import annotations

from collections.abc import Mapping

from reprise.backends.kept_log import NO_STREAM, STDERR, STDOUT, split_streams
from reprise.errors import TrackingError
from reprise.runner.runs.lifecycle import LOG_ARTIFACT, STREAMS_ARTIFACT
from reprise.runner.verdict.comparison_rules import Looking
from reprise.runner.verdict.recorded import Recorded
from reprise.runner.verdict.values import IDENTICAL, Finding, find_worst, make_unknown
from reprise.runner.verdict.words.texts import TextStyle, compare_texts, decode_text
from reprise.schemas.tolerance import Tolerance

_NAMES = {STDOUT: "stdout", STDERR: "stderr", NO_STREAM: ""}


def compare_output(a: Recorded, b: Recorded, tolerance: Tolerance) -> Finding:
    """Line by line, but for clocks, ids and places of their runs.

    The order of the lines of stdout among those of stderr is chance, so each stream is compared with its
    own; where a terminal or an older reprise has kept the two as one, they are compared as one.
    """
    try:
        logs = [run.read_output(LOG_ARTIFACT) for run in (a, b)]
        for run, data in zip((a, b), logs, strict=True):
            if data:
                run.digest_file(LOG_ARTIFACT)  # refuses a log that was changed
    except (TrackingError, OSError) as error:
        return make_unknown(f"it cannot be read: {error}")
    if logs[0] == logs[1]:
        return IDENTICAL
    one, other = (_split_streams(run, data) for run, data in zip((a, b), logs, strict=True))
    if one is None or other is None:
        one, other = {NO_STREAM: logs[0]}, {NO_STREAM: logs[1]}
    looking = Looking(tolerance.default, a.make_aside(b), b.make_aside(a), tolerance)
    return find_worst(
        _compare_stream(name, one.get(stream, b""), other.get(stream, b""), looking)
        for stream, name in _NAMES.items()
    )


def _split_streams(run: Recorded, data: bytes) -> Mapping[str, bytes] | None:
    """Return the separate streams of the log; None if they cannot be distinguished."""
    try:
        streams = split_streams(data, run.read_file(STREAMS_ARTIFACT).decode())
    except (TrackingError, OSError, ValueError):
        return None
    return streams if streams.keys() <= _NAMES.keys() else None


def _compare_stream(name: str, a: bytes, b: bytes, looking: Looking) -> Finding:
    if a == b:
        return IDENTICAL
    one, other = decode_text(a), decode_text(b)
    if one is None or other is None:
        return make_unknown("the bytes differ, and it is not UTF-8 text", name)
    found = compare_texts(one, other, looking, TextStyle.LOG)
    return found._replace(where=", ".join(filter(None, (name, found.where))))
