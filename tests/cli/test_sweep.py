"""``reprise sweep``: many settings, and what is left of them after any death."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from reprise.schemas import tags
from tests.conftest import ProjectFolder, eventually

Write = Callable[[Mapping[str, str]], ProjectFolder]

MLPROJECT = """
name: tiny
entry_points:
  main:
    parameters:
      n: {type: int, default: 1, minimum: 1, maximum: 20}
      word: {type: string, default: a, enum: [a, b]}
      fails_at: {type: int, default: 0}
    command: "echo {n} {word} >>{out}; test {n} != {fails_at}"
""".replace("{out}", "$OUT")


@pytest.fixture
def tiny(project: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ProjectFolder:
    monkeypatch.setenv("OUT", str(tmp_path / "out.txt"))
    return project({"MLproject": MLPROJECT})


def sweep(tiny: ProjectFolder, *words: str) -> Any:
    return tiny.reprise("sweep", str(tiny.path), "--env-manager=local", *words)


def lines(tmp_path: Path) -> list[str]:
    return sorted((tmp_path / "out.txt").read_text().splitlines())


def listed(tiny: ProjectFolder, name: str) -> Any:
    return json.loads(tiny.reprise("sweep", "show", name, "--json").out)


def test_every_combination_is_a_run_below_one_parent(tiny: ProjectFolder, tmp_path: Path) -> None:
    done = sweep(tiny, "-S", "n=1..3", "-S", "word", "--name", "first", "--jobs=2")
    assert done.exit_code == 0, done.err
    assert lines(tmp_path) == ["1 a", "1 b", "2 a", "2 b", "3 a", "3 b"]
    runs = tiny.runs()
    (parent,) = [run for run in runs if tags.PARENT_RUN_ID not in run.tags]
    trials = [run for run in runs if run.tags.get(tags.PARENT_RUN_ID) == parent.run_id]
    assert (parent.status, parent.run_name, len(trials)) == ("FINISHED", "first", 6)
    assert {(run.params["n"], run.params["word"]) for run in trials} == {
        (n, w) for n in "123" for w in "ab"
    }
    assert "Sweep first FINISHED: 6 trials" in done.err
    assert listed(tiny, "first")["finished"] == 6
    assert "first" in tiny.reprise("sweep", "list").out


def test_a_trial_that_fails_is_named_and_tried_again_on_request(
    tiny: ProjectFolder, tmp_path: Path
) -> None:
    done = sweep(tiny, "-S", "n=1..3", "-P", "fails_at=2", "--name", "f", "--retries=1")
    assert done.exit_code == 1
    assert "2 of 3 trials finished, 1 failed" in done.err and "FAILED" in done.err
    assert lines(tmp_path) == ["1 a", "2 a", "2 a", "3 a"]
    trials = {trial["parameters"]["n"]: trial["status"] for trial in listed(tiny, "f")["list"]}
    assert trials == {"1": "FINISHED", "2": "FAILED", "3": "FINISHED"}


def test_after_so_many_failures_no_further_trial_starts(tiny: ProjectFolder, tmp_path: Path) -> None:
    done = sweep(tiny, "-S", "n=1..3", "-P", "fails_at=1", "--max-failures=1")
    assert done.exit_code == 1
    assert lines(tmp_path) == ["1 a"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "varies at least one parameter"),
        (["-S", "n=3..1"], "does not go up"),
        (["-S", "fails_at"], "declares no enum"),
        (["-S", "other"], "declares no such parameter"),
        (["-S", "n=1,2", "-P", "n=3"], "is varied and has a fixed value"),
        (["-S", "n=1,x"], '-S n: "x" is not an int'),
        (["-S", "n=1..30"], "-S n: 30 is"),
        (["-S", "n=1,2", "--metric", "acc:most"], "NAME:max"),
        (["-S", "n=1,2", "--sampler=random"], "--trials"),
    ],
)
def test_what_cannot_work_is_refused_and_leaves_no_run(
    tiny: ProjectFolder, words: list[str], told: str
) -> None:
    refused = sweep(tiny, *words)
    assert refused.exit_code == 2
    assert told in refused.err
    assert tiny.runs() == []


def test_no_sweep_is_said(tiny: ProjectFolder) -> None:
    assert tiny.run().exit_code == 0
    assert "there is no sweep" in tiny.reprise("sweep", "list").err
    assert 'there is no sweep "nope"' in tiny.reprise("sweep", "resume", "nope").err
    assert "is not a sweep" in tiny.reprise("sweep", "show", "@last").err


@pytest.mark.slow
def test_killed_again_and_again_it_ends_with_each_trial_once(tiny: ProjectFolder, tmp_path: Path) -> None:
    words = [
        sys.executable,
        "-m",
        "reprise",
        "sweep",
        str(tiny.path),
        "--env-manager=local",
        "-S",
        "n=1..12",
    ]
    words += ["--jobs=2", "--name=k"]

    def count() -> int:
        return len(lines(tmp_path)) if (tmp_path / "out.txt").exists() else 0

    for number in (1, 4, 8):
        started = subprocess.Popen(words, start_new_session=True, stderr=subprocess.DEVNULL)
        assert eventually(lambda enough=number: count() >= enough)  # type: ignore[misc]
        os.killpg(started.pid, signal.SIGKILL)
        started.wait()
    last = [subprocess.Popen(words, stderr=subprocess.DEVNULL) for _ in range(2)]
    assert [process.wait() for process in last] == [0, 0]
    shown = listed(tiny, "k")
    assert (shown["status"], shown["finished"], len(shown["list"])) == ("FINISHED", 12, 12)
    finished = Counter(run.params["n"] for run in tiny.runs() if run.status == "FINISHED" and run.params)
    assert finished == dict.fromkeys(map(str, range(1, 13)), 1)
