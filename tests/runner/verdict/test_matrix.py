"""Many situations, each with its right answer: no false alarm, and no false ``identical``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeAlias

import pytest

from reprise import projects
from reprise.errors import RunFailed
from reprise.runner.verdict import compare_runs
from reprise.runner.verdict.values import Verdict
from reprise.schemas.tolerance import Tolerance
from reprise.tracking.sqlite.store import EmbeddedStore
from tests.conftest import TOLD
from tests.runner.verdict.runs import Made
from tests.runner.verdict.situations import CLIENT, DIFFERS, FAILED, PAIRS, SAME, SCRIPTS

Record: TypeAlias = Callable[[str, object], None]


def answer(found: Verdict) -> str:
    if found.failed_alike:
        return FAILED
    return SAME if found.reproduced else DIFFERS


def judge(title: str, answers: Iterable[tuple[str, str, Verdict]], record: Record) -> None:
    """Record how often the verdict was wrong in either way, and fail where it was."""
    said = [(name, right, answer(found), found.sentence) for name, right, found in answers]
    wrong = [item for item in said if item[1] != item[2]]
    alarms = sum(1 for _, right, _, _ in wrong if right == SAME)
    sums = f"false identical {len(wrong) - alarms}, false diverged {alarms}"
    record(TOLD, f"verdict, {len(said)} {title}: {sums}")
    assert not wrong, "\n".join(
        f"{name}: {given} and not {right}: {why}" for name, right, given, why in wrong
    )


def test_pairs_of_runs(made: Made, record_property: Record) -> None:
    assert len(PAIRS) + len(SCRIPTS) >= 60
    answers = (
        (name, pair.answer, made.verdict(made.run(**pair.a), made.run(**pair.b)))
        for name, pair in PAIRS.items()
    )
    judge("pairs of runs", answers, record_property)


@pytest.mark.slow
def test_scripts_that_are_performed_twice(
    house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Record
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(tmp_path)
    entry_points = "".join(f"  {name}:\n    command: python {name}.py\n" for name in SCRIPTS)
    (project / "MLproject").write_text(f"name: matrix\nentry_points:\n{entry_points}")
    (project / "client.py").write_text(CLIENT)
    for name, (_, script) in SCRIPTS.items():
        (project / f"{name}.py").write_text(f"from client import *\n{script}")
    with EmbeddedStore(tmp_path / "mlruns") as store:

        def perform(name: str) -> str:
            before = {run.run_id for run in store.search_runs(["0"]).items}
            try:
                projects.run(str(project), name, env_manager="local")
            except RunFailed:
                pass
            runs = [run for run in store.search_runs(["0"]).items if run.run_id not in before]
            return next(run.run_id for run in runs if "mlflow.parentRunId" not in run.tags)

        rules = Tolerance(ignore=("source",))  # one script counts its runs in its folder
        answers = (
            (name, right, compare_runs(store, perform(name), perform(name), rules))
            for name, (right, _) in SCRIPTS.items()
        )
        judge("scripts performed twice", answers, record_property)
