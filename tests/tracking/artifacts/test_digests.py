"""Digests are noted when artifacts arrive, and never told of another content."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from reprise.tracking.artifacts.files import ArtifactFolder
from reprise.tracking.sqlite.store import EmbeddedStore


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_the_digest_of_an_upload_is_that_of_its_bytes(embedded_store: EmbeddedStore) -> None:
    run = embedded_store.create_run("0", start_time=1, user_id="ada").run_id
    with embedded_store.artifacts_of(run).writing("model/weights") as stream:
        stream.write(b"a" * 3_000_000)
        stream.write(b"b")
    digest = embedded_store.artifact_digest(run, "model/weights")
    assert digest == (3_000_001, sha256(b"a" * 3_000_000 + b"b"))


def test_a_file_that_was_changed_behind_our_back_is_read_again(embedded_store: EmbeddedStore) -> None:
    run = embedded_store.create_run("0", start_time=1, user_id="ada").run_id
    with embedded_store.artifacts_of(run).writing("a") as stream:
        stream.write(b"first")
    file = embedded_store.artifact_folder(run) / "a"
    file.write_bytes(b"other")
    os.utime(file, ns=(1, 1))
    assert embedded_store.artifact_digest(run, "a").sha256 == sha256(b"other")
    (file.parent / "b").write_bytes(b"written by the run itself")
    assert embedded_store.artifact_digest(run, "b").sha256 == sha256(b"written by the run itself")


def test_a_broken_note_spoils_neither_upload_nor_digest(tmp_path: Path) -> None:
    (tmp_path / "mlruns").mkdir()
    with EmbeddedStore(tmp_path / "mlruns") as store:
        run = store.create_run("0", start_time=1, user_id="ada").run_id
        (tmp_path / "mlruns" / "artifacts.db").write_bytes(b"no database at all" * 100)
        with store.artifacts_of(run).writing("a") as stream:
            stream.write(b"content")
        assert store.artifact_digest(run, "a") == (7, sha256(b"content"))


def test_a_folder_of_its_own_has_digests_too(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    assert ArtifactFolder(tmp_path).digest("a") == (1, sha256(b"x"))


def test_a_store_whose_first_visitor_uploads_is_still_a_store(tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path / "mlruns") as store:
        with store.artifacts.writing("0/a") as stream:
            stream.write(b"x")
        store.partial_uploads.begin("0/b")
        assert not store.exists and EmbeddedStore.may_be_at(store.directory)
