"""What the record says that a run touched: a whole run, and how much of it is listed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from reprise.runner.capture import found_inputs, machine, touched
from reprise.runner.capture.command_words import keep_observed, read_command
from reprise.runner.capture.folding import fold_inputs
from reprise.runner.capture.variables import read_salt
from reprise.schemas.record.observed_record import ObservedInput, ObservedRecord
from tests.conftest import REPOSITORY, ProjectFolder
from tests.runner.capture.recorded import record_of
from tests.runner.capture.test_record import sha256
from tests.schemas.record.test_run_record import schema

pytestmark = pytest.mark.slow

Write = Callable[[Mapping[str, str]], ProjectFolder]

PROJECT = """\
entry_points:
  main:
    command: "python train.py; awk -f sum.awk table.txt > sums.txt; echo $LEVEL"
"""
SCRIPT = """\
import os, sys, subprocess
sys.path.insert(0, os.environ["ASIDE"])
import shared
for path in ("data/t.csv", os.environ["ASIDE"] + "/big.csv", "id_rsa", "missing", "link.csv"):
    try: open(path).read()
    except OSError: pass
for name in sorted(os.listdir("images")): open("images/" + name, "rb").read()
count = open("state").read(); open("state", "w").write(count + "1")
open("queue").read(); os.remove("queue")
open("model.txt", "w").write("x"); open("model.txt").read()
os.environ.get("LR"); os.environ.get("UNSET"); os.environ.get("HOME")
subprocess.run(["sed", "-n", "1p", "side.txt"])
"""
FILES = {
    "MLproject": PROJECT,
    "train.py": SCRIPT,
    "data/t.csv": "1,2\n",
    "state": "0",
    "queue": "job",
    "id_rsa": "secret",
    "side.txt": "aside\n",
    "sum.awk": "{ print $1 }\n",
    "table.txt": "1 2\n",
    **{f"images/{number}.png": f"{number}" for number in range(120)},
}


def observed(project: ProjectFolder) -> ObservedRecord:
    Draft202012Validator(schema()).validate(
        json.loads(project.artifact(project.runs()[0], "reprise/run.json"))
    )
    found = record_of(project).observed
    assert found is not None
    return found


def test_a_run_that_touches_all_kinds_of_things(
    project: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (aside := tmp_path / "aside").mkdir()
    (aside / "shared.py").write_text("x = 1\n")
    (aside / "big.csv").write_text("big\n")
    demo = project(FILES)
    (demo.path / "link.csv").symlink_to(aside / "big.csv")
    for name, value in {"ASIDE": str(aside), "LR": "0.1", "LEVEL": "3"}.items():
        monkeypatch.setenv(name, value)
    assert demo.run().exit_code == 0
    found = observed(demo)
    rows = {item.path: item for item in found.inputs}
    assert {name: row.kind for name, row in rows.items()} == {
        **dict.fromkeys(("train.py", "data/t.csv", "state", "queue", "id_rsa"), "file"),
        **dict.fromkeys(("side.txt", "sum.awk", "table.txt"), "named"),
        str(aside / "shared.py"): "module",
        str(aside / "big.csv"): "file",
        "images": "folder",
    }
    assert rows["data/t.csv"].digest == sha256(b"1,2\n")
    assert rows[str(aside / "big.csv")].digest == sha256(b"big\n")  # by its own name and by a link
    assert (rows["state"].digest, rows["state"].note) == (sha256(b"0"), found_inputs._REWRITTEN)
    assert (rows["queue"].digest, rows["queue"].note) == (sha256(b"job"), found_inputs._REMOVED)
    assert (rows["id_rsa"].digest, rows["id_rsa"].note) == (None, "its name is that of a secret")
    assert (rows["images"].files, rows["images"].size) == (120, sum(len(str(n)) for n in range(120)))
    assert found.missing == ("missing",)
    assert {"state", "model.txt"} <= set(found.written)
    assert found.programs == ("python", "awk", "echo", "sed")
    values = {item.name: item.digest for item in found.variables}
    assert values.pop("UNSET") is None
    assert values == {
        name: read_salt().digest_value(name, os.environ[name]) for name in ("ASIDE", "LR", "LEVEL")
    }
    assert found.salt == read_salt().name
    assert [item.program for item in found.processes] == ["python"]
    assert found.faults == ()


def test_the_same_again_has_the_same_digests(project: Write) -> None:
    script = "import os\nfor name in sorted(os.listdir('images')): open('images/' + name).read()\n"
    demo = project({**FILES, "train.py": script, "MLproject": PROJECT.replace("; echo $LEVEL", "")})
    for _ in range(2):
        assert demo.run().exit_code == 0
    one, other = (record_of(demo, number).observed for number in (0, 1))
    assert one is not None and other is not None
    assert one.inputs == other.inputs
    (demo.path / "images" / "7.png").write_text("other")
    assert demo.run().exit_code == 0
    changed = {item.path for item in set(observed(demo).inputs) - set(one.inputs)}
    assert changed == {"images"}


@pytest.mark.parametrize("how", ["option", "variable"])
def test_a_run_that_is_not_observed(how: str, project: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    if how == "variable":
        monkeypatch.setenv("REPRISE_NO_OBSERVE", "1")
    script = "import os; print(os.environ.get('PYTHONPATH'), os.environ['REPRISE_NO_OBSERVE'])"
    command = f'python -c "{script}"'
    demo = project({"MLproject": f"entry_points: {{main: {{command: {json.dumps(command)}}}}}"})
    done = demo.run(*["--no-observe"] if how == "option" else [])
    assert done.exit_code == 0
    assert "None 1" in done.out
    assert record_of(demo).observed is None


@pytest.mark.parametrize(
    ("command", "observed"),
    [
        ("PYTHONPATH=src python a.py", "PYTHONPATH=$REPRISE_OBSERVER:src python a.py"),
        ("export PYTHONPATH='s rc'; python", "export PYTHONPATH=$REPRISE_OBSERVER:'s rc'; python"),
        ("PYTHONPATH= python a.py", "PYTHONPATH=$REPRISE_OBSERVER python a.py"),
        ('cd x && PYTHONPATH="$PWD" python', 'cd x && PYTHONPATH=$REPRISE_OBSERVER:"$PWD" python'),
        ("PYTHONPATH=src:$PYTHONPATH python", "PYTHONPATH=src:$PYTHONPATH python"),
        ("echo 'PYTHONPATH=src' \"a' PYTHONPATH=b\"", "echo 'PYTHONPATH=src' \"a' PYTHONPATH=b\""),
        ("cat <<EOF\nPYTHONPATH=src\nEOF", "cat <<EOF\nPYTHONPATH=src\nEOF"),
        ("MY_PYTHONPATH=1 python --PYTHONPATH=2", "MY_PYTHONPATH=1 python --PYTHONPATH=2"),
    ],
)
def test_a_command_that_sets_the_search_path(command: str, observed: str) -> None:
    assert keep_observed(command) == observed


def test_a_run_that_sets_the_search_path_is_observed(project: Write) -> None:
    demo = project(
        {
            "MLproject": "entry_points: {main: {command: PYTHONPATH=src python a.py}}",
            "a.py": "import sys, mine; print(sys.path[1:2], sys.argv)",
            "src/mine.py": "",
        }
    )
    done = demo.run()
    assert f"['{demo.path}/src'] ['a.py']" in done.out
    assert {item.path for item in observed(demo).inputs} == {"a.py", "src/mine.py"}
    assert record_of(demo).project.command == "PYTHONPATH=src python a.py"


def test_a_script_that_keeps_python_from_being_observed_is_named(project: Write) -> None:
    demo = project(
        {
            "MLproject": "entry_points: {main: {command: bash go.sh}}",
            "go.sh": "PYTHONPATH=src python -c 1",
        }
    )
    assert demo.run().exit_code == 0
    assert observed(demo).faults[0] == '"PYTHONPATH=src" in go.sh prevents Python from being observed'


def test_what_cannot_be_observed_is_said(project: Write) -> None:
    demo = project({"MLproject": "entry_points: {main: {command: python -I -c 1}}"})
    assert demo.run().exit_code == 0
    assert observed(demo).faults == (
        '"python -I" in the command prevents Python from being observed',
        "no Python process of the run was observed",
    )


def test_more_than_is_read_after_a_run_is_counted(project: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(touched, "_BYTES", 100)
    demo = project({**FILES, "train.py": "open('large').read(); open('side.txt').read()\n"})
    (demo.path / "large").write_text("x" * 200)
    assert demo.run().exit_code == 0
    rows = {item.path: item for item in observed(demo).inputs}
    assert (rows["large"].digest, rows["large"].note) == (None, touched._TOO_MUCH)
    assert rows["side.txt"].digest is not None


UNTIL_SEEN = """\
import os, sys, time
from pathlib import Path
tree = Path(sys.argv[1], "tree")
while not tree.exists() or not {str(os.getpid()), sys.argv[2]} <= set(tree.read_text().split()):
    time.sleep(0.05)
"""


def test_processes_that_do_not_tell_of_themselves_are_seen_while_they_last(project: Write) -> None:
    command = (
        "python -c 1; sleep 600 & notes=$REPRISE_OBSERVED; "
        "env -u REPRISE_OBSERVED python wait.py $notes $!; kill $!"
    )
    demo = project(
        {
            "MLproject": f"entry_points: {{main: {{command: {json.dumps(command)}}}}}",
            "wait.py": UNTIL_SEEN,
        }
    )
    assert demo.run().exit_code == 0
    found = observed(demo)
    assert {"python", "sleep"} <= {item.program for item in found.processes}
    assert found.faults == ("1 of its Python processes was not observed",)


def test_a_python_that_the_command_names_is_recorded_with_its_packages(
    project: Write, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", other], check=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    metadata = other / "lib" / version / "site-packages" / "beta-2.0.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.1\nName: beta\nVersion: 2.0\n")
    demo = project(
        {"MLproject": f"entry_points: {{main: {{command: '{other}/bin/python -c 1; python -c 1'}}}}"}
    )
    assert demo.run().exit_code == 0
    found = {Path(item.prefix): item.packages for item in observed(demo).interpreters}
    assert found == {other: {"beta": "2.0"}, Path(sys.prefix): None}


def files(*names: str) -> list[ObservedInput]:
    return [ObservedInput(name, "file", 1, f"sha256:{'0' * 64}") for name in sorted(names)]


def test_many_files_are_told_by_their_folders() -> None:
    few = files("a.csv", "data/b.csv")
    assert fold_inputs(few) == tuple(few)
    classes = [f"/data/train/{kind}/{number}.png" for kind in range(1500) for number in range(3)]
    (one, folder) = fold_inputs(files("a.csv", *classes))[::-1]
    assert one.path == "a.csv"
    assert (folder.path, folder.kind, folder.files, folder.size) == ("/data/train", "folder", 4500, 4500)
    assert folder.digest is not None
    unknown = [
        files("d/0")[0]._replace(digest=None, note="gone"),
        *files(*(f"d/{n}" for n in range(1, 150))),
    ]
    (folder,) = fold_inputs(unknown)
    assert (folder.digest, folder.note) == (None, "1 of 150: gone")


@pytest.mark.parametrize(
    ("command", "programs", "names"),
    [
        ("Rscript fit.R --data=a.csv > out.csv 2>&1", ["Rscript"], ["fit.R", "a.csv"]),
        (
            "X=1 awk -f 'b c.awk' <a.csv | sort; ./run.sh",
            ["awk", "sort", "run.sh"],
            ["b c.awk", "a.csv", "run.sh"],
        ),
        ("cat *.csv && python fit.R a.csv", ["cat", "python"], ["a.csv", "out.csv"]),
        ("echo 'no end", ["echo"], []),
        ("echo $(cat a.csv)", ["echo", "cat"], ["a.csv"]),
    ],
)
def test_what_a_command_names(command: str, programs: list[str], names: list[str], tmp_path: Path) -> None:
    for name in ("fit.R", "a.csv", "b c.awk", "out.csv", "run.sh"):
        (tmp_path / name).touch()
    found = read_command(command, tmp_path)
    assert list(found.programs) == programs
    assert {Path(file).name for file in found.files} == set(names)


def test_the_reference_has_every_variable_that_is_restored() -> None:
    text = (REPOSITORY / "docs" / "reference" / "run-record.md").read_text()
    assert [name for name in (*machine.NUMBERS, *machine.SETTINGS) if f"`{name}`" not in text] == []
