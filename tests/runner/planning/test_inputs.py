"""``path`` parameters from everywhere: local, file:, http, runs:, models:, and what cannot be fetched."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from reprise.errors import UsageError
from reprise.runner.planning.inputs import localise_input
from reprise.tracking.sqlite.store import EmbeddedStore

pytestmark = pytest.mark.slow


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    with EmbeddedStore(tmp_path / "mlruns") as opened:
        yield opened


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """A web server on loopback over ``tmp_path/web``; yields its address."""
    (tmp_path / "web").mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(tmp_path / "web"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_local_paths_stay_where_they_are(tmp_path: Path, store: EmbeddedStore) -> None:
    file = tmp_path / "a file: with colon.csv"
    file.write_text("1")
    (tmp_path / "sub").mkdir()
    for value in ("a file: with colon.csv", str(file), "sub/../a file: with colon.csv"):
        assert localise_input(value, tmp_path, None, store) == file
    assert localise_input("file://" + str(file).replace(" ", "%20"), tmp_path, None, store) == file
    assert localise_input("sub", tmp_path, None, store) == tmp_path / "sub"


def test_a_web_file_is_filed_once_per_content_and_cannot_be_changed(
    tmp_path: Path, store: EmbeddedStore, web: str
) -> None:
    (tmp_path / "web" / "wine.csv").write_text("a,b\n1,2\n")
    (tmp_path / "web" / "same.csv").write_text("a,b\n1,2\n")
    storage = tmp_path / "storage"
    first = localise_input(f"{web}/wine.csv?token=x", tmp_path, storage, store)
    again = localise_input(f"{web}/wine.csv", tmp_path, storage, store)
    other_name = localise_input(f"{web}/same.csv", tmp_path, storage, store)
    assert first == again
    assert (first.name, first.read_text(), oct(first.stat().st_mode & 0o777)) == (
        "wine.csv",
        "a,b\n1,2\n",
        "0o444",
    )
    assert (other_name.name, other_name.parent) == ("same.csv", first.parent)
    assert oct(other_name.stat().st_mode & 0o777) == "0o444"
    assert [folder.name for folder in storage.iterdir() if folder.name != ".uris"] == [first.parent.name]


def test_artifacts_of_runs_files_and_folders(tmp_path: Path, store: EmbeddedStore) -> None:
    run_id = store.create_run("0", start_time=1, user_id="u").run_id
    (tmp_path / "x").write_text("data")
    for name in ("data/a.csv", "data/deep/b.csv"):
        store.upload_artifact(run_id, tmp_path / "x", name)
    storage = tmp_path / "storage"
    file = localise_input(f"runs:/{run_id}/data/a.csv", tmp_path, storage, store)
    assert (file.name, file.read_text()) == ("a.csv", "data")
    folder = localise_input(f"runs:/{run_id}/data", tmp_path, storage, store)
    assert folder == localise_input(f"runs:/{run_id}/data/", tmp_path, storage, store)
    found = sorted(item.relative_to(folder).as_posix() for item in folder.rglob("*") if item.is_file())
    assert (folder.name, found) == ("data", ["a.csv", "deep/b.csv"])


def test_registered_models(tmp_path: Path, store: EmbeddedStore) -> None:
    run_id = store.create_run("0", start_time=1, user_id="u").run_id
    (tmp_path / "x").write_text("flavors: {}")
    store.upload_artifact(run_id, tmp_path / "x", "model/MLmodel")
    store.create_registered_model("iris")
    store.create_model_version("iris", source=f"runs:/{run_id}/model", run_id=run_id)
    for uri in ("models:/iris/1", "models:/iris/latest"):
        folder = localise_input(uri, tmp_path, tmp_path / "storage", store)
        assert (folder / "MLmodel").read_text() == "flavors: {}"
    file = localise_input("models:/iris/1/MLmodel", tmp_path, tmp_path / "storage", store)
    assert file.read_text() == "flavors: {}"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("no.csv", 'there is no file or folder "no.csv" (looked for {cwd}/no.csv)'),
        ("file://other/x", '"file://other/x" is a file on another machine'),
        ("", "the path is empty"),
        ("~nobody-of-that-name/x", '"~nobody-of-that-name/x" cannot be used: '),
        ("a" * 300, '"' + "a" * 300 + '" cannot be used: '),
        ("http://[bad", '"http://[bad" cannot be used: '),
        ("{web}/q%00x", "cannot fetch {web}/q%00x: "),
        ("{web}/..%2f..%2fnone", "cannot fetch {web}/..%2f..%2fnone: "),
        ("{web}/none.csv", "cannot fetch {web}/none.csv: {web}/none.csv answered 404 File not found"),
        ("http://127.0.0.1:1/x", "cannot fetch http://127.0.0.1:1/x: "),
        ("runs:/abc", '"runs:/abc" is not an artifact'),
        ("runs:/" + "0" * 32 + "/x", "cannot fetch runs:/" + "0" * 32 + "/x: "),
        ("models:/none/1", "cannot fetch models:/none/1: "),
        ("weird://bucket/x", "cannot fetch weird://bucket/x: "),
    ],
)
def test_what_cannot_be_fetched_is_told_and_leaves_nothing(
    value: str, message: str, tmp_path: Path, store: EmbeddedStore, web: str
) -> None:
    storage = tmp_path / "storage"
    with pytest.raises(UsageError) as caught:
        localise_input(value.format(web=web), tmp_path, storage, store)
    assert caught.value.message.startswith(message.format(web=web, cwd=tmp_path))
    assert not storage.exists() or list(storage.iterdir()) == []


def test_a_name_that_is_none_becomes_input_and_a_hidden_path_stays_a_name(
    tmp_path: Path, store: EmbeddedStore, web: str
) -> None:
    (tmp_path / "web" / "index.html").write_text("page")
    for end in ("", "/", "/.", "/.."):
        found = localise_input(f"{web}{end}", tmp_path, tmp_path / "storage", store)
        assert (found.name, found.read_text()) == ("input", "page")
        assert found.parent.parent == tmp_path / "storage"


def test_what_was_changed_in_the_storage_is_not_taken_for_what_was_fetched(
    tmp_path: Path, store: EmbeddedStore, web: str
) -> None:
    (tmp_path / "web" / "wine.csv").write_text("a,b\n1,2\n")
    storage = tmp_path / "storage"
    file = localise_input(f"{web}/wine.csv", tmp_path, storage, store)
    file.chmod(0o644)
    file.write_text("a,b\n")
    with pytest.raises(UsageError, match="was changed since"):
        localise_input(f"{web}/wine.csv", tmp_path, storage, store, offline=True)
    assert localise_input(f"{web}/wine.csv", tmp_path, storage, store) == file
    assert file.read_text() == "a,b\n1,2\n"
    assert localise_input(f"{web}/wine.csv", tmp_path, storage, store, offline=True) == file


def test_a_storage_folder_that_cannot_be_is_told(tmp_path: Path, store: EmbeddedStore, web: str) -> None:
    (tmp_path / "web" / "x").write_text("1")
    with pytest.raises(UsageError, match="cannot be used"):
        localise_input(f"{web}/x", tmp_path, Path("/dev/null/x"), store)
