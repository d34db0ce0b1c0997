"""Child runs are results: which is which, what differs in them, and how many there are."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest

from reprise.runner.verdict import compare_runs
from reprise.runner.verdict.report import as_data
from reprise.runner.verdict.values import Agreement
from reprise.schemas.tolerance import Closeness, Tolerance
from reprise.server.loopback import Loopback
from reprise.tracking.rest.store import RestTracking
from tests.runner.verdict.runs import Made, part, words

IDENTICAL, DIVERGED = Agreement.IDENTICAL, Agreement.DIVERGED
BEST: dict[str, Any] = {"metrics": {"best": (0.9,)}}


def sweep(made: Made, values: Sequence[float], order: Sequence[int] | None = None, **facts: Any) -> str:
    """A parent with a child ``fold`` for each of the values, begun in an order."""
    parent = made.run(**BEST)
    for after, number in enumerate(order or range(len(values))):
        made.child(parent, "fold", metrics={"acc": (values[number],)}, after=after, **facts)
    return parent


def test_children_that_are_the_same(made: Made) -> None:
    found = made.verdict(sweep(made, (0.1, 0.2)), sweep(made, (0.1, 0.2)))
    assert found.word == "identical"
    assert {place for place in words(found) if "child" in place} == {"child run fold", "child run fold #2"}
    assert found.children == ()


def test_the_first_metric_of_a_child_that_differs_is_named(made: Made) -> None:
    one, other = made.run(**BEST), made.run(**BEST)
    for parent, values in ((one, (1.0, 2.0, 3.0)), (other, (1.0, 2.0, 4.0))):
        made.child(parent, "train", metrics={"acc": values})
        made.child(parent, "test", metrics={"acc": (1.0,)}, after=1)
    found = made.verdict(one, other)
    assert found.sentence == "diverged at child run train -> metric acc, step 2"
    assert part(found, "child run", "train").note == "4.0, was 3.0"
    (child,) = as_data(found)["children"]
    assert (child["name"], child["verdict"], child["where"]) == ("train", "diverged", "metric acc, step 2")
    assert [item["name"] for item in child["parts"]] == ["acc"]


@pytest.mark.parametrize("numbers", [(2, 3), (3, 2), (0, 1), (1, 0)])
def test_another_number_of_children_is_a_difference(made: Made, numbers: tuple[int, int]) -> None:
    one, other = (sweep(made, [1.0] * number) for number in numbers)
    found = made.verdict(one, other)
    assert found.where == "number of child runs"
    assert part(found, "child run", "").note == f"{numbers[1]}, was {numbers[0]}"


def test_children_of_children(made: Made) -> None:
    runs = []
    for value in (1.0, 2.0):
        parent = made.run(**BEST)
        outer = made.child(parent, "outer")
        made.child(outer, "inner", metrics={"acc": (value,)})
        runs.append(parent)
    found = made.verdict(runs[0], runs[1])
    assert found.sentence == "diverged at child run outer -> child run inner -> metric acc, step 0"


def test_children_are_matched_by_their_parameters_before_their_order(made: Made) -> None:
    def grid(order: Sequence[float]) -> str:
        parent = made.run(**BEST)
        for after, c in enumerate(order):
            made.child(parent, "", params={"C": str(c)}, metrics={"acc": (c,)}, after=after)
        return parent

    assert made.verdict(grid((0.1, 1.0, 10.0)), grid((10.0, 0.1, 1.0))).word == "identical"
    (child,) = made.verdict(grid((0.1, 1.0)), grid((0.1, 2.0))).children
    assert [item.place for item in child.parts] == ["parameter C", "metric acc, step 0"]


def test_folds_side_by_side_have_no_order(made: Made) -> None:
    assert (
        made.verdict(sweep(made, (0.1, 0.2, 0.3)), sweep(made, (0.1, 0.2, 0.3), (2, 0, 1))).word
        == "identical"
    )
    found = made.verdict(sweep(made, (0.1, 0.2, 0.3)), sweep(made, (0.1, 0.2, 0.4), (2, 0, 1)))
    assert "metric acc" in found.where


def test_what_a_child_took_is_set_aside_and_what_it_found_within_tolerance(made: Made) -> None:
    runs = []
    for acc, took in ((0.5, 1.0), (0.5000001, 2.0)):
        parent = made.run(**BEST)
        made.child(parent, "c", metrics={"acc": (acc,), "fit_time": (took,)})
        runs.append(parent)
    found = made.verdict(runs[0], runs[1], Tolerance(Closeness(1e-3)))
    assert found.word == "within tolerance"
    assert [item.name for item in found.set_aside] == ["fit_time"]


def test_a_parent_without_results_of_its_own_has_those_of_its_children(made: Made) -> None:
    runs = []
    for text in (b"1\n", b"2\n"):
        parent = made.run(output=text)
        made.child(parent, "c", metrics={"acc": (1.0,)})
        runs.append(parent)
    assert made.verdict(runs[0], runs[1]).word == "identical"


def test_the_status_of_a_child_and_its_tags_count(made: Made) -> None:
    def parent(**facts: Any) -> str:
        run = made.run(**BEST)
        made.child(run, "c", metrics={"acc": (1.0,)}, **facts)
        return run

    assert made.verdict(parent(), parent(status="FAILED")).where == "child run c -> exit code"
    assert made.verdict(parent(status="FAILED"), parent(status="FAILED")).word == "identical"
    assert made.verdict(parent(), parent(own_tags={"pick": "x"})).where == "child run c -> tag pick"


def test_the_ids_of_children_are_equated_with_their_own_and_no_others(made: Made) -> None:
    """A parent that logs which child was the best has another result when that is another child."""

    def run(best: str) -> str:
        parent = made.run(metrics={"best": (0.9,)})
        ids = {name: made.child(parent, name, metrics={"acc": (1.0,)}) for name in ("a", "b")}
        made.store.log_batch(parent, params={"best_run": ids[best]})
        return parent

    assert made.verdict(run("a"), run("a")).word == "identical"
    assert made.verdict(run("a"), run("b")).where == "parameter best_run"


def test_steps_that_are_told_the_run_before_them(made: Made) -> None:
    def pipeline() -> str:
        parent = made.run()
        first = made.child(parent, "prepare", metrics={"rows": (10.0,)})
        made.child(parent, "train", params={"from_run": first}, metrics={"acc": (0.5,)}, after=1)
        return parent

    assert made.verdict(pipeline(), pipeline()).word == "identical"


def test_children_in_another_experiment_and_deleted_ones(made: Made) -> None:
    elsewhere = made.store.create_experiment("elsewhere")

    def run(value: float, *, deleted: bool = False) -> str:
        parent = made.run(**BEST)
        child = made.child(parent, "c", metrics={"acc": (value,)}, experiment=elsewhere)
        if deleted:
            made.store.delete_run(child)
        return parent

    assert made.verdict(run(1.0), run(2.0)).where == "child run c -> metric acc, step 0"
    assert made.verdict(run(1.0, deleted=True), run(1.0)).word == "identical"


def test_a_run_that_was_nested_when_the_parent_had_ended_is_not_of_it(made: Made) -> None:
    one, other = made.run(**BEST), made.run(**BEST)
    made.child(one, "evaluated later", after=3_600_000)
    assert made.verdict(one, other).word == "identical"


def test_runs_that_claim_to_be_nested_in_each_other(made: Made) -> None:
    one, other = sweep(made, (1.0,)), sweep(made, (1.0,))
    (child,) = made.store.children(one)
    made.store.log_batch(one, tags={"mlflow.parentRunId": child.run_id})
    assert made.verdict(one, other).agreement in (IDENTICAL, DIVERGED)  # and it comes to an end


@pytest.mark.slow
def test_a_thousand_children(made: Made) -> None:
    chance = random.Random(1)
    values = [chance.random() for _ in range(1000)]
    order = chance.sample(range(1000), 1000)
    found = made.verdict(sweep(made, values), sweep(made, [*values[:-1], 2.0], order))
    assert found.where.startswith("child run fold")
    data = as_data(found)
    assert len(data["children"]) == 1
    assert len(data["parts"]) < 250


def test_children_of_a_store_elsewhere(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = sweep(made, (0.1, 0.2)), sweep(made, (0.1, 0.3))
    with Loopback.start(made.store, one) as loopback:
        for name, value in loopback.environ.items():
            monkeypatch.setenv(name, value)
        far = RestTracking(loopback.uri)
        found = compare_runs(far, one, other, Tolerance())
        far.close()
    assert found.where == "child run fold #2 -> metric acc, step 0"
