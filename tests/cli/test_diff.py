"""``reprise diff`` as a user types it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from reprise.tracking.sqlite.store import EmbeddedStore
from tests.cli.test_verify import MLPROJECT, SCRIPT, ids
from tests.conftest import ProjectFolder
from tests.fakes.repositories import commit, git

pytestmark = pytest.mark.slow

Write = Callable[[Mapping[str, str]], ProjectFolder]


@pytest.fixture
def demo(project: Write) -> ProjectFolder:
    """Two runs; between them the source, a parameter and so the metric changed."""
    demo = project({"MLproject": MLPROJECT, "train.py": SCRIPT})
    git(demo.path, "init", "--quiet", "--initial-branch=main")
    commit(demo.path, {}, "first")
    assert demo.run().exit_code == 0
    (demo.path / "train.py").write_text(f"{SCRIPT}print('\tdone')\n")
    (demo.path / "new.py").write_text("x = 1\n")
    assert demo.run("-P", "C=0.7").exit_code == 0
    return demo


def test_what_differs_is_shown_and_nothing_else(demo: ProjectFolder) -> None:
    one, other = ids(demo)
    done = demo.reprise("diff", one, other)
    assert (done.exit_code, done.err) == (0, "")
    assert "+print('        done')" in done.out  # a tab is blanks on a terminal, and no \\x09
    assert "+x = 1" in done.out
    lines = [line.split() for line in done.out.splitlines()]
    assert ["C", "0.5", "0.7"] in lines
    assert ["loss", "0.5", "0.7", "diverged:", "step", "3:", "0.7,", "was", "0.5"] in lines
    titles = [line for line in done.out.splitlines() if line.istitle() and " " not in line]
    assert titles == ["Source", "Parameters", "Metrics", "Outcome"]


def test_all_also_shows_what_is_the_same(demo: ProjectFolder) -> None:
    one, other = ids(demo)
    assert "cores" not in demo.reprise("diff", one, other).out
    shown = demo.reprise("diff", one, other, "--all")
    assert (shown.exit_code, "Machine" in shown.out, "cores" in shown.out) == (0, True, True)


def test_json_has_the_same(demo: ProjectFolder) -> None:
    one, other = ids(demo)
    found = json.loads(demo.reprise("diff", one, other, "--json").out)
    assert (found["a"], found["b"]) == (one, other)
    assert "\n+print('\tdone')\n" in found["source"]["diff"]
    assert found["source"]["b"].endswith(" with uncommitted changes")
    assert {"name": "C", "a": "0.5", "b": "0.7", "note": ""} in found["parameters"]
    (metric,) = found["metrics"]
    assert (metric["a"], metric["b"]) == ("0.5", "0.7")
    assert (found["environment"], found["inputs"], found["artifacts"], found["machine"]) == ([], [], [], [])


def test_without_the_commits_what_was_kept_is_compared(demo: ProjectFolder) -> None:
    one, other = ids(demo)
    shutil.rmtree(demo.path)
    with EmbeddedStore(Path("mlruns").absolute()) as store:
        for run in (one, other):
            file = store.artifact_folder(run) / "reprise" / "run.json"
            record = json.loads(file.read_text())
            record["source"]["snapshot"] = []
            file.write_text(json.dumps(record))
    shown = demo.reprise("diff", one, other).out
    assert "is not available: what the runs kept is compared" in shown
    assert "+x = 1" in shown
    assert "+print('        done')" in shown  # changed files are kept whole


def test_runs_that_only_printed_something_else(project: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hint of a failed verdict leads here: it must not say that nothing differs."""
    demo = project({"MLproject": MLPROJECT, "train.py": f"{SCRIPT}print(os.environ['WORD'])\n"})
    monkeypatch.setenv("PYTHONHASHSEED", "0")
    for word in ("one", "another"):
        monkeypatch.setenv("WORD", word)
        assert demo.run().exit_code == 0
    done = demo.reprise("diff", *ids(demo))
    assert (done.exit_code, done.err) == (0, "")
    assert done.out.splitlines()[-1].startswith("output log")
    assert 'diverged: stdout, line 1: "another", was "one"' in done.out


def test_runs_that_differ_in_nothing(demo: ProjectFolder) -> None:
    assert demo.run("-P", "C=0.7").exit_code == 0
    _, one, other = ids(demo)
    done = demo.reprise("diff", one, other)
    assert "Source" not in done.out
    assert done.exit_code == 0


def test_a_run_without_a_record_shows_what_there_is(demo: ProjectFolder) -> None:
    one, other = ids(demo)
    with EmbeddedStore(Path("mlruns").absolute()) as store:
        (store.artifact_folder(one) / "reprise" / "run.json").unlink()
    done = demo.reprise("diff", one, other)
    assert done.exit_code == 0
    assert "no record" in done.out
    assert "loss" in done.out
