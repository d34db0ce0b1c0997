"""``reprise run --twice``: two runs, one verdict, and the causes of what differs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from reprise.schemas import tags
from tests.conftest import ProjectFolder

pytestmark = pytest.mark.slow

Write = Callable[[Mapping[str, str]], ProjectFolder]

MLPROJECT = "entry_points:\n  main:\n    command: python train.py\n"

UPLOAD = """\
import os, urllib.request

def upload(name, data):
    place = f"mlflow-artifacts/artifacts/{os.environ['MLFLOW_EXPERIMENT_ID']}/{os.environ['MLFLOW_RUN_ID']}"
    url = f"{os.environ['MLFLOW_TRACKING_URI']}/api/2.0/{place}/artifacts/{name}"
    token = {"Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"]}
    urllib.request.urlopen(urllib.request.Request(url, data, token, method="PUT")).close()
"""


def twice(project: ProjectFolder) -> tuple[int, dict[str, Any]]:
    """The exit code, and what is told as JSON."""
    result = project.run("--twice", "--json")
    told: dict[str, Any] = json.loads(result.out)
    return result.exit_code, told


def causes(told: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    return [(item["name"], item["places"]) for item in told["causes"]]


def test_what_comes_out_the_same_is_two_runs_and_ends_with_0(project: Write) -> None:
    good = project({"MLproject": MLPROJECT, "train.py": "print(sorted({'a', 'b', 'c'}))\n"})
    code, told = twice(good)
    assert (code, told["verdict"]["verdict"], told["causes"]) == (0, "identical", [])
    second, first = good.runs()
    assert [told["first"]["run_id"], told["second"]["run_id"]] == [first.run_id, second.run_id]
    assert second.tags[tags.REPRODUCES] == first.run_id
    assert second.tags[tags.VERDICT] == first.tags[tags.VERDICT] == "identical"
    assert tags.REPRODUCES not in first.tags


def test_people_see_the_verdict_the_cause_and_the_fix(project: Write) -> None:
    bad = project({"MLproject": MLPROJECT, "train.py": "import random\nprint(random.random())\n"})
    result = bad.run("--twice")
    assert result.exit_code == 7
    assert "PART" in result.out
    assert "likely cause: no-seed: random.random() (train.py:2)" in result.out
    assert "  fix: declare a parameter seed" in result.out
    assert "does not reproduce" in result.err


CAUSES: list[tuple[str, list[tuple[str, list[str]]]]] = [
    # (code, the causes in their order)
    ("import random\nprint(random.random())", [("no-seed", ["train.py:2"])]),
    (
        "for word in {str(n) for n in range(99)}: print(word)",
        [("hash-seed", ["train.py:1"]), ("order", [])],
    ),
    ("print(hash('text'))", [("hash-seed", ["train.py:1"])]),
    ("import uuid\nprint(uuid.uuid4().int)", [("random-id", ["train.py:2"])]),
    ("open('/dev/urandom', 'rb')\nprint(open('/dev/urandom', 'rb').read(8))", [("unknown", [])]),
    ("import time\nprint(f'{time.time() % 1:.9f}')", [("time", ["train.py:2"])]),
]


@pytest.mark.parametrize(("code", "expected"), CAUSES, ids=[names[0][0] for _, names in CAUSES])
def test_the_likely_causes(project: Write, code: str, expected: list[tuple[str, list[str]]]) -> None:
    found, told = twice(project({"MLproject": MLPROJECT, "train.py": f"{code}\n"}))
    assert (found, causes(told)) == (7, expected)


STATE = """\
from pathlib import Path
state = Path("../state.txt")
n = int(state.read_text()) if state.exists() else 0
state.write_text(str(n + 1)); print(n * 3)
"""
PROGRAM = (
    "import subprocess\nprint(subprocess.check_output(['od', '-An', '-N4', '-tx4', '/dev/urandom']))\n"
)
THREADS = """\
import threading
from pathlib import Path
Path("../runs").open("a").write("x")
def work(): pass
thread = threading.Thread(target=work); thread.start(); thread.join()
print(Path("../runs").stat().st_size * 7)
"""


@pytest.mark.parametrize(
    ("code", "name", "words"),
    [
        (STATE, "state", "state.txt is read after the previous run has written it"),
        (PROGRAM, "program", "starts od"),
        (THREADS, "shared-values", "threading.Thread() (train.py:5)"),
    ],
    ids=["state", "program", "threads"],
)
def test_causes_outside_of_the_code(project: Write, code: str, name: str, words: str) -> None:
    exit_code, told = twice(project({"MLproject": MLPROJECT, "train.py": code}))
    assert exit_code == 7
    assert name in [item["name"] for item in told["causes"]]
    assert words in " ".join(item["what"] for item in told["causes"])


def test_a_time_in_a_log_is_named_and_tolerated(project: Write) -> None:
    code = "from datetime import datetime\nprint(datetime.now())\n"
    found, told = twice(project({"MLproject": MLPROJECT, "train.py": code}))
    assert (found, told["verdict"]["verdict"]) == (0, "within tolerance")
    assert causes(told) == [("time", ["train.py:2"])]


def test_a_document_that_holds_the_time_of_its_writing(project: Write) -> None:
    code = "import time, track\ntrack.upload('plot.pdf', b'%PDF\\0' + time.time_ns().to_bytes(8, 'big'))\n"
    found, told = twice(project({"MLproject": MLPROJECT, "train.py": code, "track.py": UPLOAD}))
    assert (found, told["causes"][0]["name"]) == (7, "time")
    assert "artifact plot.pdf" in told["causes"][0]["what"]


def test_a_hash_seed_that_the_user_sets_is_that_of_both_runs(
    project: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    same = project({"MLproject": MLPROJECT, "train.py": "print({str(n) for n in range(99)})\n"})
    assert twice(same)[0] == 0


def test_what_the_first_run_leaves_in_the_project_is_no_source(project: Write) -> None:
    left = project({"MLproject": MLPROJECT, "train.py": "open('out.txt', 'w').write('1')\n"})
    code, told = twice(left)
    assert (code, causes(told)) == (0, [])


def test_a_first_run_that_fails_ends_it(project: Write) -> None:
    bad = project({"MLproject": MLPROJECT, "train.py": "raise SystemExit(3)\n"})
    code, told = twice(bad)
    assert (code, told["second"], told["verdict"]) == (3, None, None)
    assert len(bad.runs()) == 1


def test_a_second_run_that_fails_is_a_verdict(project: Write) -> None:
    code = "from pathlib import Path\nflag = Path('mlruns/flag')\nif flag.exists(): raise SystemExit(4)\n"
    bad = project({"MLproject": MLPROJECT, "train.py": f"{code}flag.parent.mkdir()\nflag.touch()\n"})
    found, told = twice(bad)
    assert (found, told["second"]["exit_code"]) == (7, 4)
    assert "exit code" in told["verdict"]["where"]


@pytest.mark.parametrize("more", [["--no-wait"], ["--run-id", "0" * 32]])
def test_options_that_exclude_it(project: Write, more: list[str]) -> None:
    good = project({"MLproject": MLPROJECT, "train.py": ""})
    result = good.run("--twice", *more)
    assert (result.exit_code, "--twice makes two runs" in result.err) == (2, True)
    assert good.runs() == []
