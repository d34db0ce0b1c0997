"""What two runs printed: evidence of how they went, which decides only where nothing else does."""

from __future__ import annotations

from reprise.errors import TrackingError
from reprise.runner.record import LOG_ARTIFACT
from reprise.runner.verdict.looking import Looking
from reprise.runner.verdict.recorded import Recorded
from reprise.runner.verdict.values import IDENTICAL, Finding, unknown
from reprise.runner.verdict.words.texts import Style, compare_texts, decode_text
from reprise.schemas.tolerance import Tolerance


def compare_output(a: Recorded, b: Recorded, tolerance: Tolerance) -> Finding:
    """Line by line, but for clocks, ids and places of their runs."""
    try:
        one, other = (run.output(LOG_ARTIFACT) for run in (a, b))
        for run, data in ((a, one), (b, other)):
            if data:
                run.digest(LOG_ARTIFACT)  # refuses a log that was changed
    except (TrackingError, OSError) as error:
        return unknown(f"it cannot be read: {error}")
    if one == other:
        return IDENTICAL
    texts = [decode_text(data) for data in (one, other)]
    if texts[0] is None or texts[1] is None:
        return unknown("the bytes differ, and it is no text in UTF-8")
    looking = Looking(tolerance.default, a.aside(b), b.aside(a), tolerance)
    return compare_texts(texts[0], texts[1], looking, Style.LOG)
