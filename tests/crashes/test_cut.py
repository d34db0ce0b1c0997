"""What is not synced is lost: the disk of the harness, and all that reprise acknowledges on it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.crashes import checks
from tests.crashes.cut import SyncedDisk, identify
from tests.crashes.preloaded import DISK, Preload, can_preload, compile_library
from tests.crashes.worlds import Tools, World

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not can_preload(), reason="there is no gcc"),
]

WRITES = """
import os
def write(name, synced=False):
    with open(name, "w") as stream:
        stream.write(name)
        stream.flush()
        if synced:
            os.fsync(stream)
def sync(folder):
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
write("named", synced=True)
write("empty")
os.mkdir("folder")
write("folder/lost", synced=True)
os.rename("before", "renamed")
os.unlink("removed")
sync(".")
write("later", synced=True)
os.unlink("kept")
write("changed")
write("other", synced=True)
os.rename("other", "replaced")
"""


@pytest.fixture
def world(house: Path, tmp_path: Path) -> World:
    return World(tmp_path / "world", Tools(tmp_path / "tools"))


def read_files(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("keep_names", [False, True])
def test_a_disk_that_drops_what_was_not_synced(tmp_path: Path, keep_names: bool) -> None:
    folder, aside = tmp_path / "folder", tmp_path / "aside"
    folder.mkdir()
    for name in ("before", "removed", "kept", "changed", "replaced"):
        (folder / name).write_text(f"old {name}")
    disk = SyncedDisk(folder, aside, frozenset())
    environ = {"LD_PRELOAD": str(compile_library()), "CRASH_DISK": str(aside)}
    subprocess.run([sys.executable, "-c", WRITES], cwd=folder, env=environ, check=True)
    disk.cut(keep_names=keep_names)
    left = {"named": "named", "empty": "", "renamed": "old before", "changed": "old changed"}
    if keep_names:
        assert read_files(folder) == {
            **left,
            "folder/lost": "folder/lost",
            "later": "later",
            "replaced": "other",
        }
    else:
        assert read_files(folder) == {**left, "kept": "old kept", "replaced": "old replaced"}
    assert (folder / "folder").is_dir()


def run_to_its_end(world: World, *arguments: str, synchronous: str = "full") -> SyncedDisk:
    """Run a command on a disk that drops what is not synced."""
    program = world.program("-q", *arguments, real=True)
    program = program._replace(environ={**program.environ, "REPRISE_SYNCHRONOUS": synchronous})
    disk = SyncedDisk(world.root, world.aside / DISK, world.apart)
    ended = Preload(compile_library()).run_on_disk(program)
    assert ended.code == 0, ended.output
    return disk


@pytest.mark.parametrize("keep_names", [False, True])
def test_a_run_that_ended_survives_a_power_cut(world: World, keep_names: bool) -> None:
    disk = run_to_its_end(world, "run", "--env-manager=local", str(world.tools.local))
    (before,) = (world.store / "artifacts" / "0").iterdir()
    whole = {name: text for name, text in read_files(before / "artifacts" / "reprise").items() if text}
    disk.cut(keep_names=keep_names)
    world.start_machine()
    assert checks.find_faults(world) == []  # the acknowledged parameters, metrics and artifacts among it
    left = read_files(before / "artifacts" / "reprise")
    assert {name: left.get(name) for name in ("run.json", "output.log")} == {
        name: whole[name] for name in ("run.json", "output.log")
    }
    record = json.loads(left["run.json"])
    contents = [file["content"]["digest"].removeprefix("sha256:") for file in record["source"]["files"]]
    assert contents
    assert all((world.store / "objects" / digest[:2] / digest[2:]).stat().st_size for digest in contents)


def test_a_lock_and_a_bundle_survive_a_power_cut(world: World) -> None:
    project, bundle = world.work / "project", world.work / "run.zip"
    shutil.copytree(world.tools.packages, project)
    disk = run_to_its_end(world, "lock", str(project))
    disk.cut(keep_names=False)
    (lock,) = project.glob("*lock*")
    assert "beta" in lock.read_text()
    run_to_its_end(world, "run", "--env-manager=local", str(world.tools.local))
    disk = run_to_its_end(world, "bundle", "@last", "-o", str(bundle))
    whole = bundle.read_bytes()
    disk.cut(keep_names=False)
    assert bundle.read_bytes() == whole


def test_normal_relaxes_all_together(world: World) -> None:
    """Databases are synced when their logs are folded in, and nothing else that stays."""
    shutil.copytree(world.tools.packages, world.work / "project")
    for synchronous in ("full", "normal"):
        for lock in (world.work / "project").glob("*.lock"):
            lock.unlink()
        synced = set()
        for command in (
            ("run", "--env-manager=local", str(world.tools.local)),
            ("lock", str(world.work / "project")),
        ):
            disk = run_to_its_end(world, *command, synchronous=synchronous)
            keys = disk.find_synced()
            synced |= {
                path.name for path in world.root.rglob("*") if path.is_file() and identify(path) in keys
            }
        others = synced - {"reprise.db", "artifacts.db"}
        assert bool(others & {"run.json", "output.log"}) == (synchronous == "full")
        assert bool(others) == (synchronous == "full"), others
