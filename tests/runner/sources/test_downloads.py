"""The one door for files from the web: whole or an error, whatever the server and the settings do."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from reprise.errors import SourceError
from reprise.runner.sources import downloads
from reprise.runner.sources.downloads import download_file

CONTENT = b"content " * 1000


class Web(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status = int(self.path[1:]) if self.path[1:].isdecimal() else 200
        self.send_response(301 if self.path in ("/moved", "/loop") else status)
        if self.path in ("/moved", "/loop"):
            self.send_header("Location", "/file" if self.path == "/moved" else "/loop")
        if self.path not in ("/endless", "/odd"):
            promised = len(CONTENT) + (1000 if self.path == "/half" else 0)
            self.send_header("Content-Length", "0" if self.path == "/moved" else str(promised))
        if self.path == "/odd":
            self.send_header("Content-Length", "many")
        self.end_headers()
        if self.path != "/moved":
            self.wfile.write(CONTENT)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def web() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Web) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("path", ["file", "moved", "endless"])
def test_a_file_arrives_whole_also_from_elsewhere(tmp_path: Path, web: str, path: str) -> None:
    download_file(f"{web}/{path}", tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("path", "message", "hint"),
    [
        ("404", "answered 404", "check the URL"),
        ("401", "answered 401", "it needs credentials"),
        ("500", "answered 500", "check the URL"),
        ("half", "cannot reach ", "check the host name"),
        ("loop", "cannot reach ", "check the host name"),
        ("odd", "cannot ", ""),
    ],
)
def test_what_goes_wrong_is_told_without_credentials(
    tmp_path: Path, web: str, path: str, message: str, hint: str
) -> None:
    url = f"{web.replace('://', '://ada:hunter2@')}/{path}"
    with pytest.raises(SourceError) as caught:
        download_file(url, tmp_path / "got")
    assert message in caught.value.message
    assert (caught.value.hint or "").startswith(hint)
    assert "hunter2" not in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize("path", ["file", "endless"])
def test_more_than_the_most_is_refused_whether_it_is_announced_or_not(
    tmp_path: Path, web: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "MOST", len(CONTENT) - 1)
    with pytest.raises(SourceError, match="is larger than"):
        download_file(f"{web}/{path}", tmp_path / "got")


@pytest.mark.parametrize(
    ("name", "value"),
    [("ALL_PROXY", "socks5://ada:hunter2@127.0.0.1:9"), ("SSL_CERT_FILE", "/absent.pem")],
)
def test_a_setting_that_cannot_be_used_is_named(
    tmp_path: Path, name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for other in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, value)
    with pytest.raises(SourceError, match="the HTTP settings are invalid") as caught:
        download_file("https://example.invalid/x", tmp_path / "got")
    assert name in (caught.value.hint or "")
    assert "hunter2" not in f"{caught.value.message} {caught.value.hint}"


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path, web: str) -> None:
    with pytest.raises(SourceError, match="cannot download"):
        download_file(f"{web}/file", tmp_path / "absent" / "got")
