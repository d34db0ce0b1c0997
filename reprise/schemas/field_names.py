"""Names of fields (metrics, keys of JSON, columns) that hold a clock or a cost of the run, and no result.

A name is read by its whole words: ``meanFitTime``, ``mean_fit_time`` and ``mean-fit-time`` are the same
three, and ``lifetime`` and ``timesteps`` are words of their own. As in English the last noun says what it
is: a ``fit_time`` is a time, a ``time_step`` is none; and a word before it may make it a result, as in
``lead_time`` or ``best_lag_ms``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from functools import lru_cache

DURATION, CLOCK, RATE, LATENCY, MEMORY = "duration", "clock", "rate", "latency", "memory"
MACHINE = "machine"
"""Prefix of MLflow's system metrics, which are not logged by the script."""

KINDS_OF_FIELDS = frozenset({DURATION, CLOCK, RATE, LATENCY, MEMORY, MACHINE})

_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-zµ]+|[A-Z]+|\d+")


def _split_words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_STATISTICS = _split_words(
    "mean std avg average median min max sum total var stddev ci percentile quantile p rank marginal all"
)
_WORK = _split_words(
    """fit fitting refit train training trained eval evaluate evaluation val valid validation test testing
    score scoring pred predict prediction predicting infer inference epoch batch iteration iter run running
    script job task pipeline load loading read reading write writing save saving data preprocess
    preprocessing process processing compute computing computation execution exec wall clock cpu gpu cuda
    user sys system real tune tuning search build compile forward backward optimizer optimization download
    startup setup fold query encode decode generation generate solve solver model elapsed spent taken took
    tokenize embed sampling simulation program experiment trial feature features"""
)
_RESULTS = _split_words(
    """best optimal optimum selected chosen predicted forecast target actual expected true estimated planned
    scheduled ideal argmax argmin ground n num number count nb mae rmse mse mape error err r loss corr
    correlation importance coef shap ratio bias accuracy acc auc limit budget timeout cutoff threshold
    window lag lagged horizon interval delta dt span period resolution bin bins bucket grid delay shift
    offset gap pause silence sleep ttl refresh hop stride frame chunk segment clip audio video speech
    context lead life half dead survival event arrival departure delivery travel trip ride flight commute
    service wait waiting dwell cycle release due relaxation decay rise fall settling residence retention
    reaction onset peak failure death follow admission discharge appointment visit watch play screen
    game match lap
    race swim wake bed exposure integration coherence doubling incubation transit local full part over day
    night prime use enable enabled is has include log anomaly sensor order sale sales birth since until
    start end stop note beat pulse stimulus qrs rr qt sdnn rmssd week weekly month year"""
)
_DURATIONS = _split_words(
    "time times timing timings timer timers duration durations elapsed took runtime walltime wallclock"
)
_SHORT_UNITS = _split_words(
    "ms msec msecs millis milliseconds sec secs second seconds microseconds nanoseconds"
)
_UNITS = _SHORT_UNITS | _split_words("us µs ns s min mins minute minutes h hr hrs hour hours")
_AFTER_TIME = _STATISTICS | _UNITS | _WORK | _split_words("this so far used cost since restore in secs")
_CLOCKS = _split_words("timestamp timestamps datetime date created updated modified now today")
_HAPPENED = _split_words(
    """created creation started start ended end finished finish generated updated completed complete saved
    exported logged written modified trained computed evaluated executed current utc unix iso"""
)
_EVENTS = _HAPPENED | _split_words(
    "training execution run build built report experiment last model file train wandb first log analysis"
)
_READINGS = _split_words("at on date time datetime timestamp ts utc ms")
_RATES = _split_words("throughput fps qps rps tps ips iops tflops mfu speedup sps")
_DONE = _split_words(
    """samples tokens tok images img imgs steps iterations iters its it items rows records requests batches
    examples words frames docs documents queries episodes mb gb kb mib gib"""
)
_ONE_DONE = _split_words(
    "sample token image step iteration iter item row record request batch example call epoch"
)
_LATENCIES = _split_words("latency latencies ttft tpot rtt")
_MEMORIES = _split_words("memory mem vram ram maxrss")
_OF_MEMORY = (
    _STATISTICS
    | _WORK
    | _split_words(
        """peak used usage allocated reserved cached mb gb kb mib gib kib bytes percent pct footprint
    consumption consumed delta increase rss after before torch process virtual resident available free
    device host"""
    )
)
_DEVICES = _split_words("cpu gpu cuda disk network")
_LOADS = _split_words(
    "percent pct usage util utilization load power energy temperature temp watts joules percentage"
)


@lru_cache(10_000)
def kind_of_field(name: str) -> str | None:
    """What a field of this name holds of the run itself, of :data:`KINDS_OF_FIELDS`; None for a result."""
    if name.startswith("system/"):
        return MACHINE
    words = [word.lower() for word in _WORDS.findall(name) if not word.isdigit()]
    if "/" in name and words and words[-1] in _ONE_DONE:  # ms/step
        words.insert(-1, "per")
    return _kind_by_words(words) if words else None


def _kind_by_words(words: Sequence[str]) -> str | None:
    if _is_clock(words):
        return CLOCK
    if _is_rate(words):
        return RATE
    if "per" in words[1:]:
        words = words[: words.index("per", 1)]
    if _is_latency(words):
        return LATENCY
    if _is_duration(words):
        return DURATION
    if set(words) & _DEVICES and words[-1] in _LOADS:
        return MACHINE
    return MEMORY if _is_memory(words) else None


def _is_clock(words: Sequence[str]) -> bool:
    """``timestamp``, ``created_at``, ``date_created``, ``run_date``; not ``anomaly_at``."""
    if len(words) == 1:
        return words[0] in _CLOCKS
    *before, last = words
    if last == "date" and before[-1] in ("start", "end"):  # those of the data
        return False
    if set(words) <= _EVENTS | _READINGS:
        reads = set(words) & (_READINGS - {"time", "ms"}) or (set(words) & _HAPPENED and "time" in words)
        return bool(reads) or (before == ["last"] and last in _HAPPENED)
    return last in ("timestamp", "timestamps", "datetime") and not set(before) & _RESULTS


def _is_rate(words: Sequence[str]) -> bool:
    """``throughput``, ``samples_per_second``, ``tokens/s``, ``inference_speed``; no ``wind_speed``."""
    if set(words) & _RESULTS - {"r", "frame"}:
        return False
    if "per" in words[1:-1]:
        at = words.index("per", 1)
        unit = words[at + 1]
        return unit in ("second", "sec", "s") or (unit in _UNITS and words[at - 1] in _DONE)
    if words[-1] in ("s", "sec", "second") and words[-2:-1] and words[-2] in _DONE:
        return True
    if words[-1] == "speed":
        return bool(set(words) & _WORK)
    return bool(set(words) & _RATES)


def _is_latency(words: Sequence[str]) -> bool:
    if list(words[:4]) == ["time", "to", "first", "token"] or list(words[-2:]) == ["response", "time"]:
        return True
    return bool(set(words) & _LATENCIES) and not set(words) & _RESULTS


def _is_duration(words: Sequence[str]) -> bool:
    places = [at for at, word in enumerate(words) if word in _DURATIONS]
    if places:
        at = places[-1]
        after = [word for word in words[at + 1 :] if word not in _AFTER_TIME]
        return not after and not _says_result(words[:at])
    last = words[-1]
    if last in _SHORT_UNITS:
        return not _says_result(words[:-1])
    return last in _UNITS - {"min"} and bool(set(words) & _WORK) and not _says_result(words[:-1])


def _says_result(before: Collection[str]) -> bool:
    return bool(set(before) & _RESULTS)


def _is_memory(words: Sequence[str]) -> bool:
    """``peak_memory_mb``, ``max_rss``; no ``memory_size``, and ``rss`` alone is a sum of squares."""
    known = set(words)
    if known & _MEMORIES:
        return known <= _MEMORIES | _OF_MEMORY
    return (
        "rss" in known
        and bool(known & _split_words("peak max mb gb kb bytes memory process"))
        and known <= _OF_MEMORY
    )
