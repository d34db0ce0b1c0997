"""The long-running server: it starts, answers, and goes when it is told to."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pytest

from reprise.errors import UsageError
from reprise.server.serving import Serving, serve
from reprise.server.stopping import TidyServer
from reprise.tracking.artifacts.names import UPLOADS
from reprise.tracking.sqlite.store import EmbeddedStore
from tests.conftest import PATIENCE, eventually

SERVE = """
import sys
from contextlib import suppress
from pathlib import Path
from reprise.server import serving
from reprise.server.http.access import OneSecret
from reprise.server.serving import Serving, serve
from reprise.tracking.sqlite.store import EmbeddedStore
serving.PATIENCE = 600
with suppress(KeyboardInterrupt), EmbeddedStore(Path("mlruns")) as store:
    serve(store, Serving(access=OneSecret(sys.argv[1])), lambda url: print(url, flush=True))
"""


def version(port: int, token: str = "") -> int:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/version", headers={"Authorization": f"Bearer {token}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


@contextmanager
def serving(folder: Path, code: str = SERVE) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A server of the store ``mlruns`` in the folder, and the port that it has taken."""
    argv = [sys.executable, "-c", code, "secret"]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, cwd=folder, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, int(process.stdout.readline().rpartition(":")[2])
        finally:
            process.kill()


@pytest.mark.slow
@pytest.mark.parametrize("ask_to_stop", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_it_is_told_to_stop(tmp_path: Path, ask_to_stop: signal.Signals) -> None:
    with serving(tmp_path) as (server, port):
        assert version(port, "secret") == 200
        assert version(port, "guess") == 401
        server.send_signal(ask_to_stop)
        assert server.wait(PATIENCE) in {0, -ask_to_stop, 128 + ask_to_stop, 1}
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2)


@pytest.mark.slow
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
    told = "HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer secret\r\n"
    download = f"GET /get-artifact?run_id={run.run_id}&path=large.bin {told}\r\n"
    upload = f"PUT /api/2.0/mlflow-artifacts/artifacts/0/a/half.bin {told}Content-Length: 10\r\n\r\n12345"
    with serving(tmp_path) as (server, port), ExitStack() as clients:
        for words in (download, upload, ""):
            address = ("127.0.0.1", port)
            client = clients.enter_context(socket.create_connection(address, timeout=PATIENCE))
            client.sendall(words.encode())
            if words == download:
                assert client.recv(12) == b"HTTP/1.1 200"
        assert eventually(lambda: list(files.glob(f"{UPLOADS}/*")))
        server.send_signal(ask_to_stop)
        _, printed = server.communicate(timeout=PATIENCE)
    assert printed == ""
    assert not list(files.glob(f"{UPLOADS}/*"))


@pytest.mark.slow
@pytest.mark.parametrize("ask_to_stop", [signal.SIGTERM, signal.SIGINT])
def test_while_another_process_holds_the_store_it_is_read_and_ends(
    tmp_path: Path, ask_to_stop: signal.Signals
) -> None:
    """More clients wait to write than there are threads for all requests together."""
    with EmbeddedStore(tmp_path / "mlruns") as store:
        store.create_experiment("there")
    head = "HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer secret\r\n"
    looking = f"GET /api/2.0/mlflow/experiments/get?experiment_id=1 {head}Connection: close\r\n\r\n"
    with (
        serving(tmp_path, SERVE.replace("600", "0.5")) as (server, port),
        ExitStack() as opened,
        closing(sqlite3.connect(tmp_path / "mlruns" / "reprise.db", isolation_level=None)) as other,
    ):
        address = ("127.0.0.1", port)
        other.execute("BEGIN IMMEDIATE")
        for number in range(90):
            body = json.dumps({"name": f"{number}"})
            kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
            writer = opened.enter_context(socket.create_connection(address, timeout=PATIENCE))
            writer.sendall(f"POST /api/2.0/mlflow/experiments/create {head}{kind}".encode())
        reader = opened.enter_context(socket.create_connection(address, timeout=PATIENCE))
        reader.sendall(looking.encode())
        assert b'"there"' in b"".join(iter(lambda: reader.recv(4096), b""))
        server.send_signal(ask_to_stop)
        _, printed = server.communicate(timeout=PATIENCE)
    assert printed == ""


def test_an_interrupt_while_the_loop_is_made_ends_the_server_as_any(
    house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    making = asyncio.new_event_loop
    made = []

    def interrupted() -> asyncio.AbstractEventLoop:
        signal.raise_signal(signal.SIGINT)
        made.append(making())
        return made[0]

    monkeypatch.setattr(asyncio.events, "new_event_loop", interrupted)
    with EmbeddedStore(tmp_path / "mlruns") as store, pytest.raises(KeyboardInterrupt):
        serve(store, Serving(port=0))
    assert made[0].is_closed()


def test_its_socket_is_told_to_be_tcp_so_that_answers_come_without_delay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def run(server: TidyServer, sockets: list[socket.socket]) -> None:
        seen.extend(listening.proto for listening in sockets)

    monkeypatch.setattr(TidyServer, "run", run)
    with EmbeddedStore(tmp_path / "mlruns") as store:
        serve(store, Serving())
    assert seen == [socket.IPPROTO_TCP]


def test_an_address_of_another_machine_is_refused(tmp_path: Path) -> None:
    with (
        EmbeddedStore(tmp_path / "mlruns") as store,
        pytest.raises(UsageError, match=r"cannot listen on 192\.0\.2\.1:0"),
    ):
        serve(store, Serving("192.0.2.1"))


FEW_DESCRIPTORS = f"import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (96, 96))\n{SERVE}"


@pytest.mark.slow
def test_half_sent_requests_that_take_all_room_keep_no_one_out_and_fill_no_log(tmp_path: Path) -> None:
    with serving(tmp_path, FEW_DESCRIPTORS) as (process, port), ExitStack() as stack:
        for _ in range(300):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port), PATIENCE))
            with suppress(OSError):
                client.sendall(b"POST /x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Le")
        assert version(port, "secret") == 200
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=PATIENCE)
    assert len(log.splitlines()) < 5 and "Traceback" not in log
