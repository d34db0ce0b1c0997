"""What names and values a store takes: MLflow's rules, with a sentence for each breach.

One difference: MLflow cuts params at 6,000 characters and tags at 8,000; this store keeps them whole.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from math import isfinite

from reprise.errors import TrackingError
from reprise.schemas.entities import MODEL_STAGES, RUN_STATUSES, Dataset, DatasetInput, Metric

MAX_KEY = 250
MAX_VALUE = 1_000_000
MAX_EXPERIMENT_NAME = 500
MAX_EXPERIMENT_TAG = 20_000
MAX_REGISTRY_TAG = 100_000
MAX_ALIAS = 255
MAX_DATASET = {"name": 500, "digest": 36, "source": 65_535, "schema": 1_048_575, "profile": 16_777_215}
MAX_INPUT_TAG_KEY = 255
MAX_INPUT_TAG = 500

_KEY = re.compile(r"[/\w.\- :]*")
_TRACE_ID = r"[A-Za-z0-9_\-]{1,100}"
_ALIAS = r"[\w\-]+"
_VERSION_ALIAS = r"[vV]\d+"
_MODEL_NAME_REFUSED = "/:.%\"'"


def invalid(message: str, hint: str | None = None) -> TrackingError:
    """The error of a value that is not allowed."""
    return TrackingError(message, code="INVALID_PARAMETER_VALUE", hint=hint)


def key(what: str, name: str) -> None:
    """The name of a metric, param or tag: ``a-z 0-9 _ / . - space :``, and no path in disguise."""
    if not _KEY.fullmatch(name):
        raise invalid(
            f"Invalid {what} name: {name!r} is not allowed. Names may only contain letters, digits,"
            " underscores, dashes, periods, spaces, colons and slashes"
        )
    plain = posixpath.normpath(name)
    if plain != name or plain == "." or plain.startswith(("..", "/")):
        raise invalid(f"Invalid {what} name: {name!r} is not allowed; as a path it means {plain!r}")
    at_most(f"{what} name", MAX_KEY, name)


def at_most(what: str, limit: int, text: str) -> None:
    if len(text) > limit:
        raise invalid(f"{what} has {len(text)} characters; the limit is {limit}")


def param(name: str, value: str) -> None:
    key("param", name)
    at_most(f"the value of param {name!r}", MAX_VALUE, value)


def tags(given: Mapping[str, str], limit: int = MAX_VALUE) -> None:
    for name, value in given.items():
        key("tag", name)
        at_most(f"the value of tag {name!r}", limit, value)


def metric(point: Metric) -> None:
    """The key and the times; the value may be any float."""
    key("metric", point.key)
    if isinstance(point.value, bool) or not isinstance(point.value, int | float):
        raise invalid(f"metric {point.key!r}: {point.value!r} is not a number")
    if not 0 <= point.timestamp < 2**63:
        raise invalid(
            f"metric {point.key!r}: timestamp {point.timestamp!r} is not a number of ms since the epoch"
        )
    if not -(2**63) <= point.step < 2**63:
        raise invalid(f"metric {point.key!r}: step {point.step!r} is not a 64-bit integer")


def equal_param(first: str, second: str) -> bool:
    """Whether two texts of a param mean the same: equal, or the same finite number."""
    if first == second:
        return True
    try:
        return int(first) == int(second)
    except ValueError:
        pass
    try:
        number = float(first)
        return number == float(second) and isfinite(number)
    except ValueError:
        return False


def trace_id(text: str) -> None:
    if not re.fullmatch(_TRACE_ID, text):
        raise invalid(
            f"Invalid value {text!r} for parameter 'trace_id' supplied: only letters, digits, dashes and"
            " underscores are allowed, at most 100"
        )


def experiment_id(text: str) -> int:
    """The number of an experiment; of one that no experiment can have, -1."""
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal()):
        raise invalid(f"Invalid experiment ID: {text!r} is not a decimal number")
    return int(text) if len(text) <= 18 and digits == text else -1


def experiment_name(name: str) -> None:
    if not name.strip():
        raise invalid("Invalid experiment name: it must not be empty")
    at_most("the experiment's name", MAX_EXPERIMENT_NAME, name)


def run_status(status: str) -> None:
    if status not in RUN_STATUSES:
        raise invalid(f"{status!r} is not the status of a run; the words are {', '.join(RUN_STATUSES)}")


def logged_model_name(name: str) -> None:
    if not name or any(character in name for character in _MODEL_NAME_REFUSED):
        raise invalid(
            f"Invalid model name ({name!r}) provided: it is empty, or holds one of {_MODEL_NAME_REFUSED}"
        )


def registered_model_name(name: str) -> None:
    path = posixpath.normpath(name) != name or name in {".", ".."}
    if path or not name.strip() or "/" in name or ":" in name:
        raise invalid(
            f"Invalid name: {name!r} is not allowed as a registered model name: empty, or with / or :"
        )


def version(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise invalid(f"Model version must be an integer, got {text!r}")
    return int(text)


def alias(name: str) -> None:
    if not re.fullmatch(_ALIAS, name):
        raise invalid(
            f"Invalid alias name: {name!r} is not allowed, only letters, digits, underscores and dashes"
        )
    at_most("the alias", MAX_ALIAS, name)
    if name.lower() == "latest" or re.fullmatch(_VERSION_ALIAS, name):
        raise invalid(f"{name!r} alias name is reserved")


def stage(word: str) -> str:
    """The stage in its canonical letters."""
    for known in MODEL_STAGES:
        if known.lower() == word.lower():
            return known
    raise invalid(f"Invalid Model Version stage: {word}. Value must be one of {', '.join(MODEL_STAGES)}")


def dataset_input(given: DatasetInput) -> None:
    _dataset(given.dataset)
    for name, value in given.tags.items():
        at_most(f"the name of the dataset's tag {name!r}", MAX_INPUT_TAG_KEY, name)
        at_most(f"the value of the dataset's tag {name!r}", MAX_INPUT_TAG, value)


def _dataset(dataset: Dataset) -> None:
    for part, limit in MAX_DATASET.items():
        at_most(f"the {part} of dataset {dataset.name!r}", limit, getattr(dataset, part) or "")


def page_size(max_results: int, limit: int = 50_000) -> None:
    if not 1 <= max_results <= limit:
        raise invalid(
            f"Invalid value {max_results} for parameter 'max_results' supplied: it is between 1 and {limit}"
        )
