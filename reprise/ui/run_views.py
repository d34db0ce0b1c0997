"""Saved views of an experiment's runs: queries of the table, each a tag of the experiment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from reprise.schemas.entities import Experiment

PREFIX = "reprise.view."
"""The key of a view's tag begins so, and ends with its name."""


class View(NamedTuple):
    name: str
    query: str


def views(experiment: Experiment) -> Sequence[View]:
    found = (
        View(key.removeprefix(PREFIX), value)
        for key, value in experiment.tags.items()
        if key.startswith(PREFIX)
    )
    return sorted(found)
