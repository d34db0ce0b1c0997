"""The long-running server: it starts, answers, and goes when it is told to."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import uvicorn

from reprise.errors import UsageError
from reprise.server.serving import Serving, serve
from reprise.tracking.embedded import EmbeddedStore

SERVE = """
import sys
from pathlib import Path
from reprise.server.access import OneSecret
from reprise.server.serving import Serving, serve
from reprise.tracking.embedded import EmbeddedStore
with EmbeddedStore(Path("mlruns")) as store:
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
