"""What is acknowledged is on the disk: the system calls of real commands, in their order."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crashes.power_cut import Call, Disk, record_calls
from tests.crashes.worlds import Tools, World

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed"),
]


@pytest.fixture
def world(house: Path, tmp_path: Path) -> World:
    return World(tmp_path / "world", Tools(tmp_path / "tools"))


def calls_of(world: World, *arguments: str) -> tuple[Disk, list[Call]]:
    known = {str(path) for path in (*world.root.rglob("*"), *world.root.parents, world.root)}
    return Disk(known), record_calls(world.program("-q", *arguments, real=True))


def play(disk: Disk, calls: list[Call]) -> Disk:
    for call in calls:
        disk.take(call)
    return disk


def test_what_a_run_acknowledges(world: World) -> None:
    """To its script: each parameter, metric and artifact; to the user: its record and its log."""
    disk, calls = calls_of(world, "run", "--env-manager=local", str(world.tools.local))
    told = list(_find_losses_of_acknowledged(world, disk, calls))
    assert len(told) == 9  # 3 parameters, 3 metrics, 3 artifacts
    assert [loss for loss in told if loss] == []
    (run,) = (world.store / "artifacts" / "0").iterdir()
    kept = [*(run / "artifacts" / "reprise").iterdir(), *world.store.glob("objects/??/*")]
    assert {"run.json", "output.log"} <= {path.name for path in kept}
    for path in (*kept, world.store / "reprise.db"):
        assert disk.find_loss(path) is None


def _find_losses_of_acknowledged(world: World, disk: Disk, calls: list[Call]) -> Iterator[str | None]:
    for call in calls:
        disk.take(call)
        if call.name != "write" or str(world.acknowledged) not in call.files:
            continue
        line = call.arguments.split(', "', 1)[1].rpartition("\\n")[0].removeprefix("\\n")
        run, kind, name, _ = json.loads(line.replace('\\"', '"'))
        if kind == "artifact":
            yield disk.find_loss(world.store / "artifacts" / "0" / run / "artifacts" / name)
        else:
            yield disk.find_loss(world.store / "reprise.db-wal")


def test_a_lock(world: World) -> None:
    shutil.copytree(world.tools.packages, world.work / "project")
    disk, calls = calls_of(world, "lock", str(world.work / "project"))
    play(disk, calls)
    (path,) = (world.work / "project").glob("*lock*")
    assert disk.find_loss(path) is None


def test_a_bundle(world: World) -> None:
    record_calls(world.program("-q", "run", "--env-manager=local", str(world.tools.local), real=True))
    path = world.work / "run.zip"
    disk, calls = calls_of(world, "bundle", "@last", "-o", str(path))
    assert play(disk, calls).find_loss(path) is None


def test_an_import(world: World) -> None:
    disk, calls = calls_of(world, "import", str(world.tools.mlruns))
    play(disk, calls)
    files = [path for path in (world.store / "artifacts").rglob("*") if path.is_file()]
    assert len(files) == 8
    assert [loss for path in (world.store / "reprise.db", *files) if (loss := disk.find_loss(path))] == []


def test_the_marker_of_an_environment(world: World) -> None:
    disk, calls = calls_of(world, "run", str(world.tools.packages))
    play(disk, calls)
    (marker,) = world.cache.glob("envs-v1/*/reprise-env.json")
    assert disk.find_loss(marker) is None
    assert disk.find_loss(marker.with_name("reprise-env.lock")) is None


def test_a_file_that_nothing_syncs_would_be_lost(world: World) -> None:
    """The look-out itself: in the other mode, and for what nothing is promised of."""
    program = world.program("-q", "run", "--env-manager=local", str(world.tools.local), real=True)
    program = program._replace(environ={**program.environ, "REPRISE_SYNCHRONOUS": "normal"})
    disk = play(Disk(set()), record_calls(program))
    (record,) = world.store.glob("artifacts/0/*/artifacts/reprise/run.json")
    assert disk.find_loss(record) is not None
