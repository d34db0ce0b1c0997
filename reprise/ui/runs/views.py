"""Saved views of an experiment's runs: queries of the table, stored as tags of the experiment."""

from __future__ import annotations

import re
from collections.abc import Sequence

from reprise.named_tuple import NamedTuple
from reprise.schemas.entities import Experiment

PREFIX = "reprise.view."
"""Prefix of the key of a view's tag; the name follows."""

_UNTAGGED = re.compile(r":([0-9a-f]{1,5}):")
"""Escape of a character that is not allowed in a key: ``:3c:`` is ``<``."""


class SavedView(NamedTuple):
    key: str
    name: str
    query: str


def views(experiment: Experiment) -> Sequence[SavedView]:
    found = (
        SavedView(key, _UNTAGGED.sub(lambda found: chr(int(found[1], 16)), key.removeprefix(PREFIX)), value)
        for key, value in experiment.tags.items()
        if key.startswith(PREFIX)
    )
    return sorted(found, key=lambda view: view.name)
