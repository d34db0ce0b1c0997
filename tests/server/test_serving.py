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

SERVE = """
import sys
from pathlib import Path
from reprise.server.serving import serve
from reprise.tracking.embedded import EmbeddedStore
with EmbeddedStore(Path("mlruns")) as store:
    serve(store, "127.0.0.1", int(sys.argv[1]), *sys.argv[2:])
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
