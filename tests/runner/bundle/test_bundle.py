"""A bundle is all that a run needs: made, carried elsewhere, performed, with the right verdict."""

from __future__ import annotations

import json
import shutil
import stat
import zipfile
from pathlib import Path

import pytest

from tests.fakes.repositories import git
from tests.runner.bundle.conftest import Traveller

pytestmark = pytest.mark.slow

LOCAL = "--env-manager=local"
SCRIPT = (
    "import params\n"
    "for step in range(3):\n    track.metric('loss', params.rate / (step + 1), step)\n"
    "track.metric('odd', 'NaN')\n"
    "track.artifact('sub%20folder/m.txt', 'weights')\nprint('done')\n"
)
READS = "entry_points:\n  main:\n    parameters:\n      data: path\n    command: python train.py {data}\n"


def test_performed_elsewhere_from_the_bundle_alone(traveller: Traveller) -> None:
    project = traveller.golden.project(SCRIPT, params__py="rate = 1\n")
    (project / "params.py").write_text("rate = 2\n")
    (project / "untracked.txt").write_text("too\n")
    (project / "latest").symlink_to("params.py")
    run = traveller.golden.run(project, LOCAL)
    file = traveller.bundle(run)
    traveller.leave()
    again = traveller.again(file)
    assert (again.exit_code, again.data["original"]) == (0, run), again.err
    assert again.parts("metric") == {"loss": "identical", "odd": "identical"}
    assert again.parts("artifact") == {"sub folder/m.txt": "identical"}
    assert again.verdict == "identical"
    second = traveller.again(file)  # the run is there already
    assert second.exit_code == 0
    assert second.data["run_id"] != again.data["run_id"]


def test_other_result_is_told(traveller: Traveller, tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("1")
    project = traveller.golden.project(f"track.metric('x', float(open({str(outside)!r}).read()))\n")
    file = traveller.bundle(traveller.golden.run(project, LOCAL))
    traveller.leave()
    outside.write_text("2")
    again = traveller.again(file)
    assert (again.exit_code, again.verdict) == (7, "diverged")
    assert again.data["verdict"]["where"].startswith("metric x")


def test_without_git(traveller: Traveller) -> None:
    project = traveller.golden.project(SCRIPT, params__py="rate = 1\n")
    shutil.rmtree(project / ".git")
    file = traveller.bundle(traveller.golden.run(project, LOCAL))
    traveller.leave()
    assert traveller.again(file).verdict == "identical"


def test_submodule(traveller: Traveller) -> None:
    part = traveller.golden.project("", name="part", value__py="value = 1\n")
    project = traveller.golden.project(
        "import sys\nsys.path.insert(0, 'part')\nimport value\ntrack.metric('value', value.value)\n"
    )
    git(project, "submodule", "--quiet", "add", str(part), "part")
    git(project, "commit", "--quiet", "--message", "part")
    (project / "part" / "value.py").write_text("value = 3\n")
    file = traveller.bundle(traveller.golden.run(project, LOCAL))
    traveller.leave()
    assert traveller.again(file).verdict == "identical"


def test_commit_that_the_run_did_not_keep(traveller: Traveller) -> None:
    project = traveller.golden.project(SCRIPT, params__py="rate = 1\n")
    run = traveller.golden.run(project, LOCAL)
    [record] = traveller.golden.store.rglob("reprise/run.json")
    data = json.loads(record.read_text())
    data["source"]["snapshot"] = []
    record.write_text(json.dumps(data))
    file = traveller.bundle(run)
    traveller.leave()
    assert traveller.again(file).verdict == "identical"


def test_inputs_come_along_up_to_a_size(traveller: Traveller) -> None:
    project = traveller.golden.project(
        "import sys\ntrack.metric('size', len(open(sys.argv[1]).read()))\n", MLproject=READS
    )
    (traveller.golden.folder / "data.csv").write_text("1,2\n" * 1000)
    run = traveller.golden.run(project, LOCAL, "-P", "data=data.csv")
    small = traveller.reprise(
        "bundle", run, "-o", "small.zip", "--max-input", "1kB", "--json",
        "--tracking-uri", str(traveller.golden.store),
    )  # fmt: skip
    assert "Left out: data (it is larger than 1 kB)" in small.stderr
    assert [item["path"] for item in json.loads(small.stdout)["left_out"]] == ["data"]
    file = traveller.bundle(run)
    traveller.leave()
    without = traveller.again(traveller.golden.elsewhere / "small.zip")
    assert without.exit_code == 2
    assert "input data is missing" in without.err
    again = traveller.again(file)
    assert (again.exit_code, again.parts("input")["data"]) == (0, "identical"), again.err
    assert "Not here" not in again.err


def test_folder_as_input_that_changed_is_left_out(traveller: Traveller) -> None:
    project = traveller.golden.project(
        "import sys, os\ntrack.metric('files', len(os.listdir(sys.argv[1])))\n", MLproject=READS
    )
    data = traveller.golden.folder / "data"
    data.mkdir()
    (data / "a.txt").write_text("1")
    run = traveller.golden.run(project, LOCAL, "-P", f"data={data}")
    file = traveller.bundle(run)
    (data / "a.txt").write_text("2")
    changed = traveller.reprise("bundle", run, "-o", "b.zip", "--tracking-uri", str(traveller.golden.store))
    assert "Left out: data (input data has changed" in changed.stderr
    traveller.leave()
    assert traveller.again(file).verdict == "identical"


def test_same_run_makes_the_same_bytes(traveller: Traveller) -> None:
    project = traveller.golden.project(SCRIPT, params__py="rate = 1\n")
    run = traveller.golden.run(project, LOCAL)
    first = traveller.bundle(run)
    traveller.golden.wipe()
    assert traveller.bundle(run, name="second.zip").read_bytes() == first.read_bytes()


def test_what_is_in_it(traveller: Traveller) -> None:
    project = traveller.golden.project(SCRIPT, params__py="rate = 1\n")
    file = traveller.bundle(traveller.golden.run(project, LOCAL))
    with zipfile.ZipFile(file) as opened:
        names = set(opened.namelist())
        tracking = json.loads(opened.read("tracking.json"))
    assert {"source/train.py", "artifacts/sub folder/m.txt", "artifacts/reprise/run.json"} <= names
    assert {"artifacts/reprise/output.log", "manifest.json"} <= names
    assert not any("/.git/" in name for name in names)
    points = [(point["key"], point["value"]) for point in tracking["points"]]
    assert points == [("loss", 1.0), ("loss", 0.5), ("loss", 1 / 3), ("odd", "nan")]


def test_refusals(traveller: Traveller) -> None:
    project = traveller.golden.project(SCRIPT, params__py="rate = 1\n")
    run = traveller.golden.run(project, LOCAL)
    uri = ("--tracking-uri", str(traveller.golden.store))
    file = traveller.bundle(run)
    before = file.stat()
    there = traveller.reprise("bundle", run, "-o", str(file), *uri)
    assert (there.returncode, file.stat()) == (2, before)
    assert "exists already" in there.stderr
    nowhere = traveller.reprise("bundle", run, "-o", "no/such/folder/run.zip", *uri)
    assert nowhere.returncode == 2
    assert "there is no folder no/such/folder" in nowhere.stderr
    assert traveller.reprise("bundle", run, "--max-input", "much", *uri).returncode == 2
    missing = traveller.reprise("reproduce", "none.zip")
    assert (missing.returncode, "there is no file none.zip" in missing.stderr) == (2, True)
    server = traveller.reprise("reproduce", str(file), "--tracking-uri", "http://127.0.0.1:9")
    assert server.returncode == 2
    assert "not a store on this machine" in server.stderr


def test_store_with_another_run_of_this_id(traveller: Traveller) -> None:
    project = traveller.golden.project(SCRIPT, params__py="rate = 1\n")
    file = traveller.bundle(traveller.golden.run(project, LOCAL))
    assert traveller.again(file).exit_code == 0
    for record in (traveller.golden.elsewhere / "mlruns").rglob("reprise/run.json"):
        record.write_text(record.read_text().replace('"ended": ', '"ended": 1'))
    again = traveller.again(file)
    assert again.exit_code == 2
    assert "has another run" in again.err


def modes(file: Path) -> dict[str, str]:
    with zipfile.ZipFile(file) as opened:
        return {item.filename: stat.filemode(item.external_attr >> 16) for item in opened.infolist()}


def test_programs_stay_programs(traveller: Traveller) -> None:
    project = traveller.golden.project("", tool__sh="#!/bin/sh\n")
    (project / "tool.sh").chmod(0o755)
    found = modes(traveller.bundle(traveller.golden.run(project, LOCAL)))
    assert (found["source/tool.sh"], found["source/train.py"]) == ("-rwxr-xr-x", "-rw-r--r--")
