"""Tolerance files: what they mean, and every fault with its place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import reprise.schemas
from reprise.errors import ProjectError, UsageError
from reprise.schemas.tolerance import EXACT, Closeness, Tolerance, of_text, read_tolerance

SCHEMA = json.loads((Path(reprise.schemas.__file__).parent / "tolerance.schema.json").read_text())


def parsed(tmp_path: Path, text: str) -> Tolerance:
    (tmp_path / "t.yaml").write_text(text)
    return read_tolerance(tmp_path / "t.yaml")


def test_everything_a_file_can_say(tmp_path: Path) -> None:
    found = parsed(
        tmp_path,
        "default: 1e-6\n"
        "metrics: {loss: {rel: 1e-4, abs: 0}, 'time/*': ignore, '*': 0.1}\n"
        "artifacts: {'plots/*.png': ignore, '*.csv': {abs: 2}}\n"
        "ignore: [output log]\n",
    )
    assert found.default == Closeness(1e-6, 1e-6)
    assert found.of_metric("loss") == Closeness(1e-4, 0.0)
    assert found.kind_of_metric("time/epoch") == "ignored"
    assert found.of_metric("other") == Closeness(0.1, 0.1)
    assert found.of_artifact("plots/deep/a.png") is None
    assert found.of_artifact("t.csv") == Closeness(0.0, 2.0)
    assert found.of_artifact("t.json") == found.default
    assert found.ignore == ("output log",)
    assert parsed(tmp_path, '{"default": {"abs": 1}}').default == Closeness(abs=1.0)


def test_a_name_comes_before_patterns_and_may_hold_brackets() -> None:
    given = Tolerance(metrics={"loss*": None, "loss[0]": Closeness(0.5)})
    assert given.of_metric("loss[0]") == Closeness(0.5)
    assert (given.kind_of_metric("loss[0]"), given.kind_of_metric("loss0")) == (None, "ignored")


def test_metrics_of_the_machine_decide_only_when_named() -> None:
    assert Tolerance().kind_of_metric("system/cpu") == "machine"
    assert Tolerance(metrics={"system/cpu": EXACT}).kind_of_metric("system/cpu") is None
    assert Tolerance(compare=("system/*",)).kind_of_metric("system/cpu") is None


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "",
            "t.yaml:1:1  the file is empty; a mapping of tolerances is needed",
        ),
        (
            "[]",
            "t.yaml:1:1  an empty list is not a mapping of tolerances",
        ),
        ("metric: {}", 't.yaml:1:1  unknown key "metric"; did you mean "metrics"?'),
        (
            "default: -1",
            "t.yaml:1:10  default: -1 is not a tolerance; write a number from 0 on, or {rel: 1e-4, abs: 0}",
        ),
        (
            "default: 1e999",
            "t.yaml:1:10  default: 1e999 is not a tolerance; "
            "write a number from 0 on, or {rel: 1e-4, abs: 0}",
        ),
        ("metrics: {a: {rle: 3}}", 't.yaml:1:15  metrics -> a: unknown key "rle"; did you mean "rel"?'),
        ("metrics: {a: {rel: -1}}", "t.yaml:1:20  metrics -> a -> rel: -1 is not a number from 0 on"),
        (
            "metrics: {a: skip}",
            't.yaml:1:14  metrics -> a: "skip" is not a tolerance; '
            "write a number from 0 on, {rel: 1e-4, abs: 0}, or ignore",
        ),
        (
            "ignore: [3]",
            "t.yaml:1:10  ignore -> item 1: 3 is not a part of a verdict or the name of a field",
        ),
    ],
)
def test_faults(text: str, line: str, tmp_path: Path) -> None:
    with pytest.raises(ProjectError) as caught:
        parsed(tmp_path, text)
    assert line in caught.value.faults


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_tolerance(tmp_path)


def test_a_number_alone_is_both() -> None:
    assert of_text("1e-6") == Tolerance(Closeness(1e-6, 1e-6))
    assert of_text("0") == Tolerance(EXACT)


def test_the_schema_is_valid() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$id"] == "urn:reprise:schema:tolerance:1"
