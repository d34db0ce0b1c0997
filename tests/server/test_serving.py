"""The long-running server: it starts, answers, and goes when it is told to."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import pytest
import uvicorn

from reprise.errors import UsageError
from reprise.server.serving import Serving, serve
from reprise.tracking.embedded import EmbeddedStore

SERVE = """
import sys
from contextlib import suppress
from pathlib import Path
from reprise.server import serving
from reprise.server.access import OneSecret
from reprise.server.serving import Serving, serve
from reprise.tracking.embedded import EmbeddedStore
serving.PATIENCE = 600
with suppress(KeyboardInterrupt), EmbeddedStore(Path("mlruns")) as store:
    serve(store, Serving(port=int(sys.argv[1]), access=OneSecret(sys.argv[2])))
"""


def version(port: int, token: str = "") -> int:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/version", headers={"Authorization": f"Bearer {token}"}
    )
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(request) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        except urllib.error.URLError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


@pytest.mark.parametrize("ask_to_stop", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_it_is_told_to_stop(tmp_path: Path, ask_to_stop: signal.Signals) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-c", SERVE, str(port), "secret"], cwd=tmp_path)
    try:
        assert version(port, "secret") == 200
        assert version(port, "guess") == 401
        server.send_signal(ask_to_stop)
        assert server.wait(10) in {0, -ask_to_stop, 128 + ask_to_stop, 1}
    finally:
        server.kill()
        server.wait()
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2)


@pytest.mark.parametrize("ask_to_stop", [signal.SIGTERM, signal.SIGINT])
def test_it_waits_for_no_client_that_takes_no_part_and_prints_nothing(
    tmp_path: Path, ask_to_stop: signal.Signals
) -> None:
    """One reads nothing of a large file, one stops in the middle of an upload, one says nothing."""
    with EmbeddedStore(tmp_path / "mlruns") as store:
        run = store.create_run("0", start_time=1, user_id="ada")
        with store.artifacts_of(run.run_id).writing("large.bin") as file:
            file.write(bytes(40 << 20))
    files = tmp_path / "mlruns" / "artifacts"
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    argv = [sys.executable, "-c", SERVE, str(port), "secret"]
    server = subprocess.Popen(argv, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    told = "HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer secret\r\n"
    download = f"GET /get-artifact?run_id={run.run_id}&path=large.bin {told}\r\n"
    upload = f"PUT /api/2.0/mlflow-artifacts/artifacts/0/a/half.bin {told}Content-Length: 10\r\n\r\n12345"
    try:
        assert version(port, "secret") == 200
        with ExitStack() as clients:
            for words in (download, upload, ""):
                client = clients.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
                client.sendall(words.encode())
                if words == download:
                    assert client.recv(12) == b"HTTP/1.1 200"
            deadline = time.monotonic() + 30
            while not (arriving := list(files.rglob(".*"))) and time.monotonic() < deadline:
                time.sleep(0.01)
            server.send_signal(ask_to_stop)
            _, printed = server.communicate(timeout=60)
    finally:
        server.kill()
        server.wait()
    assert printed == ""
    assert arriving and not list(files.rglob(".*"))


def test_its_socket_is_told_to_be_tcp_so_that_answers_come_without_delay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def run(server: uvicorn.Server, sockets: list[socket.socket]) -> None:
        seen.extend(listening.proto for listening in sockets)

    monkeypatch.setattr(uvicorn.Server, "run", run)
    with EmbeddedStore(tmp_path / "mlruns") as store:
        serve(store, Serving())
    assert seen == [socket.IPPROTO_TCP]


def test_an_address_of_another_machine_is_refused(tmp_path: Path) -> None:
    with (
        EmbeddedStore(tmp_path / "mlruns") as store,
        pytest.raises(UsageError, match=r"cannot listen on 192\.0\.2\.1:0"),
    ):
        serve(store, Serving("192.0.2.1"))
