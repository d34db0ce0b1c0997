"""The bundle is an RO-Crate, as the public validator sees it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

from rocrate_validator import services
from rocrate_validator.models import Severity, ValidationSettings

from tests.runner.bundle.conftest import Traveller
from tests.runner.bundle.test_bundle import LOCAL, READS, SCRIPT


def issues(folder: Path, severity: Severity) -> list[str]:
    """What the validator has to say, on the base specification too; it fetches nothing."""
    settings = ValidationSettings(
        rocrate_uri=str(folder),
        profile_identifier="process-run-crate-0.5",
        requirement_severity=severity,
        skip_checks=None,
        offline=True,
    )
    result = services.validate(settings)
    return [f"{issue.check.identifier} {issue.message}" for issue in result.get_issues()]


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
    assert issues(folder, Severity.REQUIRED) == []
    assert issues(folder, Severity.RECOMMENDED) == []


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
    assert issues(folder, Severity.REQUIRED) == []
    found = entities(folder)
    [action] = [entity for entity in found.values() if entity["@type"] == "CreateAction"]
    assert action["actionStatus"] == {"@id": "http://schema.org/FailedActionStatus"}
    assert action["error"]
    assert action["instrument"] == {"@id": "source/"}
    objects = [found[item["@id"]] for item in action["object"]]
    assert {item["name"] for item in objects} == {"data.csv", "data"}
    assert {"artifacts/reprise/output.log", "artifacts/reprise/run.json"} <= {
        i["@id"] for i in action["result"]
    }
