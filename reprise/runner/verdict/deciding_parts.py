"""What decides: results, and what went into them. The output log does where there are none."""

from __future__ import annotations

from reprise.runner.verdict.children import Compared
from reprise.runner.verdict.values import OUTPUT_LOG
from reprise.schemas.field_names import KINDS_OF_FIELDS, LATENCY, MACHINE, RATE
from reprise.schemas.tolerance import Tolerance

_MEASURED = frozenset({RATE, LATENCY})
"""What a benchmark is about."""


def kind_decides(kind: str, rules: Tolerance) -> bool:
    """Whether parts of this kind count for the whole."""
    if kind in rules.ignore:
        return False
    return kind != OUTPUT_LOG or rules.strict or OUTPUT_LOG in rules.compare


def with_output_log(rules: Tolerance) -> Tolerance:
    """``rules`` by which the output log decides as well."""
    return rules._replace(compare=(*rules.compare, OUTPUT_LOG))


def rules_without_results(found: Compared, rules: Tolerance) -> tuple[Tolerance, str]:
    """The rules for runs that left no result which decides, and a sentence that says which they are.

    A run is never left without: what would be set aside decides when it is all that the run logged.
    """
    logged = [part for part in found.parts if part.kind != OUTPUT_LOG]
    aside = {item.kind for part in logged for item in part.set_aside} & (KINDS_OF_FIELDS - {MACHINE})
    if found.has_parameters:
        if not aside & _MEASURED:
            return rules, ""
        reason = "beside parameters the runs logged only what they measured, so rates and latencies decide"
        return rules._replace(aside=rules.aside - _MEASURED), reason
    if aside:
        kinds = ", ".join(sorted(aside))
        reason = f"the runs logged nothing but values that would be set aside ({kinds}), so these decide"
        return rules._replace(aside=frozenset({MACHINE})), reason
    return with_output_log(rules), "the runs left no results, so the output log decides"
