"""Names of fields (metrics, keys of JSON, columns) that hold a clock or a cost of the run, and no result.

A name is read by its whole words: ``meanFitTime``, ``mean_fit_time`` and ``mean-fit-time`` are the same
three, and ``lifetime`` and ``timesteps`` are words of their own.
"""

from __future__ import annotations

import re
from functools import cache

DURATION, CLOCK, RATE, LATENCY, MEMORY = "duration", "clock", "rate", "latency", "memory"

_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+|µs")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_STATISTICS = _words(
    "mean std avg average median min max sum total var p50 p75 p90 p95 p99 p999 percentile quantile"
)
_RESULTS = _words(
    """best optimal selected chosen predicted target actual expected true estimated forecast
    n num number count limit budget timeout cutoff threshold max_time window lag lagged horizon interval
    step steps series split column col zone delta_t constant embedding encoding index format unit units
    error mae rmse mse mape r2 loss bias score_of correlation importance weight coef coefficient
    event survival failure arrival departure delivery travel trip ride flight lead service waiting
    relaxation decay half dead flight rise fall settling reaction residence retention period frequency
    of since until between frame hop stride sampling sample resample offset delay shift ahead"""
)
_WORK = _words(
    """fit fitting refit train training trained eval evaluate evaluation val validation test testing score
    scoring predict prediction predicting inference infer epoch batch iteration iter run running script job
    task pipeline load loading read reading write writing save saving data preprocess preprocessing process
    processing compute computing execution exec wall cpu gpu user sys system tune tuning search build
    compile forward backward optimizer download startup setup fold query encode decode
    generation generate step"""
)
_DURATIONS = _words(
    "time times timing timings duration durations elapsed took runtime walltime seconds secs eta"
)
_UNITS = _words("ms us ns µs s sec secs second seconds min mins minute minutes h hr hrs hour hours millis")
_LONG_UNITS = _words("s min mins minute minutes h hr hrs hour hours")
_RATES = _words("throughput fps qps rps tps ips iops tflops gflops mfu speedup sps")
_PER = _words("second seconds sec s ms minute min hour")
_MEMORIES = _words("memory mem rss vram ram")
_SIZES = _words(
    "size dim dims length len capacity cells replay bank slots units network layers limit budget depth"
)
_EVENTS = _words(
    """created started ended finished generated updated completed saved exported logged written modified
    trained computed evaluated executed run build built start end creation training report execution
    experiment today current now"""
)
_READINGS = _words("at on date time datetime ts utc day")
_CLOCKS = _words("timestamp timestamps datetime")


@cache
def kind_of_field(name: str) -> str | None:
    """What a field of this name holds of the run itself: a word of this module, or None for a result."""
    words = [word.lower() for word in _WORDS.findall(name)]
    if not words:
        return None
    known = frozenset(words)
    if known & _CLOCKS and not known & (_RESULTS - {"format", "unit"}):
        return CLOCK
    if len(words) > 1 and words[-1] in _READINGS and words[-2] in _EVENTS and words[-1] != "time":
        return CLOCK
    if words[-2:] in (["start", "time"], ["end", "time"], ["date", "created"], ["time", "created"]):
        return CLOCK
    if _is_rate(words):
        return RATE
    if known & _RESULTS:
        return None
    if known & {"latency", "latencies", "ttft"}:
        return LATENCY
    if known & _MEMORIES and not known & _SIZES:
        return MEMORY
    return DURATION if _is_duration(words) else None


def _is_rate(words: list[str]) -> bool:
    if "per" in words[1:-1] and words[words.index("per", 1) + 1] in _PER:
        return True
    return bool(frozenset(words) & _RATES)


def _is_duration(words: list[str]) -> bool:
    if "per" in words[1:]:
        words = words[: words.index("per", 1)]
    known = frozenset(words)
    if known & _DURATIONS:
        return True
    last = words[-1]
    if last not in _UNITS:
        return False
    return last not in _LONG_UNITS or bool(known & _WORK)
