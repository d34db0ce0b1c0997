"""Files as they are: their headers, parts of them, names that try to get out, and folders as archives."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from reprise.schemas.entities import Run
from reprise.tracking.sqlite.store import EmbeddedStore
from tests.ui.asking import Ask, asking


@pytest.fixture(params=("folder", "objects"))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EmbeddedStore]:
    root = f"memory://{tmp_path.name}" if request.param == "objects" else None
    with EmbeddedStore(tmp_path / "mlruns", root) as opened:
        yield opened


@pytest.fixture
def run(store: EmbeddedStore) -> Run:
    return store.create_run("0", start_time=1, user_id="ada", run_name="files")


def _put(store: EmbeddedStore, run: Run, path: str, content: bytes) -> None:
    with store.artifacts_of(run.run_id).writing(path) as file:
        file.write(content)


@pytest.mark.parametrize(
    "name", ("page.html", "drawing.svg", "a.png", "notes.md", "script.js", "model.bin")
)
def test_every_file_is_a_document_of_no_origin(store: EmbeddedStore, run: Run, ask: Ask, name: str) -> None:
    _put(store, run, name, b"<script>1</script>")
    answer = ask(f"/runs/{run.run_id}/raw/{name}")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith(
        "sandbox allow-scripts; default-src 'unsafe-inline' 'unsafe-eval' data: blob:;"
    )
    assert "allow-same-origin" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "javascript" not in answer.headers["content-type"]


def test_what_a_browser_does_not_show_is_for_keeping(store: EmbeddedStore, run: Run, ask: Ask) -> None:
    _put(store, run, "model.bin", b"x")
    _put(store, run, "a.png", b"x")
    assert ask(f"/runs/{run.run_id}/raw/model.bin").headers["content-disposition"].startswith("attachment")
    assert "content-disposition" not in ask(f"/runs/{run.run_id}/raw/a.png").headers
    kept = ask(f"/runs/{run.run_id}/raw?path=a.png&download").headers["content-disposition"]
    assert kept == "attachment; filename=a.png"


def test_parts_of_a_file_can_be_had(store: EmbeddedStore, run: Run, ask: Ask) -> None:
    _put(store, run, "a.mp4", b"0123456789")
    part = ask(f"/runs/{run.run_id}/raw/a.mp4", Range="bytes=3-5")
    assert (part.status_code, part.content) == (206, b"345")
    assert part.headers["content-range"] == "bytes 3-5/10"
    assert ask(f"/runs/{run.run_id}/raw/a.mp4", Range="bytes=-2").content == b"89"
    assert ask(f"/runs/{run.run_id}/raw/a.mp4", Range="bytes=20-").status_code == 416


@pytest.mark.parametrize(
    "path", ("../../../reprise.db", "a/../../b", "/etc/passwd", "..\\x", "a\0b", "x" * 256)
)
@pytest.mark.parametrize("verb", ("raw", "zip", "files", "preview"))
def test_no_path_leaves_the_run(run: Run, ask: Ask, verb: str, path: str) -> None:
    answer = ask(f"/runs/{run.run_id}/{verb}?path={quote(path, safe='')}")
    told = answer.text.replace("&#39;", "'")
    assert answer.status_code == 400 or (verb == "preview" and "must stay inside" in told)


def test_what_is_not_there_is_told(run: Run, ask: Ask) -> None:
    assert ask(f"/runs/{run.run_id}/raw/none.txt").status_code == 404
    assert ask("/runs/none/raw/none.txt").status_code == 404
    assert "The file does not exist" in ask(f"/runs/{run.run_id}/preview?path=none.txt").text


@pytest.mark.parametrize(
    "name", ("line\nbreak.txt", "%2e%2e", "a?b#c&d=e.txt", "n" * 251 + ".txt", "‮fdp.exe")
)
def test_files_with_strange_names_are_had(store: EmbeddedStore, run: Run, ask: Ask, name: str) -> None:
    _put(store, run, name, b"here")
    assert ask(f"/runs/{run.run_id}/raw?path={quote(name, safe='')}").content == b"here"


def test_a_folder_comes_as_an_archive(store: EmbeddedStore, run: Run, ask: Ask) -> None:
    _put(store, run, "out/a.txt", b"one")
    _put(store, run, "out/deep/b.bin", bytes(3_000_000))
    _put(store, run, "other.txt", b"no")
    answer = ask(f"/runs/{run.run_id}/zip?path=out")
    assert answer.headers["content-disposition"] == "attachment; filename=out.zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == ["a.txt", "deep/b.bin"]
        assert archive.read("a.txt") == b"one"
    with zipfile.ZipFile(io.BytesIO(ask(f"/runs/{run.run_id}/zip").content)) as archive:
        assert sorted(archive.namelist()) == ["other.txt", "out/a.txt", "out/deep/b.bin"]


def test_names_in_an_archive_are_safe_to_unpack_everywhere(
    store: EmbeddedStore, run: Run, ask: Ask
) -> None:
    for name in ("C:evil.txt", "C*evil.txt", "new\nline", "Readme", "README"):
        _put(store, run, name, name.encode())
    with zipfile.ZipFile(io.BytesIO(ask(f"/runs/{run.run_id}/zip").content)) as archive:
        names = archive.namelist()
    assert sorted(names) == ["C_evil (2).txt", "C_evil.txt", "README", "Readme (2)", "new_line"]


def test_what_an_archive_leaves_out_is_named_in_it(tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path / "mlruns") as store:
        run = store.create_run("0", start_time=1, user_id="ada", run_name="files")
        _put(store, run, "good.txt", b"good")
        (store.artifact_folder(run.run_id) / "back\\slash.txt").write_bytes(b"no name for an artifact")
        with zipfile.ZipFile(io.BytesIO(asking(store)(f"/runs/{run.run_id}/zip").content)) as archive:
            assert archive.namelist() == ["good.txt", "_left-out.txt"]
            assert b"slash.txt" in archive.read("_left-out.txt")
