"""What keeps a launch quick, told by what it imports and starts, not by a clock."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import ProjectFolder

PROBE = """
import atexit, json, os, sys
programs = []

def note(event, args):
    if event == "subprocess.Popen":
        programs.append(os.path.basename(args[0]))

def tell():
    with open(report, "w") as file:
        json.dump({"modules": sorted(sys.modules), "programs": programs}, file)

report, sys.argv[0:2] = sys.argv[1], ["reprise"]
sys.addaudithook(note)
atexit.register(tell)
from reprise.cli import main
main()
"""
LIGHT = {
    "reprise",
    "reprise.startup",
    "reprise.errors",
    "reprise.cli",
    "reprise.cli.outcomes",
    "reprise.cli.overview",
    "reprise.cli.shortcuts",
}
COMPLETION = {"_REPRISE_COMPLETE": "bash_complete", "COMP_WORDS": "reprise rep", "COMP_CWORD": "1"}

# What a run of a clean local folder must not load: other sources, stores, managers and verbs, what is for
# differences between files, and libraries that are slow to import.
UNUSED = [
    "asyncio",
    "click",
    "concurrent.futures",
    "email",
    "http.client",
    "httpx",
    "importlib.metadata",
    "msgspec",
    "psutil",
    "rattler",
    "starlette",
    "tarfile",
    "urllib.request",
    "uvicorn",
    "yaml",
    "zipfile",
    "reprise.cli.run_twice",
    "reprise.cli.verdicts",
    "reprise.envs.conda.manager",
    "reprise.envs.docker.manager",
    "reprise.envs.virtualenv.manager",
    "reprise.runner.sources.archives",
    "reprise.runner.sources.downloads",
    "reprise.runner.sources.mirror",
    "reprise.runner.sources.mirrors",
    "reprise.runner.reproducing.reproduce",
    "reprise.runner.reproducing.restore_run",
    "reprise.runner.worktree.comparing",
    "reprise.runner.worktree.large_files",
    "reprise.runner.worktree.standings",
    "reprise.schemas.yaml.document",
    "reprise.server.app",
    "reprise.server.serving",
    "reprise.schemas.traces.spans",
    "reprise.tracking.sqlite.metric_samples",
    "reprise.tracking.sqlite.store",
    "reprise.tracking.rest.store",
    "reprise.tracking.sqlite.search.sql",
    "reprise.tracking.sqlite.sorted_tables",
]
MOST_MODULES = 160
"""Of reprise, in a local run. Each costs about a fortieth of the start of a bare Python."""


class Launch(NamedTuple):
    modules: set[str]
    programs: list[str]

    @property
    def ours(self) -> set[str]:
        return {name for name in self.modules if name.partition(".")[0] == "reprise"}


def launch(folder: Path, *words: str) -> Launch:
    """The command ``reprise`` in a process of its own, in ``folder``."""
    report = folder.parent / "report.json"
    command = [sys.executable, "-c", PROBE, str(report), *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = json.loads(report.read_text())
    return Launch(set(said["modules"]), said["programs"])


def test_help_loads_the_list_of_verbs_alone(house: Path) -> None:
    assert launch(house, "--help").ours == LIGHT


def test_a_verb_is_completed_without_being_loaded(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in COMPLETION.items():
        monkeypatch.setenv(name, value)
    assert launch(house).ours == LIGHT


def test_a_local_run_loads_and_starts_what_it_needs(
    project: Callable[[Mapping[str, str]], ProjectFolder],
) -> None:
    folder = project({"MLproject": "entry_points: {main: {command: echo done}}", "a.txt": "a"}).path
    me = ("-c", "user.name=A", "-c", "user.email=a@host.example")
    for words in (("init", "-q"), ("add", "."), (*me, "commit", "-qm", "Start")):
        subprocess.run(["git", *words], cwd=folder, check=True)
    launch(folder, "run", ".", "--env-manager=local")  # which makes the store, and looks at the cache
    for _ in range(20):  # the work tree is noted as clean once its files are older than a moment
        again = launch(folder, "run", ".", "--env-manager=local")
        if again.programs.count("git") == 3:
            break
    assert sorted(again.programs) == ["bash", "git", "git", "git", "sh"]
    assert again.modules & set(UNUSED) == set()
    assert len(again.ours) <= MOST_MODULES
