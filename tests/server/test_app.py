"""Requests that no client of good will sends, and many at once."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reprise.server.http.bodies import LARGEST_BODY
from reprise.server.loopback import Loopback
from reprise.tracking.sqlite.store import EmbeddedStore

API = "/api/2.0/mlflow"
FILES = "/api/2.0/mlflow-artifacts/artifacts"


class Server:
    """A store, its facade, and a connection to it."""

    def __init__(self, store: EmbeddedStore, loopback: Loopback) -> None:
        self.store = store
        self.address = loopback.uri.removeprefix("http://")
        self.token = loopback.environ["MLFLOW_TRACKING_TOKEN"]

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any]:
        connection = http.client.HTTPConnection(self.address)
        known = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, body, {**known, **headers})
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        try:
            return response.status, json.loads(content)
        except ValueError:
            return response.status, content

    def connect(self) -> socket.socket:
        host, port = self.address.split(":")
        return socket.create_connection((host, int(port)))

    def refused(self, method: str, path: str, body: bytes | None = None) -> str:
        status, answer = self.ask(method, path, body)
        assert (status, answer["error_code"]) == (400, "INVALID_PARAMETER_VALUE"), answer
        return str(answer["message"])


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with EmbeddedStore(tmp_path / "mlruns") as store, Loopback.start(store, "0" * 32) as loopback:
        yield Server(store, loopback)


@pytest.fixture
def run_id(server: Server) -> str:
    return server.store.create_run("0", start_time=1, user_id="me").run_id


def eventually(fact: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not fact():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def files_of(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{oops", "not JSON"),
        (b"\xff\xfe", "UTF-8"),
        (b'{"key": "\xff"}', "UTF-8"),
        (b"[]", "not a JSON object"),
        (b'"text"', "not a JSON object"),
        (b"{}", "Missing value for required parameter"),
        (b'{"run_id": "r", "key": "", "value": 1, "timestamp": 1}', "required parameter 'key'"),
        (b'{"run_id": 5, "key": "k", "value": 1, "timestamp": 1}', "parameter 'run_id'"),
        (b'{"run_id": "r", "key": "k", "value": {}, "timestamp": 1}', "parameter 'value'"),
        (b'{"run_id": "r", "key": "k", "value": 1, "timestamp": "soon"}', "parameter 'timestamp'"),
        (b'{"run_id": "r", "key": "k", "value": 1, "timestamp": 1e30}', "parameter 'timestamp'"),
        (b'{"run_id": "r", "key": "k", "value": 1, "timestamp": 99999999999999999999}', "timestamp"),
        (b'{"run_id": "r", "key": "k", "value": NaN, "timestamp": 1}', "not JSON"),
        (b"[" * 100_000, "not a JSON object"),
        (b'{"a": ' * 100_000, "deeply"),
        (b'{"run_id": 5, "a": ' + b"[" * 100_000, "deeply"),
    ],
)
def test_a_bad_body_is_told_what_is_wrong(server: Server, body: bytes, said: str) -> None:
    assert said in server.refused("POST", f"{API}/runs/log-metric", body)


def test_a_fault_deep_in_a_batch_is_named(server: Server, run_id: str) -> None:
    batch = {"run_id": run_id, "metrics": [{"key": "a", "value": 1, "timestamp": 1}, {"key": "b"}]}
    said = server.refused("POST", f"{API}/runs/log-batch", json.dumps(batch).encode())
    assert "value" in said


def test_a_huge_body_is_not_read_to_its_end(server: Server) -> None:
    with server.connect() as connection:
        head = (
            f"POST {API}/runs/log-batch HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {server.token}\r\nContent-Length: {10**12}\r\n\r\n"
        )
        connection.sendall(head.encode())
        piece = b" " * (1 << 20)
        sent = 0
        try:
            while sent < 4 * LARGEST_BODY:
                sent += connection.send(piece)
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert sent < 4 * LARGEST_BODY


def test_a_large_body_gets_its_status(server: Server, run_id: str) -> None:
    body = json.dumps({"run_id": run_id, "key": "k", "value": "x" * (LARGEST_BODY + 1)}).encode()
    try:
        status, answer = server.ask("POST", f"{API}/runs/set-tag", body)
    except (BrokenPipeError, ConnectionResetError):
        return  # refused while it was still being sent
    assert (status, answer["error_code"]) == (413, "REQUEST_TOO_LARGE")


def test_a_web_page_cannot_post_a_form(server: Server, run_id: str) -> None:
    body = json.dumps({"run_id": run_id, "key": "k", "value": "v"}).encode()
    status, answer = server.ask("POST", f"{API}/runs/set-tag", body, **{"Content-Type": "text/plain"})
    assert status == 400 and "Content-Type" in answer["message"]


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "..%2fevil",
        "%2e%2e/evil",
        "%2e%2e%2fevil",
        "a/../../evil",
        "a/..%2f..%2fevil",
        "%2fetc%2fpasswd",
        "/etc/passwd",
        "a%00b",
        "..%5cevil",
        "a/%2e%2e/%2e%2e/evil",
    ],
)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_an_artifact_stays_inside_the_store(server: Server, method: str, name: str) -> None:
    before = files_of(server.store.directory.parent)
    status, _ = server.ask(method, f"{FILES}/{name}", b"evil" if method == "PUT" else None)
    assert status == 400
    assert files_of(server.store.directory.parent) == before


@pytest.mark.parametrize("query", ["..", "../..", "/etc", "a/../..", "%2e%2e", "..%2f.."])
def test_a_listing_stays_inside_the_store(server: Server, run_id: str, query: str) -> None:
    server.refused("GET", f"{FILES}?path={query}")
    server.refused("GET", f"{API}/artifacts/list?run_id={run_id}&path={query}")


def test_a_symlink_in_the_store_is_not_followed(server: Server, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (server.store.directory / "artifacts").mkdir(parents=True, exist_ok=True)
    (server.store.directory / "artifacts" / "link").symlink_to(tmp_path)
    assert server.ask("GET", f"{FILES}/link/secret")[0] == 400
    assert server.ask("PUT", f"{FILES}/link/new", b"x")[0] == 400


def test_a_file_comes_back_as_it_went(server: Server) -> None:
    content = bytes(range(256)) * 20_000  # five pieces and a rest
    assert server.ask("PUT", f"{FILES}/0/a%20b/%C3%BCn%C3%AF.bin", content)[0] == 200
    assert files_of(server.store.directory / "artifacts") == {"0/a b/ünï.bin"}
    status, back = server.ask("GET", f"{FILES}/0/a%20b/%C3%BCn%C3%AF.bin")
    assert (status, back) == (200, content)
    status, part = server.ask("GET", f"{FILES}/0/a%20b/%C3%BCn%C3%AF.bin", Range="bytes=256-259")
    assert (status, part) == (206, bytes(range(4)))
    assert server.ask("PUT", f"{FILES}/0/empty", b"")[0] == 200
    assert server.ask("GET", f"{FILES}/0/empty") == (200, b"")


def test_an_upload_that_breaks_off_leaves_nothing(server: Server) -> None:
    before = files_of(server.store.directory)
    with server.connect() as connection:
        head = (
            f"PUT {FILES}/0/half HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Authorization: Bearer {server.token}\r\nContent-Length: 5000000\r\n\r\n"
        )
        connection.sendall(head.encode() + b"x" * 2_500_000)
        eventually(lambda: files_of(server.store.directory) != before)
    eventually(lambda: files_of(server.store.directory) == before)
    assert server.ask("GET", f"{FILES}/0/half")[0] == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/api/2.0/mlflow/gateway/endpoints"),
        ("POST", "/api/3.0/mlflow/gateway/endpoints/create"),
        ("GET", "/api/3.0/mlflow/scorers/list"),
        ("POST", "/ajax-api/3.0/mlflow/prompt-optimization/jobs"),
        ("GET", "/api/3.0/mlflow/label-schemas"),
        ("GET", "/api/3.0/mlflow/workspaces"),
        ("POST", "/api/3.0/mlflow/review-queues/create"),
        ("GET", "/api/3.0/mlflow/traces/metrics/of/nothing"),
        ("GET", "/api/3.0/mlflow/traces/someVerb"),
    ],
)
def test_what_we_do_not_speak_is_refused_in_mlflows_shape(server: Server, method: str, path: str) -> None:
    status, answer = server.ask(method, path, b"{}" if method == "POST" else None)
    assert (status, answer["error_code"]) == (404, "ENDPOINT_NOT_FOUND")


def test_both_mounts_answer_alike(server: Server) -> None:
    one, two = (
        server.ask("GET", f"/{mount}/2.0/mlflow/experiments/get?experiment_id=0")
        for mount in ("api", "ajax-api")
    )
    assert one == two and one[0] == 200


def test_a_null_and_an_unknown_field_are_as_if_absent(server: Server, run_id: str) -> None:
    body = {
        "run_id": run_id,
        "run_uuid": None,
        "key": "acc",
        "value": 1,
        "timestamp": 5,
        "step": None,
        "tomorrow": [1],
    }
    assert server.ask("POST", f"{API}/runs/log-metric", json.dumps(body).encode()) == (200, {})
    assert server.store.get_run(run_id).metrics["acc"].step == 0


@pytest.mark.slow
def test_a_thousand_requests_from_sixteen_threads_lose_nothing(server: Server, run_id: str) -> None:
    faults: list[object] = []

    def write(thread: int) -> None:
        connection = http.client.HTTPConnection(server.address)
        headers = {"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"}
        for step in range(63):
            point = {"run_id": run_id, "key": f"m{thread}", "value": step, "timestamp": 1, "step": step}
            connection.request("POST", f"{API}/runs/log-metric", json.dumps(point), headers)
            response = connection.getresponse()
            if (answer := (response.status, response.read())) != (200, b"{}"):
                faults.append(answer)
        connection.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    for number in range(16):
        steps = [point.step for point in server.store.metric_history(run_id, f"m{number}")]
        assert sorted(steps) == list(range(63))
