"""Experiments are made, renamed, deleted and restored from the command line, by name or id."""

from __future__ import annotations

import json

from reprise.tracking.sqlite.store import EmbeddedStore
from tests.cli.conftest import Reprise


def test_the_life_of_an_experiment(reprise: Reprise, store: EmbeddedStore) -> None:
    number = reprise("experiments", "create", "iris").out.strip()
    assert store.get_experiment(number).name == "iris"
    assert reprise("experiments", "rename", "iris", "lilies").exit_code == 0
    assert reprise("experiments", "delete", number).exit_code == 0
    assert [item["name"] for item in json.loads(reprise("experiments", "list", "--json").out)] == [
        "Default"
    ]
    deleted = json.loads(reprise("experiments", "list", "--deleted", "--json").out)
    assert [item["name"] for item in deleted] == ["lilies"]
    assert reprise("experiments", "restore", "lilies").exit_code == 0
    assert store.get_experiment(number).lifecycle_stage == "active"


def test_an_experiment_can_be_the_first_thing_in_a_store(reprise: Reprise) -> None:
    assert json.loads(reprise("experiments", "create", "iris", "--json").out) == {
        "experiment_id": "1",
        "name": "iris",
    }


def test_what_cannot_be_done_is_told(reprise: Reprise, store: EmbeddedStore) -> None:
    store.create_experiment("2")
    store.create_experiment("iris")
    for args, code, said in (
        (["create", "iris"], 6, "already exists"),
        (["create", " "], 6, "must not be empty"),
        (["rename", "nope", "x"], 2, 'there is no experiment "nope"'),
        (["rename", "iris", "Default"], 6, "already exists"),
        (["delete", "Default", "99"], 2, 'there is no experiment "99"'),
        (["delete", "2"], 2, 'is the id of "iris" and the name of another'),
        (["restore", "iris"], 2, "is not deleted"),
    ):
        result = reprise("experiments", *args)
        assert (result.exit_code, said in result.err) == (code, True), result.err
    assert {found.name for found in store.search_experiments().items} == {"Default", "2", "iris"}
