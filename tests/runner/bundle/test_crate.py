"""The bundle is an RO-Crate, as the public validator sees it."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.runner.bundle import contexts
from tests.runner.bundle.conftest import Traveller
from tests.runner.bundle.test_bundle import LOCAL, READS, SCRIPT

pytestmark = pytest.mark.slow

UNKNOWN = {
    "process-run-crate-0.5_3.2",  # the project's URL, which a local one has not
    "process-run-crate-0.5_5.1",  # its id is its folder in the crate, and no URI
    "ro-crate-1.1_22.3",  # the publisher
    "ro-crate-1.1_30.2",  # the agent's affiliation
    "ro-crate-1.1_30.3",
}
"""Advice of the validator that asks for facts that nobody has told."""


def issues(folder: Path, severity: str) -> list[str]:
    """What the public validator has to say, on the base specification too; it asks nobody."""
    cache, report = folder.with_name("contexts"), folder.with_name("report.json")
    contexts.put(cache)
    command = [str(Path(sys.executable).with_name("rocrate-validator")), "--no-interactive", "validate"]
    command += ["--profile-identifier", "process-run-crate-0.5", "--requirement-severity", severity]
    command += ["--offline", "--cache-path", str(cache), "--no-paging"]
    command += ["--output-format", "json", "--output-file", str(report), str(folder)]
    subprocess.run(command, capture_output=True, check=False, timeout=120)
    found = json.loads(report.read_text())
    listed = [f"{item['check']['identifier']} {item['message']}" for item in found["issues"]]
    assert found["passed"] is not bool(listed)
    return listed


def unzipped(file: Path) -> Path:
    folder = file.with_suffix("")
    with zipfile.ZipFile(file) as opened:
        opened.extractall(folder)
    return folder


def entities(folder: Path) -> dict[str, Any]:
    graph = json.loads((folder / "ro-crate-metadata.json").read_text())["@graph"]
    return {entity["@id"]: entity for entity in graph}


def test_valid(traveller: Traveller) -> None:
    project = traveller.golden.project(SCRIPT, params__py="rate = 1\n", LICENSE="MIT\n")
    folder = unzipped(traveller.bundle(traveller.golden.run(project, LOCAL)))
    assert issues(folder, "required") == []
    advice = {text.split()[0] for text in issues(folder, "recommended")}
    assert advice <= UNKNOWN


def test_the_run_is_its_action(traveller: Traveller) -> None:
    project = traveller.golden.project(
        "import sys\nprint(open(sys.argv[1]).read())\nsys.exit(3)\n", MLproject=READS
    )
    data = traveller.golden.folder / "data.csv"
    data.write_text("1\n")
    done = traveller.reprise(
        "run", str(project), LOCAL, "-P", f"data={data}", "--tracking-uri", str(traveller.golden.store)
    )
    assert done.returncode == 3
    folder = unzipped(traveller.bundle("@last"))
    assert issues(folder, "required") == []
    found = entities(folder)
    [action] = [entity for entity in found.values() if entity["@type"] == "CreateAction"]
    assert action["actionStatus"] == "http://schema.org/FailedActionStatus"
    assert action["error"]
    assert action["instrument"] == {"@id": "source/"}
    objects = [found[item["@id"]] for item in action["object"]]
    assert {item["name"] for item in objects} == {"data.csv", "data"}
    assert {"artifacts/reprise/output.log", "artifacts/reprise/run.json"} <= {
        i["@id"] for i in action["result"]
    }
