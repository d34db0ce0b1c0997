"""The whole verdict: identical when nothing differs, and any one change of anything is found."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reprise.runner.verdict import store_verdict
from reprise.runner.verdict.values import Agreement, SetAside
from reprise.schemas import tags
from reprise.schemas.entities import Metric
from reprise.schemas.record.run_record import (
    Content,
    Distribution,
    EnvironmentRecord,
    FileRecord,
    InputRecord,
    LeftOut,
    ParameterRecord,
    RunRecord,
)
from reprise.schemas.tolerance import EXACT, Closeness, Tolerance
from reprise.tracking.sqlite.store import EmbeddedStore
from tests.runner.verdict.runs import RECORD, Made, part, words

IDENTICAL, WITHIN, UNKNOWN, DIVERGED = (
    Agreement.IDENTICAL,
    Agreement.WITHIN_TOLERANCE,
    Agreement.NOT_COMPARABLE,
    Agreement.DIVERGED,
)

FACTS: dict[str, Any] = {
    "metrics": {"loss": (0.5, 0.25), "accuracy": (0.9,)},
    "params": {"C": "0.05"},
    "files": {"report.json": b'{"a": 1}', "data/weights.bin": b"\0\1\2"},
    "output": b"training\n",
}


def test_nothing_differs(made: Made) -> None:
    found = made.verdict(made.run(**FACTS), made.run(**FACTS))
    assert set(words(found).values()) == {IDENTICAL}
    assert (found.agreement, found.where, found.reproduced) == (IDENTICAL, "", True)
    assert set(words(found)) == {
        "source",
        "environment",
        "parameter C",
        "metric loss",
        "metric accuracy",
        "artifact report.json",
        "artifact data/weights.bin",
        "output log",
        "exit code",
    }


CHANGES: dict[str, tuple[dict[str, Any], str, Agreement, str]] = {
    "a value": ({"metrics": {"loss": (0.5, 0.26), "accuracy": (0.9,)}}, "metric loss", DIVERGED, "step 1"),
    "a point less": ({"metrics": {"loss": (0.5,), "accuracy": (0.9,)}}, "metric loss", DIVERGED, "step 1"),
    "a series less": ({"metrics": {"loss": (0.5, 0.25)}}, "metric accuracy", DIVERGED, ""),
    "a parameter": ({"params": {"C": "0.050"}}, "parameter C", DIVERGED, ""),
    "a file less": ({"files": {"report.json": b'{"a": 1}'}}, "artifact data/weights.bin", DIVERGED, ""),
    "a byte": (
        {"files": {**FACTS["files"], "data/weights.bin": b"\0\1\3"}},
        "artifact data/weights.bin",
        UNKNOWN,
        "",
    ),
    "a number in a file": (
        {"files": {**FACTS["files"], "report.json": b'{"a": 2}'}},
        "artifact report.json",
        DIVERGED,
        "a",
    ),
    "the exit code": ({"exit_code": 1}, "exit code", DIVERGED, ""),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_found_where_it_is(name: str, made: Made) -> None:
    change, where, word, inside = CHANGES[name]
    found = made.verdict(made.run(**FACTS), made.run(**{**FACTS, **change}))
    assert {place: word for place, word in words(found).items() if word is not IDENTICAL} == {where: word}
    assert found.agreement is word
    assert found.where == ", ".join(filter(None, (where, inside)))
    assert not found.reproduced


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(data=st.data())
def test_no_change_of_anything_is_called_identical(house: Path, data: st.DataObject) -> None:
    """One change at random, of a random run."""
    names = st.sampled_from(["a", "b/c.txt", "d.bin"])
    series = st.lists(st.floats(width=64), min_size=1, max_size=4).map(tuple)
    facts: dict[str, Any] = {
        "metrics": data.draw(st.dictionaries(st.sampled_from("xyz"), series, min_size=1)),
        "params": data.draw(st.dictionaries(st.sampled_from("pqr"), st.text("ab", max_size=4), min_size=1)),
        "files": data.draw(st.dictionaries(names, st.binary(max_size=8), min_size=1)),
        "output": data.draw(st.binary(max_size=20)),
    }
    kind = data.draw(st.sampled_from(sorted(facts)))
    rules = Tolerance(compare=("output log",)) if kind == "output" else Tolerance()
    other = data.draw(
        {
            "metrics": st.dictionaries(st.sampled_from("xyz"), series),
            "params": st.dictionaries(st.sampled_from("pqr"), st.text("ab", max_size=4)),
            "files": st.dictionaries(names, st.binary(max_size=8)),
            "output": st.binary(max_size=20),
        }[kind].filter(lambda value: _exact(value) != _exact(facts[kind]))
    )
    with tempfile.TemporaryDirectory() as folder, EmbeddedStore(Path(folder) / "mlruns") as store:
        made = Made(store)
        one, same, changed = made.run(**facts), made.run(**facts), made.run(**{**facts, kind: other})
        assert made.verdict(one, same, rules).agreement is IDENTICAL
        assert made.verdict(one, changed, rules).agreement is not IDENTICAL


def _exact(value: Any) -> Any:
    """What a store tells apart: it keeps zeros without a sign, and NaN as one value."""
    if isinstance(value, dict) and any(isinstance(item, tuple) for item in value.values()):
        return {name: tuple((number + 0.0).hex() for number in item) for name, item in value.items()}
    return value


RECORDS: dict[str, tuple[Callable[[RunRecord], RunRecord], str, Agreement]] = {
    "another commit": (
        lambda record: record._replace(source=record.source._replace(commit="d" * 40)),
        "source",
        DIVERGED,
    ),
    "a patch": (
        lambda record: record._replace(
            source=record.source._replace(patch=Content("sha256:" + "1" * 64, 1))
        ),
        "source",
        DIVERGED,
    ),
    "an untracked file": (
        lambda record: record._replace(
            source=record.source._replace(files=(FileRecord("a.py", Content("sha256:" + "2" * 64, 1)),))
        ),
        "source",
        DIVERGED,
    ),
    "another folder": (
        lambda record: record._replace(source=record.source._replace(subdirectory="inner")),
        "source",
        DIVERGED,
    ),
    "something left out": (
        lambda record: record._replace(
            source=record.source._replace(left_out=(LeftOut("big.bin", 10**9, "it is too large"),))
        ),
        "source",
        UNKNOWN,
    ),
    "something not captured": (
        lambda record: record._replace(notes=("the source cannot be captured: why not",)),
        "source",
        UNKNOWN,
    ),
    "another input": (
        lambda record: record._replace(inputs=(InputRecord("data", "d.csv", "file", 1, "sha256:2"),)),
        "input data",
        DIVERGED,
    ),
    "an input without a digest": (
        lambda record: record._replace(inputs=(InputRecord("data", "d.csv", "file"),)),
        "input data",
        UNKNOWN,
    ),
    "another dataset": (
        lambda record: record._replace(inputs=(*record.inputs, InputRecord("train", None, "dataset"))),
        "input train",
        DIVERGED,
    ),
}


@pytest.mark.parametrize("name", RECORDS)
def test_what_went_in_counts(name: str, made: Made) -> None:
    change, where, word = RECORDS[name]
    begun = RECORD._replace(inputs=(InputRecord("data", "d.csv", "file", 1, "sha256:1"),))
    one, other = made.run(**FACTS, record=begun), made.run(**FACTS, record=change(begun))
    found = made.verdict(one, other)
    assert {place: word for place, word in words(found).items() if word is not IDENTICAL} == {where: word}
    assert (found.agreement, found.where) == (word, where)


def test_a_run_without_a_record_is_not_called_identical(made: Made) -> None:
    one, other = made.run(**FACTS), made.run(**FACTS, recorded=False)
    found = made.verdict(one, other)
    assert words(found)["source"] is UNKNOWN
    assert words(found)["input"] is UNKNOWN
    assert found.agreement is UNKNOWN
    assert "no record" in part(found, "source").note


def test_a_record_that_cannot_be_read_is_said(made: Made) -> None:
    one, other = made.run(**FACTS), made.run(**FACTS)
    (made.folder(other) / "reprise" / "run.json").write_text('{"version": 99}')
    found = made.verdict(one, other)
    assert found.agreement is UNKNOWN
    assert "version 99" in part(found, "source").note


def test_a_file_that_was_changed_after_the_run_is_no_evidence(made: Made) -> None:
    one, other = made.run(**FACTS), made.run(**FACTS)
    for run in (one, other):
        (made.folder(run) / "report.json").write_bytes(b'{"a": 3}')
    found = part(made.verdict(one, other), "artifact", "report.json")
    assert (found.agreement, "was changed after" in found.note) == (UNKNOWN, True)


def test_files_that_are_gone_are_no_evidence(made: Made) -> None:
    one, other = made.run(**FACTS), made.run(**FACTS)
    for run in (one, other):
        (made.folder(run) / "report.json").unlink()
    found = part(made.verdict(one, other), "artifact", "report.json")
    assert (found.agreement, found.note) == (UNKNOWN, f"it was removed from run {one[:8]}")


def test_a_run_that_goes_on_is_not_comparable(made: Made) -> None:
    one, other = made.run(**FACTS), made.run(**FACTS)
    made.store.update_run(other, status="RUNNING")
    assert part(made.verdict(one, other), "exit code").agreement is UNKNOWN


def test_secrets_and_seeds_do_not_decide(made: Made) -> None:
    secret = (ParameterRecord("token", None, "-P", secret=True),)
    one = made.run(record=RECORD._replace(parameters=secret, seeds={"PYTHONHASHSEED": "1"}))
    other = made.run(record=RECORD._replace(parameters=secret, seeds={"PYTHONHASHSEED": "2"}))
    found = made.verdict(one, other)
    assert found.agreement is IDENTICAL
    token = part(found, "parameter", "token")
    assert (token.agreement, token.note, token.decides) == (
        UNKNOWN,
        "it is a secret: its value is not recorded",
        False,
    )
    assert part(found, "parameter", "PYTHONHASHSEED").decides is False


def test_metrics_of_the_machine_and_of_the_clock_do_not_decide(made: Made) -> None:
    one = made.run(metrics={"system/cpu": (1.0,), "time/epoch": (3.0,), "loss": (0.5,)})
    other = made.run(metrics={"system/cpu": (2.0,), "time/epoch": (4.0,), "loss": (0.5,)})
    assert made.verdict(one, other, Tolerance(compare=("time/*",))).where == "metric time/epoch, step 0"
    assert (
        made.verdict(one, other, Tolerance(metrics={"time/*": EXACT})).where == "metric time/epoch, step 0"
    )
    found = made.verdict(one, other)
    assert found.agreement is IDENTICAL
    assert found.set_aside == (SetAside("machine", "system/cpu"), SetAside("duration", "time/epoch"))
    assert {item.name: item.decides for item in found.parts if item.kind == "metric"} == {
        "system/cpu": False,
        "time/epoch": False,
        "loss": True,
    }
    strict = Tolerance(metrics={"time/*": None, "system/*": Closeness()})
    assert made.verdict(one, other, strict).where == "metric system/cpu, step 0"


def test_tolerances_are_by_name(made: Made) -> None:
    one = made.run(metrics={"loss": (0.5,)}, files={"r.json": b"0.5"})
    other = made.run(metrics={"loss": (0.5001,)}, files={"r.json": b"0.5001"})
    near = Closeness(rel=1e-3)
    assert words(made.verdict(one, other, Tolerance(near)))["metric loss"] is WITHIN
    assert made.verdict(one, other, Tolerance(near)).agreement is WITHIN
    found = made.verdict(one, other, Tolerance(metrics={"loss": near}))
    assert (words(found)["metric loss"], found.where) == (WITHIN, "artifact r.json")
    assert made.verdict(one, other, Tolerance(near, artifacts={"*.json": None})).agreement is WITHIN
    ignored = Tolerance(ignore=("metric", "artifact"))
    assert made.verdict(one, other, ignored).agreement is IDENTICAL


def test_the_first_step_of_all_series_is_where_it_diverged(made: Made) -> None:
    one = made.run(metrics={"a": (1.0, 2.0, 3.0), "b": (1.0, 2.0, 3.0)}, output=b"1")
    other = made.run(metrics={"a": (1.0, 2.0, 4.0), "b": (1.0, 5.0, 3.0)}, output=b"2")
    found = made.verdict(one, other)
    assert (found.where, found.sentence) == ("metric b, step 1", "diverged at metric b, step 1")


def test_local_environments_are_compared_by_what_was_installed(made: Made) -> None:
    def local(*packages: Distribution) -> str:
        environment = EnvironmentRecord("local", digest="e" * 64, python="3.12.1", packages=packages)
        return made.run(record=RECORD._replace(environment=environment))

    one = local(Distribution("numpy", "2.0"), Distribution("reprise-ml", "1.0", "file:///r", True))
    found = part(made.verdict(one, local(Distribution("numpy", "2.0"))), "environment")
    assert found.agreement is IDENTICAL
    found = part(made.verdict(one, local(Distribution("numpy", "2.1"))), "environment")
    assert (found.agreement, found.note) == (DIVERGED, "numpy 2.1, was 2.0")
    linked = [local(Distribution("mine", "1.0", "file:///home/mine", True)) for _ in range(2)]
    found = part(made.verdict(linked[0], linked[1]), "environment")
    assert (found.agreement, "files are not recorded" in found.note) == (UNKNOWN, True)


def test_times_in_data_are_data_and_in_prose_those_of_their_runs(made: Made) -> None:
    report, data = b"Made at 2024-05-01 10:00:%02d", b'{"customer": 17145576%02d}'
    one, other = (
        made.run(files={"r.md": report % second, "r.json": data % second}, output=b"") for second in (1, 2)
    )
    found = made.verdict(one, other)
    assert words(found)["artifact r.md"] is WITHIN
    assert words(found)["artifact r.json"] is DIVERGED
    far = made.run(files={"r.md": report % 50, "r.json": data % 1}, output=b"")
    assert words(made.verdict(one, far))["artifact r.md"] is DIVERGED


def test_a_name_that_somebody_chose_may_be_a_result(made: Made) -> None:
    runs = [made.run(output=f"best is {name}\n".encode()) for name in ("baseline", "tuned")]
    for run, name in zip(runs, ("baseline", "tuned"), strict=True):
        made.store.update_run(run, run_name=name)
    assert words(made.verdict(runs[0], runs[1]))["output log"] is DIVERGED


def test_the_verdict_is_kept_with_both_runs(made: Made) -> None:
    one, other = made.run(**FACTS), made.run(**{**FACTS, "metrics": {"loss": (0.4,)}})
    found = made.verdict(one, other)
    store_verdict(made.store, one, other, found)
    said = made.store.get_run(other).tags
    assert said[tags.REPRODUCES] == one
    assert said[tags.VERDICT] == "diverged at metric accuracy"
    assert made.store.get_run(one).tags[tags.VERDICT] == said[tags.VERDICT]
    kept = json.loads((made.folder(other) / "reprise" / "verdict.json").read_text())
    assert (kept["verdict"], kept["original"], kept["again"]) == ("diverged", one, other)
    # A third run that reproduces the second one leaves the second one's verdict alone.
    third = made.run(**FACTS)
    store_verdict(made.store, other, third, made.verdict(other, third))
    assert made.store.get_run(other).tags[tags.VERDICT] == said[tags.VERDICT]


def test_a_store_elsewhere_is_read_in_the_same_way(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    from reprise.runner.verdict import compare_runs
    from reprise.server.loopback import Loopback
    from reprise.tracking.rest.store import RestTracking

    one, other = made.run(**FACTS), made.run(**{**FACTS, "files": {**FACTS["files"], "report.json": b"{}"}})
    made.store.log_batch(one, metrics=[Metric("loss", 0.1, 5, 7)])
    with Loopback.start(made.store, one) as loopback:
        for name, value in loopback.environ.items():
            monkeypatch.setenv(name, value)
        far = RestTracking(loopback.uri)
        found = compare_runs(far, one, other, Tolerance())
        far.close()
    assert words(found) == words(made.verdict(one, other))
    assert found.where == "metric loss, step 7"
