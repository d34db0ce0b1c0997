"""How files arrive: whole or not at all, on the disk where that is promised, and without leftovers."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reprise import durable, file_lock, paths
from reprise.errors import UsageError


@pytest.fixture
def here(house: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    return folder


class Disk:
    """What was renamed and synced, in that order; a file is named as it is called at that moment."""

    def __init__(self) -> None:
        self.done: list[tuple[str, str]] = []

    def fsync(self, descriptor: int) -> None:
        self.done.append(("sync", Path(f"/proc/self/fd/{descriptor}").readlink().name))

    def rename(self, source: Path, target: Path) -> None:
        self.done.append(("rename", Path(target).name))
        os.replace(source, target)  # noqa: PTH105


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk()
    monkeypatch.delenv(durable.SYNCHRONOUS)
    monkeypatch.setattr(os, "fsync", disk.fsync)
    monkeypatch.setattr(os, "rename", disk.rename)
    monkeypatch.setattr(file_lock, "name_arrival", lambda: ".arriving-1")
    return disk


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_arrives_whole_or_not_at_all(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = here / "deep" / "file"
    durable.write_file(target, "old")
    with pytest.raises(RuntimeError), durable.arriving(target) as stream:
        stream.write(b"ne")
        raise RuntimeError

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr(os, "rename", refuse)
    for write in (durable.write_file, durable.write_note):
        with pytest.raises(OSError, match="no room"):
            write(target, "new")
    assert target.read_text() == "old"
    assert names(target.parent) == ["file"]


def test_a_file_is_synced_then_named_then_its_name_is_synced(here: Path, disk: Disk) -> None:
    durable.write_file(here / "file", b"x")
    assert disk.done == [("sync", ".arriving-1"), ("rename", "file"), ("sync", here.name)]


def test_the_names_of_new_folders_are_synced(here: Path, disk: Disk) -> None:
    durable.write_file(here / "a" / "b" / "file", b"x")
    assert disk.done[:2] == [("sync", here.name), ("sync", "a")]


def test_the_names_of_folders_that_others_made_are_synced_once(here: Path, disk: Disk) -> None:
    (here / "a" / "b").mkdir(parents=True)
    durable.make_folders(here / "a" / "b" / "c", here)
    assert disk.done == [("sync", "b"), ("sync", "a"), ("sync", here.name)]
    disk.done.clear()
    durable.make_folders(here / "a" / "b" / "c", here)
    assert ("sync", here.name) not in disk.done


def test_a_folder_is_published_with_all_that_is_in_it(here: Path, disk: Disk) -> None:
    partial = here / "partial"
    (partial / "below").mkdir(parents=True)
    (partial / "one").write_text("1")
    (partial / "below" / "two").write_text("2")
    (partial / "link").symlink_to("/nowhere")
    durable.publish(partial, here / "whole")
    at = disk.done.index(("rename", "whole"))
    before = {name for verb, name in disk.done[:at] if verb == "sync"}
    assert before == {"one", "two", "below", "partial"}
    assert disk.done[at + 1 :] == [("sync", here.name)]


def test_normal_relaxes_all_of_it(here: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(durable.SYNCHRONOUS, "normal")
    durable.write_file(here / "deep" / "file", "x")
    durable.publish(here / "deep", here / "whole")
    durable.make_folders(here / "whole" / "more", here)
    durable.sync_files([here / "whole" / "file"])
    assert [done for done in disk.done if done[0] == "sync"] == []
    assert (here / "whole" / "file").read_text() == "x"


def test_notes_of_the_cache_are_not_waited_for(house: Path, disk: Disk) -> None:
    durable.write_note(paths.cache_dir() / "notes" / "one", "x")
    assert disk.done == [("rename", "one")]


def test_an_unknown_word_is_refused(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(durable.SYNCHRONOUS, "of")
    with pytest.raises(UsageError, match="REPRISE_SYNCHRONOUS is 'of'"):
        durable.write_file(here / "file", "x")
    assert names(here) == []


@pytest.mark.parametrize("write", [durable.write_file, durable.write_note])
def test_a_part_of_the_cache_may_lie_on_another_disk(
    house: Path, monkeypatch: pytest.MonkeyPatch, write: object
) -> None:
    target = paths.cache_dir() / "envs" / "file"

    def rename(source: Path, target: Path) -> None:
        if source.parent != target.parent:
            raise OSError(errno.EXDEV, "another disk")
        os.replace(source, target)  # noqa: PTH105

    monkeypatch.setattr(os, "rename", rename)
    assert callable(write)
    write(target, "x" * 100_000)
    assert target.read_text() == "x" * 100_000
    assert names(target.parent) == ["file"]
    assert names(paths.cache_dir() / durable.ARRIVALS) == []


def test_files_get_the_mode_that_the_user_gives(here: Path) -> None:
    before = os.umask(0o027)
    try:
        durable.write_file(here / "file", "x")
    finally:
        os.umask(before)
    assert stat.filemode((here / "file").stat().st_mode) == "-rw-r-----"


@pytest.fixture
def left(here: Path) -> Iterator[Path]:
    """A folder with a file and a folder of a process that died, and of one that lives."""
    code = (
        "import os, signal, sys; from pathlib import Path; from reprise import durable, file_lock\n"
        "here = Path(sys.argv[1])\n"
        "with durable.arriving(here / 'file') as out, file_lock.arriving_folder(here) as folder:\n"
        "    out.write(b'x'); (folder / 'x').touch()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, here], check=False)
    assert len(names(here)) == 2
    yield here


def test_what_dead_processes_left_goes_with_the_next_write(left: Path) -> None:
    durable.write_file(left / "other", "x")
    assert names(left) == ["other"]


def test_what_is_in_the_making_stays(left: Path) -> None:
    with durable.arriving(left / "mine") as out, file_lock.arriving_folder(left) as folder:
        out.write(b"x")
        durable.write_file(left / "other", "x")
        assert folder.is_dir()
    assert names(left) == ["mine", "other"]


def test_what_another_machine_makes_stays_as_long_as_it_may_write(left: Path) -> None:
    """Its locks may not be seen here."""
    for path in list(left.iterdir()):
        path.rename(path.with_name(f"{path.name[:-8]}00000000"))
    assert file_lock.sweep_dead(left, file_lock.ARRIVING) == []
    for path in left.iterdir():
        os.utime(path, (time.time() - 2 * 86400,) * 2)
    assert len(file_lock.sweep_dead(left, file_lock.ARRIVING)) == 2


def test_sweeping_follows_no_link_and_waits_for_no_pipe(here: Path) -> None:
    (here / "kept").mkdir()
    (here / "kept" / "file").touch()
    (here / ".arriving-link").symlink_to(here / "kept")
    os.mkfifo(here / ".arriving-pipe")
    file_lock.sweep_dead(here, file_lock.ARRIVING)
    assert (here / "kept" / "file").exists()
    assert file_lock.sweep_dead(here / "nowhere") == file_lock.sweep_dead(here / "kept" / "file") == []


def test_a_folder_that_was_swept_before_it_was_locked_is_made_again(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    swept: list[Path] = []

    def flock(descriptor: int, how: int, real: object = fcntl.flock) -> None:
        if not swept:
            swept.append(here / "new")
            (here / "new").rmdir()
        assert callable(real)
        real(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", flock)
    descriptor = file_lock.own(here / "new")
    assert swept and os.path.samestat(os.fstat(descriptor), (here / "new").stat())
    os.close(descriptor)
