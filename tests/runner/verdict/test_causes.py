"""What is known of why two runs differ comes first; and what makes a comparison less than whole."""

from __future__ import annotations

from typing import Any

from reprise.runner.verdict.report import as_data
from reprise.schemas import tags
from reprise.schemas.record.observed_record import ObservedRecord, VariableRecord
from reprise.schemas.record.run_record import (
    Distribution,
    EnvironmentRecord,
    InputRecord,
    LeftOut,
    MachineRecord,
    RunRecord,
)
from tests.runner.verdict.runs import RECORD, Made

MACHINE = MachineRecord("Debian 12", "Linux 6", "x86_64", "h", "Xeon", 4, None)
OBSERVED = ObservedRecord(variables=(VariableRecord("MYCFG", "a"),), salt="s")


def causes(made: Made, was: RunRecord, found: RunRecord, **facts: Any) -> tuple[str, ...]:
    """Those of two runs with other results."""
    one, other = (
        made.run(metrics={"a": (1.0,)}, record=was),
        made.run(metrics={"a": (2.0,)}, record=found, **facts),
    )
    return made.verdict(one, other).causes


def test_a_variable_has_another_value(made: Made) -> None:
    other = OBSERVED._replace(variables=(VariableRecord("MYCFG", "b"),))
    assert causes(made, RECORD._replace(observed=OBSERVED), RECORD._replace(observed=other)) == (
        "environment variable MYCFG has another value",
    )


def test_packages(made: Made) -> None:
    def local(version: str) -> RunRecord:
        packages = (Distribution("numpy", version),)
        return RECORD._replace(environment=EnvironmentRecord("local", python="3.12.1", packages=packages))

    assert causes(made, local("1.26.4"), local("2.1.0")) == ("environment: numpy 2.1.0, was 1.26.4",)


def test_inputs(made: Made) -> None:
    def read(digest: str) -> RunRecord:
        return RECORD._replace(inputs=(InputRecord("data", "/d.csv", "file", 1, digest),))

    (cause,) = causes(made, read("sha256:a"), read("sha256:b"))
    assert cause.startswith("input data: ")


def test_another_machine(made: Made) -> None:
    found = MACHINE._replace(cpu="EPYC", variables={"OMP_NUM_THREADS": "1"})
    assert causes(made, RECORD._replace(machine=MACHINE), RECORD._replace(machine=found)) == (
        "environment variable OMP_NUM_THREADS is 1, was not set",
        "another CPU: EPYC, was Xeon",
    )


def test_a_file_that_was_not_kept_and_that_the_run_dies_of(made: Made) -> None:
    left_out = tuple(LeftOut(path, 1, "git ignores it") for path in ("out.bin", "data/t.csv"))
    record = RECORD._replace(source=RECORD.source._replace(left_out=left_out))
    one, other = made.run(metrics={"a": (1.0,)}, record=record), made.run(exit_code=1)
    reason = "exit code 1\nTraceback\nFileNotFoundError: [Errno 2] No such file or directory: 'data/t.csv'"
    made.store.log_batch(other, tags={tags.REASON: reason})
    found = made.verdict(one, other)
    assert found.causes[0] == "data/t.csv was not kept (git ignores it)"
    assert found.causes[1].endswith("FileNotFoundError: [Errno 2] No such file or directory: 'data/t.csv'")
    assert "the record of run" in found.reservations[0]
    assert as_data(found)["causes"] == [*found.causes]


def test_runs_that_are_the_same_have_no_causes(made: Made) -> None:
    one = made.run(metrics={"a": (1.0,)}, record=RECORD._replace(machine=MACHINE))
    other = made.run(metrics={"a": (1.0,)}, record=RECORD._replace(machine=MACHINE._replace(cpu="EPYC")))
    assert made.verdict(one, other).causes == ()


def test_a_killed_run_and_a_resumed_one_say_so(made: Made) -> None:
    one, other = (made.run(metrics={"a": (1.0,)}) for _ in range(2))
    made.store.update_run(one, status="KILLED")
    assert made.verdict(one, other).reservations == (
        f"run {one[:8]} was killed: it left what it had by then",
    )
    resumed = made.run(metrics={"a": (1.0,)}, resumed=100)
    (sentence,) = made.verdict(other, resumed).reservations
    assert "was resumed" in sentence
