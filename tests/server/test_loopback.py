"""The facade of a run: it costs nothing until it is called, and it goes away whole."""

from __future__ import annotations

import base64
import os
import pwd
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from reprise.server import serving
from reprise.server.loopback import Loopback
from reprise.tracking.sqlite.store import EmbeddedStore

RUN = "0" * 32


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    with EmbeddedStore(tmp_path / "mlruns") as store:
        yield store


def ask(uri: str, token: str | None = None, **headers: str) -> tuple[int, bytes]:
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    try:
        with urllib.request.urlopen(urllib.request.Request(uri, headers=headers)) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def no_thread_is_left_but(before: set[threading.Thread]) -> bool:
    """Worker threads are told to end; they may take a moment."""
    deadline = time.monotonic() + 10
    while set(threading.enumerate()) - before and time.monotonic() < deadline:
        time.sleep(0.001)
    return not set(threading.enumerate()) - before


def test_a_child_that_never_calls_costs_no_import(tmp_path: Path) -> None:
    script = """
import sys
from pathlib import Path
from reprise.server.loopback import Loopback
from reprise.tracking.sqlite.store import EmbeddedStore
with EmbeddedStore(Path("mlruns")) as store, Loopback.start(store, "0" * 32) as loopback:
    assert loopback.environ["MLFLOW_TRACKING_URI"].startswith("http://127.0.0.1:")
heavy = {"starlette", "uvicorn", "msgspec", "anyio", "asyncio", "httpx", "h11"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)


def test_it_answers_a_call_that_was_made_before_it_served(store: EmbeddedStore) -> None:
    loopback = Loopback(store, RUN)
    host, port = loopback.uri.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as early:
        early.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        loopback._thread.start()
        with loopback:
            answer = b"".join(iter(lambda: early.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"OK")


def test_only_the_child_with_the_token_is_answered(store: EmbeddedStore) -> None:
    with Loopback.start(store, RUN) as loopback:
        token = loopback.environ["MLFLOW_TRACKING_TOKEN"]
        version = f"{loopback.uri}/version"
        assert ask(version, token)[0] == 200
        assert ask(version)[0] == 401
        assert ask(version, "")[0] == 401
        assert ask(version, token[:-40])[0] == 401
        assert ask(version, "x" + token[1:])[0] == 401
        assert ask(version, "é")[0] == 401
        status, body = ask(f"{loopback.uri}/api/2.0/mlflow/runs/search")
        assert (status, b"UNAUTHENTICATED" in body) == (401, True)


def test_a_web_page_that_rebinds_its_name_to_loopback_is_refused(store: EmbeddedStore) -> None:
    with Loopback.start(store, RUN) as loopback:
        token = loopback.environ["MLFLOW_TRACKING_TOKEN"]
        assert ask(f"{loopback.uri}/version", Host="evil.example.org")[0] == 401
        assert ask(f"{loopback.uri}/version", token, Origin="http://evil.example.org")[0] == 403
        assert ask(f"{loopback.uri}/version", token, Host="host.docker.internal:1")[0] == 200


def test_closing_leaves_no_thread_and_no_socket(store: EmbeddedStore) -> None:
    before = set(threading.enumerate())
    loopback = Loopback.start(store, RUN)
    assert ask(f"{loopback.uri}/health")[0] == 200
    loopback.close()
    loopback.close()
    assert no_thread_is_left_but(before)
    with pytest.raises(urllib.error.URLError):
        ask(f"{loopback.uri}/health")


def test_closing_without_a_call_leaves_nothing_either(store: EmbeddedStore) -> None:
    before = set(threading.enumerate())
    loopback = Loopback.start(store, RUN)
    loopback.close()
    assert no_thread_is_left_but(before)


def test_closing_does_not_wait_for_an_idle_connection(store: EmbeddedStore) -> None:
    loopback = Loopback.start(store, RUN)
    host, port = loopback.uri.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as idle:
        idle.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert idle.recv(4096).startswith(b"HTTP/1.1 200")
        loopback.close()
        assert b"".join(iter(lambda: idle.recv(4096), b"")) in {b"", b"OK"}


def test_closing_gives_up_on_an_upload_that_stalls(
    store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "PATIENCE", 0.1)
    before = set(threading.enumerate())
    loopback = Loopback.start(store, RUN)
    host, port = loopback.uri.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as stalled:
        head = (
            "PUT /api/2.0/mlflow-artifacts/artifacts/0/half HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Authorization: Bearer {loopback.environ['MLFLOW_TRACKING_TOKEN']}\r\n"
            "Expect: 100-continue\r\nContent-Length: 5000000\r\n\r\n"
        )
        stalled.sendall(head.encode())
        assert stalled.recv(100).startswith(b"HTTP/1.1 100")
        loopback.close()
    assert no_thread_is_left_but(before)
    assert not [path for path in (store.directory / "artifacts").rglob("*") if path.is_file()]


def test_a_user_name_meant_for_another_server_does_not_lock_the_child_out(
    store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch, house: Path
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "me")
    with Loopback.start(store, RUN) as loopback:
        environ = loopback.environ
        pair = f"{environ['MLFLOW_TRACKING_USERNAME']}:{environ['MLFLOW_TRACKING_PASSWORD']}"
        basic = base64.b64encode(pair.encode()).decode()
        assert ask(f"{loopback.uri}/version", Authorization=f"Basic {basic}")[0] == 200
        assert ask(f"{loopback.uri}/version", Authorization="Basic !!!")[0] == 401


def test_a_credentials_file_is_noticed(store: EmbeddedStore, house: Path) -> None:
    (house / ".mlflow").mkdir()
    (house / ".mlflow" / "credentials").write_text("[mlflow]\nmlflow_tracking_username = me\n")
    with Loopback.start(store, RUN) as loopback:
        assert loopback.environ["MLFLOW_TRACKING_PASSWORD"] == loopback.environ["MLFLOW_TRACKING_TOKEN"]


def test_a_proxy_is_not_asked_for_loopback(
    store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch, house: Path
) -> None:
    with Loopback.start(store, RUN) as loopback:
        assert "no_proxy" not in loopback.environ
        monkeypatch.setenv("HTTP_PROXY", "http://proxy.example.org:3128")
        monkeypatch.setenv("NO_PROXY", "intranet")
        assert loopback.environ["no_proxy"] == loopback.environ["NO_PROXY"] == "intranet,127.0.0.1"


def test_a_child_process_can_call(store: EmbeddedStore, tmp_path: Path) -> None:
    script = """
import os, urllib.request
request = urllib.request.Request(
    os.environ["MLFLOW_TRACKING_URI"] + "/api/2.0/mlflow/experiments/get?experiment_id=0",
    headers={"Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"]})
print(urllib.request.urlopen(request).read().decode())
"""
    with Loopback.start(store, RUN) as loopback:
        done = subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, **loopback.environ},
            capture_output=True,
            text=True,
            check=True,
        )
    assert '"name":"Default"' in done.stdout


def test_a_user_without_a_home_is_served_and_a_child_learns_the_store(
    store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(uid: int) -> pwd.struct_passwd:
        raise KeyError(uid)

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    with Loopback.start(store, RUN) as loopback:
        assert loopback.environ["REPRISE_STORE"] == str(store.directory)
