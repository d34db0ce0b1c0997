"""Which texts of params are numbers, and whether a metric is better when it is small."""

from __future__ import annotations

import math
import re

_SMALLER = re.compile(
    r"(?:^|[^a-z])(?:loss|err|error|errors|[rm]?ms?e|mae|mape|smape|rmsle|msle|wer|cer|fid|perplexity|ppl|nll|bpc"
    r"|deviance|brier|regret|latency|time|duration|seconds|ms|cost|memory|distance|logloss|crossentropy|eer"
    r"|fpr|fnr|divergence|kl)(?:$|[^a-z])"
)
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")  # between the words of camelCase


def finite(text: str) -> float | None:
    """The number that ``text`` is; None for words, NaN, infinity, and what Python alone takes for one."""
    if len(text) > 40 or "_" in text:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def smaller_is_better(metric: str) -> bool:
    """A guess by the words of the name: ``val_loss``, ``RMSE``, ``testError``."""
    if len(metric) > 500:
        return False
    lowered = _WORDS.sub("_", metric).lower()
    return _SMALLER.search(lowered.replace("log_loss", "loss")) is not None
