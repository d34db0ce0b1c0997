"""Artifacts in anything that fsspec reaches; memory stands for a cloud store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reprise.errors import TrackingError, UsageError
from reprise.tracking.sqlite.store import EmbeddedStore

ROOT = "memory://bucket/experiments"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    from fsspec.implementations.memory import MemoryFileSystem  # type: ignore[import-untyped]

    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]
    with EmbeddedStore(tmp_path / "mlruns", ROOT) as opened:
        yield opened


def _put(store: EmbeddedStore, path: str, content: bytes) -> None:
    with store.artifacts.writing(path) as stream:
        stream.write(content)


def test_the_files_of_a_run_come_and_go(store: EmbeddedStore, tmp_path: Path) -> None:
    run = store.create_run("0", start_time=1, user_id="ada").run_id
    source = tmp_path / "a.txt"
    source.write_text("hello")
    store.upload_artifact(run, source, "model/a.txt")
    store.upload_artifact(run, source, "b.txt")
    assert [(item.path, item.is_dir, item.size) for item in store.list_artifacts(run)] == [
        ("b.txt", False, 5),
        ("model", True, None),
    ]
    assert [item.path for item in store.list_artifacts(run, "model")] == ["model/a.txt"]
    store.download_artifact(run, "", tmp_path / "all")
    assert (tmp_path / "all" / "model" / "a.txt").read_text() == "hello"
    store.download_artifact(run, "b.txt", tmp_path / "one")
    assert (tmp_path / "one").read_text() == "hello"
    store.artifacts_of(run).delete("model")
    assert [item.path for item in store.list_artifacts(run)] == ["b.txt"]
    assert not any((tmp_path / "mlruns" / "artifacts").iterdir())


def test_what_breaks_off_leaves_nothing(store: EmbeddedStore) -> None:
    _put(store, "0/a", b"whole")
    with pytest.raises(ConnectionError), store.artifacts.writing("0/a") as stream:
        stream.write(b"half")
        raise ConnectionError
    assert store.artifacts.digest("0/a").size == 5
    assert [item.path for item in store.artifacts.list("0")] == ["0/a"]


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/etc/passwd", "a\\b", "a\0b", ".arriving-1"])
def test_a_hostile_name_is_refused_by_every_verb(store: EmbeddedStore, tmp_path: Path, path: str) -> None:
    for ask in (
        lambda: store.artifacts.list(path),
        lambda: store.artifacts.delete(path),
        lambda: store.artifacts.digest(path),
        lambda: store.artifacts.copy_out(path, tmp_path / "copied"),
        lambda: _put(store, path, b"x"),
        lambda: store.artifacts.below(path),
    ):
        with pytest.raises(TrackingError, match="must stay inside"):
            ask()


def test_what_is_not_there_is_said_so(store: EmbeddedStore, tmp_path: Path) -> None:
    assert store.artifacts.list("none") == []
    for ask in (
        lambda: store.artifacts.delete("none"),
        lambda: store.artifacts.digest("none"),
        lambda: store.artifacts.copy_out("none", tmp_path / "copied"),
    ):
        with pytest.raises(TrackingError) as refused:
            ask()
        assert refused.value.code == "RESOURCE_DOES_NOT_EXIST"


def test_a_scheme_that_nobody_knows_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="artifacts cannot be kept at nowhere://x"):
        EmbeddedStore(tmp_path / "mlruns", "nowhere://x")


def test_a_local_root_is_a_folder(tmp_path: Path) -> None:
    for root in (str(tmp_path / "big disk"), (tmp_path / "big disk").as_uri()):
        with EmbeddedStore(tmp_path / "mlruns", root) as store:
            run = store.create_run("0", start_time=1, user_id="ada").run_id
            assert store.artifact_folder(run) == tmp_path / "big disk" / "0" / run / "artifacts"
