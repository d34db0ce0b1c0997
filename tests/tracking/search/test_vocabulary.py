"""The names that pages offer are the names that the store's search knows."""

from __future__ import annotations

from reprise.tracking.search.vocabulary import DATASET_FIELDS, RUN_ATTRIBUTES
from reprise.tracking.sqlite.search.searchables import RUNS


def test_the_attributes_of_runs_are_those_of_the_search() -> None:
    assert RUN_ATTRIBUTES.keys() == RUNS.attributes.keys()
    assert tuple(RUNS.datasets) == DATASET_FIELDS
    for name, attribute in RUN_ATTRIBUTES.items():
        assert RUNS.attributes[name].is_number == attribute.is_number, name
        assert RUNS.attributes[name] is RUNS.attributes[attribute.name], name
