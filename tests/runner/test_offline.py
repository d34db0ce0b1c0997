"""--offline: what was fetched before is used, and everything else is named."""

from __future__ import annotations

import functools
import http.server
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from reprise.errors import SourceError, UsageError
from reprise.runner.planning.inputs import localise_input
from reprise.runner.planning.request import make_request
from reprise.runner.sources import working_copy
from reprise.schemas.job import Checkout
from reprise.tracking.sqlite.store import EmbeddedStore
from tests.fakes import git_http, repositories
from tests.fakes.repositories import Demo, commit, make


@pytest.fixture
def demo(tmp_path: Path) -> Demo:
    return repositories.demo(tmp_path / "demo")


def fetch(uri: str, version: str | None = None, *, offline: bool = True) -> Checkout:
    return working_copy.fetch_project(uri, version, Path.cwd(), offline=offline)


def test_a_repository_is_as_it_was_fetched_and_is_not_asked(house: Path, demo: Demo) -> None:
    with git_http.serve(demo.served) as server:
        url = f"{server.url}/team/demo.git"
        with pytest.raises(
            SourceError, match=r'"HEAD" of .* is not in the cache, and --offline does not allow'
        ):
            fetch(url)
        first = fetch(url, offline=False)
        asked = len(server.requests)
        for version in (None, demo.second, demo.first[:10]):
            checkout = fetch(url, version)
            assert checkout.repository is not None
            assert checkout.repository.commit in (demo.first, demo.second)
        assert len(server.requests) == asked
        with pytest.raises(SourceError, match=r'"no-such" of .*, and --offline does not allow') as caught:
            fetch(url, "no-such")
        assert "without --offline" in (caught.value.hint or "")
        assert len(server.requests) == asked
    working_copy.discard_checkout(first)


def test_a_repository_of_this_machine_needs_no_network(house: Path, tmp_path: Path) -> None:
    folder = make(tmp_path / "repository", {"MLproject": "name: x\n"})
    found = commit(folder, {"a.txt": "1"}, "first")
    assert (fetch(folder.as_uri(), found).path / "a.txt").read_text() == "1"
    assert (fetch(str(folder), found).path / "a.txt").read_text() == "1"


def test_submodules_that_are_not_at_hand_are_told(house: Path, demo: Demo) -> None:
    with git_http.serve(demo.served) as server:
        url = f"{server.url}/team/demo.git"
        working_copy.discard_checkout(fetch(url, offline=False))
        (pristine,) = (house / "cache" / "git-v1").glob(f"*/commits/{demo.second}")
        shutil.rmtree(pristine)
        with pytest.raises(SourceError, match=r"submodules at .* is not in the cache, and --offline"):
            fetch(url, demo.second)


def test_an_archive_of_the_web_is_refused(house: Path) -> None:
    with pytest.raises(SourceError, match=r"https://host/x\.zip is not on this machine, and --offline"):
        fetch("https://host/x.zip")


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "data.csv").write_text("1")

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


def test_an_input_of_the_web_is_as_it_was_fetched(house: Path, tmp_path: Path, web: str) -> None:
    store, kept = EmbeddedStore(tmp_path / "mlruns"), tmp_path / "kept"
    url = f"{web}/data.csv?token=secret"
    with store:
        with pytest.raises(UsageError, match=r"data\.csv.* is not in .*, and --offline does") as caught:
            localise_input(url, tmp_path, kept, store, offline=True)
        assert "secret" not in caught.value.message
        first = localise_input(url, tmp_path, kept, store)
        (tmp_path / "web" / "data.csv").write_text("2")
        assert localise_input(url, tmp_path, kept, store, offline=True) == first
        second = localise_input(url, tmp_path, kept, store)
        assert second.read_text() == "2"
        assert localise_input(url, tmp_path, kept, store, offline=True) == second
        assert localise_input(str(first), tmp_path, kept, store, offline=True) == first
    assert not [path for path in kept.rglob("*") if path.is_file() and b"secret" in path.read_bytes()]


@pytest.mark.parametrize(("value", "offline"), [("1", True), ("true", True), ("0", False), ("", False)])
def test_the_variable(monkeypatch: pytest.MonkeyPatch, value: str, offline: bool) -> None:
    monkeypatch.setenv("REPRISE_OFFLINE", value)
    assert make_request(".", parameters={}, sources={}).offline is offline
    assert make_request(".", parameters={}, sources={}, offline=True).offline
