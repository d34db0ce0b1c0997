"""Results decide; the log is evidence, and decides where a run left nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from reprise.runner.verdict.report import as_data
from reprise.runner.verdict.values import Agreement, SetAside
from reprise.schemas.tolerance import Closeness, Tolerance
from tests.runner.verdict.runs import Made, part

IDENTICAL, DIVERGED = Agreement.IDENTICAL, Agreement.DIVERGED

RESULTS: dict[str, dict[str, Any]] = {
    "metric": {"metrics": {"loss": (0.5,)}},
    "parameter": {"logged": {"best_depth": "3"}},
    "artifact": {"files": {"report.json": b"1"}},
}


@pytest.mark.parametrize("kind", RESULTS)
def test_what_was_printed_does_not_decide_beside_a_result(made: Made, kind: str) -> None:
    one, other = (made.run(**RESULTS[kind], output=text) for text in (b"loss 1\n", b"loss 2\n"))
    found = made.verdict(one, other)
    log = part(found, "output log")
    assert (found.word, log.agreement, log.decides) == ("identical", DIVERGED, False)
    assert "output log" not in found.decided_by
    assert kind in found.decided_by


def test_what_was_printed_decides_where_there_is_no_result(made: Made) -> None:
    one, other = made.run(output=b"loss 1\n"), made.run(output=b"loss 2\n")
    found = made.verdict(one, other)
    assert found.where == "output log, line 1"
    assert "left no results" in found.reservations[0]
    assert as_data(found)["decided_by"] == ["source", "environment", "exit code", "output log"]


def test_a_parameter_of_the_entry_point_is_no_result(made: Made) -> None:
    one, other = (made.run(params={"C": "1"}, output=text) for text in (b"loss 1\n", b"loss 2\n"))
    assert made.verdict(one, other).where == "output log, line 1"


def test_tags_alone_leave_it_to_the_log(made: Made) -> None:
    one, other = (made.run(own_tags={"team": "a"}, output=text) for text in (b"loss 1\n", b"loss 2\n"))
    assert made.verdict(one, other).where == "output log, line 1"


def test_the_log_decides_when_asked_for(made: Made) -> None:
    one, other = (made.run(metrics={"loss": (0.5,)}, output=text) for text in (b"1\n", b"2\n"))
    for rules in (Tolerance(strict=True), Tolerance(compare=("output log",))):
        assert made.verdict(one, other, rules).where == "output log, line 1"


def test_durations_do_not_decide_and_are_listed(made: Made) -> None:
    one, other = (made.run(metrics={"acc": (0.5,), "fit_time": (took,)}) for took in (1.0, 2.0))
    found = made.verdict(one, other)
    assert found.word == "identical"
    assert found.set_aside == (SetAside("duration", "fit_time"),)
    assert as_data(found)["set_aside"] == {"duration": {"count": 1, "names": ["fit_time"]}}
    assert made.verdict(one, other, Tolerance(strict=True)).where == "metric fit_time, step 0"
    assert made.verdict(one, other, Tolerance(compare=("fit_time",))).where == "metric fit_time, step 0"


def test_a_benchmark_is_about_what_would_be_set_aside(made: Made) -> None:
    one, other = (made.run(metrics={"throughput": (rate,)}) for rate in (100.0, 90.0))
    found = made.verdict(one, other)
    assert found.where == "metric throughput, step 0"
    assert "nothing but values that would be set aside" in found.reservations[0]
    parameters = {"batch_size": "32"}
    one, other = (made.run(metrics={"throughput": (rate,)}, logged=parameters) for rate in (100.0, 90.0))
    assert made.verdict(one, other).where == "metric throughput, step 0"
    one, other = (made.run(metrics={"fit_time": (took,)}, logged=parameters) for took in (1.0, 2.0))
    assert made.verdict(one, other).word == "identical"


def test_metrics_of_the_machine_alone_are_no_results(made: Made) -> None:
    one, other = (
        made.run(metrics={"system/cpu": (load,)}, output=text)
        for load, text in ((1.0, b"1\n"), (2.0, b"2\n"))
    )
    assert made.verdict(one, other).where == "output log, line 1"


def test_a_parameter_of_the_entry_point_is_never_set_aside(made: Made) -> None:
    one, other = (made.run(metrics={"acc": (0.5,)}, params={"max_time": text}) for text in ("1", "2"))
    assert made.verdict(one, other).where == "parameter max_time"
    one, other = (made.run(metrics={"acc": (0.5,)}, logged={"train_time": text}) for text in ("1.2", "1.3"))
    assert made.verdict(one, other).word == "identical"


def test_what_looks_like_a_clock_in_a_parameter_is_a_result(made: Made) -> None:
    for was, found in (
        ("1 s", "2 s"),
        ("12 ms", "13 ms"),
        ("pid 12", "pid 13"),
        ("localhost:81", "localhost:82"),
    ):
        one, other = (made.run(logged={"best": text}) for text in (was, found))
        assert made.verdict(one, other).where == "parameter best"


def test_zero_has_no_sign_in_parameters(made: Made) -> None:
    one, other = made.run(logged={"shift": "0.0"}), made.run(logged={"shift": "-0.0"})
    assert made.verdict(one, other).word == "identical"


def test_numbers_in_parameters_are_within_the_tolerance(made: Made) -> None:
    one, other = made.run(logged={"threshold": "0.48213"}), made.run(logged={"threshold": "0.48214"})
    assert made.verdict(one, other).word == "diverged"
    assert made.verdict(one, other, Tolerance(Closeness(rel=1e-3))).word == "within tolerance"


def test_own_tags_are_results_and_those_of_systems_are_not(made: Made) -> None:
    facts: dict[str, Any] = {"metrics": {"loss": (0.5,)}}
    one = made.run(**facts, own_tags={"winner": "a", "mlflow.note.content": "x", "started_at": "1"})
    other = made.run(**facts, own_tags={"winner": "b", "mlflow.note.content": "y", "started_at": "2"})
    assert made.verdict(one, other).where == "tag winner"
    same = made.run(**facts, own_tags={"winner": "a"})
    found = made.verdict(one, same, Tolerance(ignore=("started_at",)))
    assert found.word == "identical"


def test_a_tag_that_was_set_later_is_no_result(made: Made) -> None:
    one, other = (made.run(metrics={"loss": (0.5,)}) for _ in range(2))
    made.store.log_batch(one, tags={"reviewed": "yes"})
    assert made.verdict(one, other).word == "identical"


def test_files_below_our_folder_that_are_not_ours_are_results(made: Made) -> None:
    one, other = (made.run(files={"reprise/report.json": text}) for text in (b"1", b"2"))
    assert made.verdict(one, other).where == "artifact reprise/report.json"


def test_a_failure_is_known_by_its_log(made: Made) -> None:
    facts: dict[str, Any] = {"metrics": {"loss": (0.5,)}, "exit_code": 1}
    one, same = (made.run(**facts, output=b"No such file\n") for _ in range(2))
    found = made.verdict(one, same)
    assert (found.word, found.reproduced, found.failed_alike) == ("failed the same way", False, True)
    other = made.run(**facts, output=b"No module named x\n")
    assert made.verdict(one, other).where == "output log, line 1"
