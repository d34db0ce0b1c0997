"""What the verdict says of files and variables that no project declares."""

from __future__ import annotations

import pytest

from reprise.runner.verdict.values import Agreement, Verdict
from reprise.schemas.record.observed_record import (
    InterpreterRecord,
    ObservedInput,
    ObservedRecord,
    VariableRecord,
)
from reprise.schemas.record.run_record import EnvironmentRecord, InputRecord
from tests.runner.verdict.runs import RECORD, Made, part, words


def digest(letter: str) -> str:
    return f"sha256:{letter * 64}"


def file(path: str, letter: str, kind: str = "file", note: str = "") -> ObservedInput:
    return ObservedInput(path, kind, 1, digest(letter), note=note)


def verdict_on(made: Made, one: ObservedRecord | None, other: ObservedRecord | None) -> Verdict:
    a, b = (made.run(record=RECORD._replace(observed=seen)) for seen in (one, other))
    return made.verdict(a, b)


COMMON = "/elsewhere/common.py"


def test_a_module_from_elsewhere_that_changed_decides(made: Made) -> None:
    one, other = (ObservedRecord((file(COMMON, letter, "module"), file("a.py", "0"))) for letter in "12")
    found = verdict_on(made, one, other)
    assert found.sentence == f"diverged at input {COMMON}"
    assert part(found, "input", COMMON).note == f"{digest('2')[:19]}, was {digest('1')[:19]}"
    assert part(found, "input", "1 file that it was seen to read").agreement is Agreement.IDENTICAL


@pytest.mark.parametrize(
    ("one", "other", "word"),
    [
        ((), (file("/x", "1"),), Agreement.DIVERGED),
        ((file("/x", "1"),), (), Agreement.DIVERGED),
        ((file("/x", "1", note="the run changed it"),), (file("/x", "2"),), Agreement.DIVERGED),
        ((ObservedInput("/x", "file", note="large"),), (file("/x", "1"),), Agreement.NOT_COMPARABLE),
    ],
    ids=["new", "not read", "a state of its own", "no digest"],
)
def test_what_is_told_and_does_not_decide(
    made: Made, one: tuple[ObservedInput, ...], other: tuple[ObservedInput, ...], word: Agreement
) -> None:
    found = verdict_on(made, ObservedRecord(one), ObservedRecord(other))
    assert found.sentence == "identical"
    name = (one or other)[0].path
    assert (part(found, "input", name).agreement, part(found, "input", name).decides) == (word, False)


def test_cache_files_of_programs_are_one_line_and_do_not_decide(made: Made) -> None:
    home = "/home/user/"
    one = (file(f"{home}.cache/fonts.json", "1"), file(f"{home}.config/mlflow/telemetry.json", "1"))
    other = (file(f"{home}.cache/fonts.json", "2"), file("/src/__pycache__/m.cpython-311.pyc", "1"))
    found = verdict_on(made, ObservedRecord(one), ObservedRecord(other))
    assert found.sentence == "identical"
    assert {name for name in words(found) if name.startswith("input")} == {"input 3 cache files"}
    assert not part(found, "input", "3 cache files").decides


def test_files_that_one_run_alone_read_are_one_line_where_the_runs_agree(made: Made) -> None:
    alone = tuple(file(f"/data/{name}", "1") for name in "abcd")
    seen = ObservedRecord((*alone, file("/x", "1")))
    found = verdict_on(made, seen, ObservedRecord((file("/x", "1"),)))
    title = "4 files that one run alone was seen to read"
    assert part(found, "input", title).note == "/data/a, /data/b, /data/c, ..."
    assert found.sentence == "identical"
    differing = verdict_on(made, seen, ObservedRecord((file("/x", "2"),)))
    assert part(differing, "input", "/data/d").note == "it was not read this time"


def test_a_declared_input_is_told_once(made: Made) -> None:
    inputs = (
        InputRecord("data", "data", "folder", 1, digest("1")),
        InputRecord("t", "/t", "file", 1, digest("2")),
    )
    seen = ObservedRecord((file("data/a.csv", "3"), file("/t", "2")))
    a, b = (made.run(record=RECORD._replace(observed=seen, inputs=inputs)) for _ in range(2))
    found = words(made.verdict(a, b))
    assert [name for name in found if name.startswith("input")] == ["input data", "input t"]


def test_variables_are_told(made: Made) -> None:
    def seen(salt: str = "s", **values: str | None) -> ObservedRecord:
        return ObservedRecord(
            variables=tuple(VariableRecord(name, value) for name, value in values.items()), salt=salt
        )

    found = verdict_on(made, seen(A="1", B=None, C="1", D="1"), seen(A="2", B="1", C=None, D="1"))
    assert found.sentence == "identical"
    notes = {item.name: item.note for item in found.parts if item.kind == "input"}
    assert notes == {
        "environment variable A": "has another value",
        "environment variable B": "was not set",
        "environment variable C": "is not set",
    }
    found = verdict_on(made, seen(A="1"), seen("other", A="1"))
    assert part(found, "input", "environment variables").agreement is Agreement.NOT_COMPARABLE


def test_a_run_that_was_not_observed(made: Made) -> None:
    assert not [item for item in verdict_on(made, None, None).parts if item.kind == "input"]
    found = verdict_on(made, ObservedRecord(), None)
    assert "was not observed" in part(found, "input").note
    assert found.sentence == "identical"


def test_an_interpreter_that_a_command_names_is_of_the_environment(made: Made) -> None:
    def seen(version: str) -> ObservedRecord:
        packages = {"numpy": version, "reprise-ml": version}
        return ObservedRecord(interpreters=(InterpreterRecord("/venv/python", "3.11", "/venv", packages),))

    found = verdict_on(made, seen("1.0"), seen("2.0"))
    assert found.sentence == "diverged at environment"
    assert part(found, "environment").note == "numpy 2.0, was 1.0"
    assert verdict_on(made, seen("1.0"), seen("1.0")).sentence == "identical"
    kinds = [EnvironmentRecord("local", python=python) for python in ("3.11", "3.12")]
    a, b = (made.run(record=RECORD._replace(observed=seen("1"), environment=kind)) for kind in kinds)
    assert made.verdict(a, b).sentence == "identical"  # neither ran in it
