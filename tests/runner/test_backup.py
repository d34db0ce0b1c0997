"""A backup is whole or not there, and a store comes back as it was; nothing is overwritten unasked."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reprise.errors import RepriseError, UsageError
from reprise.runner.backup.layout import BackupManifest
from reprise.runner.backup.make_backup import make_backup
from reprise.runner.backup.restore_backup import restore_backup, unpack_backup
from reprise.schemas.entities import Metric
from reprise.tracking.sqlite.store import EmbeddedStore
from tests.cli.conftest import Reprise, reprise  # noqa: F401 -- a fixture

NAME = "d/ü %41.txt"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    with EmbeddedStore(tmp_path / "s") as opened:
        yield opened


def log_run(store: EmbeddedStore, number: int = 1) -> str:
    run = store.create_run("0", start_time=number, user_id="ada", run_name=f"run {number}")
    store.log_batch(run.run_id, metrics=[Metric("loss", 0.5, number)], params={"C": str(number)})
    with store.artifacts_of(run.run_id).writing(NAME) as stream:
        stream.write(b"hello" * number)
    store.update_run(run.run_id, status="FINISHED", end_time=number)
    return run.run_id


def back_up(store: EmbeddedStore, file: Path, **how: bool) -> BackupManifest:
    return make_backup(store, file, with_artifacts=how.get("with_artifacts", True))


def test_a_store_comes_back_as_it_was(store: EmbeddedStore, tmp_path: Path) -> None:
    ids = [log_run(store, number) for number in (1, 2)]
    (store.directory / "objects").mkdir()
    (store.directory / "objects" / "abc").write_bytes(b"source")
    file = tmp_path / "b.tar"
    made = back_up(store, file)
    assert (made.runs, made.going_on, file.stat().st_mode & 0o777) == (2, 0, 0o600)
    assert restore_backup(file, tmp_path / "n", replace=False).manifest == made
    with EmbeddedStore(tmp_path / "n") as restored:
        assert [restored.get_run(one) for one in ids] == [store.get_run(one) for one in ids]
        assert restored.artifact_digest(ids[1], NAME) == store.artifact_digest(ids[1], NAME)
        log_run(restored, 3)
    assert (tmp_path / "n" / "objects" / "abc").read_bytes() == b"source"
    assert (tmp_path / "n").stat().st_mode & 0o777 == 0o700


def test_an_artifact_root_elsewhere_comes_into_the_restored_store(tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path / "s", str(tmp_path / "art")) as store:
        run_id = log_run(store)
        back_up(store, tmp_path / "b.tar")
    restore_backup(tmp_path / "b.tar", tmp_path / "n", replace=False)
    with EmbeddedStore(tmp_path / "n") as restored:
        assert restored.artifact_folder(run_id).is_relative_to(tmp_path / "n")
        assert [item.path for item in restored.list_artifacts(run_id)] == ["d"]


def test_files_can_be_left_out_and_those_elsewhere_are_named(store: EmbeddedStore, tmp_path: Path) -> None:
    run_id = log_run(store)
    store.create_experiment("far", artifact_location=str(tmp_path / "far"))
    made = back_up(store, tmp_path / "b.tar", with_artifacts=False)
    assert (set(made.files), made.has_artifacts, len(made.elsewhere)) == ({"reprise.db"}, False, 1)
    restore_backup(tmp_path / "b.tar", tmp_path / "n", replace=False)
    with EmbeddedStore(tmp_path / "n") as restored:
        assert restored.get_run(run_id) == store.get_run(run_id)


def test_while_others_write_it_is_one_moment(store: EmbeddedStore, tmp_path: Path) -> None:
    over = threading.Event()
    log_run(store)

    def write() -> None:
        while not over.is_set():
            log_run(store)

    writers = [threading.Thread(target=write) for _ in range(8)]
    for writer in writers:
        writer.start()
    try:
        made = [back_up(store, tmp_path / f"{number}.tar") for number in range(3)]
    finally:
        over.set()
        for writer in writers:
            writer.join()
    for number, manifest in enumerate(made):
        folder = tmp_path / f"n{number}"
        restore_backup(tmp_path / f"{number}.tar", folder, replace=False)
        with EmbeddedStore(folder) as restored:
            runs = restored.search_runs(["0"], max_results=10_000).items
            assert len(runs) == manifest.runs
            for run in runs:
                if run.status == "FINISHED":
                    assert restored.artifact_digest(run.run_id, NAME).size == 5


def cut_half(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def cut_end(file: Path) -> None:
    with tarfile.open(file) as tar:
        os.truncate(file, tar.getmember("manifest.json").offset)


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[content.index(b"hello")] ^= 1
    file.write_bytes(content)


def garble(file: Path) -> None:
    file.write_bytes(b"no tar")


def climb(file: Path) -> None:
    with tarfile.open(file, "a") as tar:
        member = tarfile.TarInfo("artifacts/../../evil")
        member.size = 1
        tar.addfile(member, io.BytesIO(b"x"))


def link(file: Path) -> None:
    with tarfile.open(file, "w") as tar:
        member = tarfile.TarInfo("reprise.db")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(member)


def add(file: Path) -> None:
    with tarfile.open(file, "a") as tar:
        tar.addfile(tarfile.TarInfo("artifacts/0/more"))


@pytest.mark.parametrize("damage", [cut_half, cut_end, flip, climb, link, add, garble])
def test_what_is_not_whole_is_refused_and_leaves_nothing(
    store: EmbeddedStore, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    log_run(store)
    file = tmp_path / "b.tar"
    back_up(store, file)
    damage(file)
    before = sorted(tmp_path.rglob("*"))
    for folder in (tmp_path / "n", None):
        with pytest.raises(UsageError):
            if folder:
                restore_backup(file, folder, replace=False)
            else:
                unpack_backup(file, None, lambda _: None)
    assert sorted(tmp_path.rglob("*")) == before


def test_what_is_there_is_moved_aside_when_asked(store: EmbeddedStore, tmp_path: Path) -> None:
    run_id = log_run(store)
    back_up(store, tmp_path / "b.tar")
    later = log_run(store, 2)
    with pytest.raises(UsageError, match="is not empty"):
        restore_backup(tmp_path / "b.tar", store.directory, replace=False)
    with pytest.raises(UsageError, match="in use"):
        restore_backup(tmp_path / "b.tar", store.directory, replace=True)
    assert store.get_run(later)
    store.close()
    aside = restore_backup(tmp_path / "b.tar", store.directory, replace=True).aside
    assert aside is not None
    with EmbeddedStore(store.directory) as restored, EmbeddedStore(aside) as old:
        assert restored.get_run(run_id).run_id == run_id
        assert old.get_run(later).run_id == later
        with pytest.raises(RepriseError):
            restored.get_run(later)


@pytest.mark.parametrize("verb", ["backup", "restore"])
def test_killed_in_the_middle_it_leaves_nothing_that_counts(
    store: EmbeddedStore,
    tmp_path: Path,
    verb: str,
    reprise: Reprise,  # noqa: F811
) -> None:
    log_run(store)
    file = tmp_path / "b.tar"
    if verb == "restore":
        back_up(store, file)
    code = (
        "import os, sys; from reprise.runner.backup import layout; from reprise.cli import main;"
        "layout.Digested.entry = property(lambda self: os.kill(os.getpid(), 9)); main()"
    )
    target = tmp_path / ("s" if verb == "backup" else "n")
    command = [sys.executable, "-c", code, verb, str(file), "--tracking-uri", str(target)]
    assert subprocess.run(command, check=False).returncode == -9
    assert file.exists() == (verb == "restore")
    assert not (tmp_path / "n").exists()
    assert reprise(verb, str(file), "--tracking-uri", str(target)).exit_code == 0


def test_a_backup_is_not_replaced_unasked_and_a_full_disk_is_a_sentence(
    store: EmbeddedStore,
    tmp_path: Path,
    reprise: Reprise,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log_run(store)
    file = str(tmp_path / "b.tar")
    arguments = ("backup", file, "--tracking-uri", store.uri)
    assert reprise(*arguments).exit_code == 0
    before = Path(file).read_bytes()
    assert reprise(*arguments).exit_code == 2

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tarfile.TarFile, "addfile", full)
    refused = reprise(*arguments, "--force")
    assert refused.exit_code == 2 and "cannot write" in refused.err
    assert Path(file).read_bytes() == before
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith(".")] == []
    away = reprise("backup", str(tmp_path / "c.tar"), "--tracking-uri", "http://127.0.0.1:9")
    assert away.exit_code == 2 and "on the machine of the store" in away.err
