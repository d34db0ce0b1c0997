"""The metric that best measures a run, and whether more of it is better: guessed from its name."""

from __future__ import annotations

import re
from collections.abc import Iterable

from reprise.tracking.views import Goal

_LESS_IS_BETTER = {
    "bias", "brier", "cer", "cost", "crossentropy", "deviance", "distance", "divergence", "duration",
    "energy", "entropy", "err", "error", "fid", "fpr", "kl", "latency", "logloss", "loss", "mae", "mape",
    "memory", "misses", "mse", "msle", "nll", "perplexity", "ppl", "regret", "residual", "rmse", "rmsle",
    "seconds", "smape", "time", "wer",
}  # fmt: skip
_QUALITY = {
    "acc", "accuracy", "ap", "auc", "auroc", "bleu", "correlation", "dice", "f1", "fscore", "gain", "iou",
    "jaccard", "kappa", "likelihood", "map", "mcc", "ndcg", "precision", "psnr", "r2", "recall", "return",
    "reward", "roc", "rouge", "score", "spearman", "ssim",
}  # fmt: skip
_UNSEEN = {"dev", "eval", "heldout", "holdout", "test", "val", "valid", "validation"}
_ABOUT_COST = {"duration", "energy", "latency", "memory", "seconds", "time"}


def goal_of(metric: str) -> Goal:
    """Return ``min`` if a word of the name suggests that less is better, else ``max``."""
    return "min" if words(metric) & _LESS_IS_BETTER else "max"


def main_metric(names: Iterable[str]) -> str | None:
    """Return the most likely measure of a run, preferably on validation data."""
    return next(iter(ranked(names)), None)


def ranked(names: Iterable[str]) -> list[str]:
    """Sort likely measures first."""
    return sorted(names, key=_rank)


def words(metric: str) -> set[str]:
    """Return the words of a name: ``val`` and ``loss`` for ``valLoss_2``."""
    parted = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", metric)
    return set(re.findall(r"[a-z]+[0-9]?", parted.lower()))


def _rank(metric: str) -> tuple[bool, bool, str]:
    found = words(metric)
    tells = bool(found & (_QUALITY | _LESS_IS_BETTER - _ABOUT_COST))
    return not tells, not found & _UNSEEN, metric
