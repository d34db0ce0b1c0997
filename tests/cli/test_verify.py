"""``reprise verify`` as a user types it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from reprise.schemas import tags
from tests.conftest import ProjectFolder
from tests.fakes.repositories import commit, git

pytestmark = pytest.mark.slow

Write = Callable[[Mapping[str, str]], ProjectFolder]

MLPROJECT = """\
entry_points:
  main:
    parameters: {C: {type: float, default: 0.5}}
    command: "python train.py {C}"
"""
SCRIPT = """\
import json, os, sys, time, urllib.request

run, store = os.environ["MLFLOW_RUN_ID"], os.environ["MLFLOW_TRACKING_URI"]
point = {"run_id": run, "key": "loss", "value": float(sys.argv[1]), "timestamp": 1, "step": 3}
request = urllib.request.Request(store + "/api/2.0/mlflow/runs/log-metric", json.dumps(point).encode())
request.add_header("Authorization", "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"])
request.add_header("Content-Type", "application/json")
urllib.request.urlopen(request).close()
"""


@pytest.fixture
def demo(project: Write) -> ProjectFolder:
    """Three runs of a committed project: two alike, and a third with a slightly larger loss."""
    demo = project({"MLproject": MLPROJECT, "train.py": SCRIPT})
    git(demo.path, "init", "--quiet", "--initial-branch=main")
    commit(demo.path, {}, "first")
    for value in ("0.5", "0.5", "0.5000001"):
        assert demo.run("-P", f"C={value}").exit_code == 0
    return demo


def ids(demo: ProjectFolder) -> list[str]:
    """The oldest first."""
    return [run.run_id for run in reversed(demo.runs())]


def test_two_runs_that_are_the_same(demo: ProjectFolder) -> None:
    one, other, _ = ids(demo)
    done = demo.reprise("verify", one[:8], other)
    assert done.exit_code == 0
    assert done.err == f"Run {other} reproduces {one}: identical\n"
    rows = {tuple(line.split()[:2]) for line in done.out.splitlines()[1:]}
    assert {("source", "identical"), ("environment", "identical"), ("metric", "loss")} <= rows
    run = next(run for run in demo.runs() if run.run_id == other)
    assert (run.tags[tags.REPRODUCES], run.tags[tags.VERDICT]) == (one, "identical")


def test_two_runs_that_differ(demo: ProjectFolder) -> None:
    _, other, third = ids(demo)
    done = demo.reprise("verify", other, third, "--json")
    assert done.exit_code == 7
    assert "diverged at metric loss, step 3" in done.err
    assert f"hint: reprise diff {other[:8]} {third[:8]}" in done.err
    found = json.loads(done.out)
    assert (found["version"], found["verdict"], found["reproduced"]) == (2, "diverged", False)
    assert (found["original"], found["again"], found["where"]) == (other, third, "metric loss, step 3")
    (part,) = [part for part in found["parts"] if part["part"] == "metric"]
    assert part == {
        "part": "metric",
        "name": "loss",
        "verdict": "diverged",
        "where": "step 3",
        "note": "0.5000001, was 0.5",
        "decides": True,
        "set_aside": [],
    }
    run = next(run for run in demo.runs() if run.run_id == third)
    assert json.loads(demo.artifact(run, "reprise/verdict.json")) == found


def test_tolerances(demo: ProjectFolder) -> None:
    _, other, third = ids(demo)
    # The parameter differs, and parameters are exact.
    done = demo.reprise("verify", other, third, "--tolerance", "1e-6")
    assert (done.exit_code, "diverged at parameter C" in done.err) == (7, True)
    Path("t.yaml").write_text("metrics: {loss: {rel: 1e-6}}\nignore: [parameter]\n")
    done = demo.reprise("verify", other, third, "--tolerance-file", "t.yaml")
    assert (done.exit_code, done.err.endswith(": within tolerance\n")) == (0, True)
    assert "does not decide" in done.out


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--tolerance", "much"], '--tolerance "much" is not a number from 0 on'),
        (["--tolerance", "-1"], '--tolerance "-1" is not a number from 0 on'),
        (["--tolerance", "nan"], '--tolerance "nan" is not a number from 0 on'),
        (["--tolerance", "1", "--tolerance-file", "t.yaml"], "both --tolerance and --tolerance-file"),
        (["--tolerance-file", "none.yaml"], "--tolerance-file none.yaml cannot be read"),
        (["--tolerance-file", "t.yaml"], 't.yaml:1:1  unknown key "metric"; did you mean "metrics"?'),
    ],
)
def test_wrong_tolerances_are_refused_before_anything_else(
    options: list[str], sentence: str, project: Write
) -> None:
    Path("t.yaml").write_text("metric: {}\n")
    done = project({}).reprise("verify", "@last", "@last", *options)
    assert (done.exit_code, sentence in done.err) == (2, True), done.err


def test_a_run_is_not_compared_with_itself(demo: ProjectFolder) -> None:
    done = demo.reprise("verify", "@last", ids(demo)[-1])
    assert (done.exit_code, "both are run" in done.err) == (2, True)


def test_the_verdict_is_told_also_where_it_cannot_be_kept(demo: ProjectFolder) -> None:
    one, other, _ = ids(demo)
    assert demo.reprise("runs", "delete", other).exit_code == 0
    done = demo.reprise("verify", one, other)
    assert done.exit_code == 0
    assert "The verdict could not be stored with the runs" in done.err
