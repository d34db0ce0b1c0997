"""Runs on a server over REST: credentials, patience, faults of the server, and where artifacts lie."""

from __future__ import annotations

import base64
import http.server
import json
import shutil
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from reprise import progress
from reprise.errors import TrackingError
from reprise.schemas.entities import Metric
from reprise.server.loopback import Loopback
from reprise.tracking.rest import retries
from reprise.tracking.rest import shapes as shapes
from reprise.tracking.rest.artifacts import FolderPlace
from reprise.tracking.rest.store import RestTracking
from reprise.tracking.sqlite.store import EmbeddedStore

Answer = tuple[int, Any]


class Server:
    """A server that answers as it is told, and remembers what it was asked."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.uri = f"http://{address[0]}:{address[1]}"
        self.answers: list[Answer] = []
        self.headers_of_answers: dict[str, str] = {}
        self.asked: list[tuple[str, str, dict[str, str], Any]] = []

    def answer(self, status: int, body: Any) -> None:
        self.answers.append((status, body))

    def headers(self, number: int = -1) -> dict[str, str]:
        return self.asked[number][2]

    def bodies(self) -> list[Any]:
        return [body for *_, body in self.asked]


@contextmanager
def serving(answer: Callable[[http.server.BaseHTTPRequestHandler], None]) -> Iterator[tuple[str, int]]:
    class Asked(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        do_POST = do_PUT = do_GET

        def log_message(self, format: str, *values: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Asked) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield ("127.0.0.1", server.server_address[1])
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    """Gives its answers in order, the last one for ever."""
    told: list[Server] = []

    def answer(asked: http.server.BaseHTTPRequestHandler) -> None:
        length = int(asked.headers.get("Content-Length") or 0)
        content = asked.rfile.read(length)
        body = json.loads(content) if content.startswith(b"{") else content
        server = told[0]
        server.asked.append((asked.command, asked.path, dict(asked.headers), body))
        status, reply = server.answers.pop(0) if len(server.answers) > 1 else server.answers[0]
        data = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
        asked.send_response(status)
        asked.send_header("Content-Length", str(len(data)))
        for name, value in server.headers_of_answers.items():
            asked.send_header(name, value)
        asked.end_headers()
        asked.wfile.write(data)

    with serving(answer) as address:
        told.append(Server(address))
        yield told[0]


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "PAUSES", (0.0, 0.0))


@contextmanager
def tracking(uri: str) -> Iterator[RestTracking]:
    opened = RestTracking(uri)
    try:
        yield opened
    finally:
        opened.close()


RUN: dict[str, Any] = {
    "run": {
        "info": {
            "run_id": "r1",
            "experiment_id": "0",
            "status": "RUNNING",
            "start_time": "1700000000000",
            "artifact_uri": "mlflow-artifacts:/0/r1/artifacts",
        },
        "data": {"metrics": [{"key": "m", "value": "NaN", "timestamp": "5", "step": "1"}]},
    }
}


def test_the_token_is_sent(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "abc")
    server.answer(200, RUN)
    with tracking(server.uri) as store:
        store.get_run("r1")
    assert server.headers()["Authorization"] == "Bearer abc"


def test_a_user_name_is_sent_instead_of_a_token(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "abc")
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ada")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "s3cret")
    server.answer(200, RUN)
    with tracking(server.uri) as store:
        store.get_run("r1")
    assert server.headers()["Authorization"] == "Basic " + base64.b64encode(b"ada:s3cret").decode()


def test_userinfo_of_the_uri_is_used_and_never_shown(server: Server) -> None:
    server.answer(200, RUN)
    with tracking(server.uri.replace("://", "://ada:p%40ss@") + "/prefix/") as store:
        assert store.uri == f"{server.uri}/prefix"
        store.get_run("r1")
        assert store.environ("r1") == {
            "MLFLOW_TRACKING_URI": f"{server.uri}/prefix",
            "MLFLOW_TRACKING_USERNAME": "ada",
            "MLFLOW_TRACKING_PASSWORD": "p@ss",
        }
    assert server.asked[0][1].startswith("/prefix/api/2.0/mlflow/runs/get?run_id=r1")
    assert server.headers()["Authorization"] == "Basic " + base64.b64encode(b"ada:p@ss").decode()


def test_numbers_are_read_from_text(server: Server) -> None:
    server.answer(200, RUN)
    with tracking(server.uri) as store:
        run = store.get_run("r1")
    assert run.start_time == 1700000000000
    assert run.metrics["m"].value != run.metrics["m"].value and run.metrics["m"].step == 1


@pytest.mark.parametrize("status", [429, 502, 503])
def test_a_busy_server_is_asked_again(server: Server, status: int) -> None:
    server.answer(status, b"busy")
    server.answer(status, b"busy")
    server.answer(200, RUN)
    with tracking(server.uri) as store:
        assert store.get_run("r1").run_id == "r1"
    assert len(server.asked) == 3


def test_what_must_not_be_done_twice_is_asked_once(server: Server) -> None:
    server.answer(502, b"bad gateway")
    with tracking(server.uri) as store, pytest.raises(TrackingError):
        store.create_run("0", start_time=1, user_id="me")
    assert len(server.asked) == 1


def test_the_servers_own_words_are_passed_on(server: Server) -> None:
    server.answer(400, {"error_code": "INVALID_PARAMETER_VALUE", "message": "no such thing"})
    with tracking(server.uri) as store, pytest.raises(TrackingError, match="no such thing") as refused:
        store.get_run("r1")
    assert refused.value.code == "INVALID_PARAMETER_VALUE"


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (401, b"who are you", "UNAUTHENTICATED"),
        (403, {"error_code": "PERMISSION_DENIED", "message": "no"}, "PERMISSION_DENIED"),
        (404, b"<html>", "ENDPOINT_NOT_FOUND"),
        (500, b"", "INTERNAL_ERROR"),
        (200, b"<html>welcome</html>", "INTERNAL_ERROR"),
        (200, [], "INTERNAL_ERROR"),
        (200, {"status": "ok"}, "INTERNAL_ERROR"),
        (200, {"run": {"info": {}}}, "INTERNAL_ERROR"),
    ],
)
def test_a_server_that_is_no_mlflow_server_is_told(
    server: Server, status: int, body: Any, code: str
) -> None:
    server.answer(status, body)
    with tracking(server.uri) as store, pytest.raises(TrackingError) as refused:
        store.get_run("r1")
    assert refused.value.code == code
    assert (refused.value.hint is not None) is (status in {200, 401, 403})


def test_an_unreachable_server_is_named_without_its_password() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with (
        tracking(f"http://ada:secret@127.0.0.1:{port}") as store,
        pytest.raises(TrackingError, match=f"http://127.0.0.1:{port}") as refused,
    ):
        store.create_experiment("e")
    assert "secret" not in f"{refused.value.message} {refused.value.hint}"
    assert "MLFLOW_TRACKING_URI" in str(refused.value.hint)


@pytest.mark.parametrize(
    "uri", ["http://", "ftp://host", "http:///path", "http://[::1", "http://host:port"]
)
def test_a_uri_without_a_host_is_refused(uri: str) -> None:
    with pytest.raises(TrackingError, match="not the URL"):
        RestTracking(uri)


def test_a_large_batch_is_sent_in_pieces_that_servers_take(server: Server) -> None:
    server.answer(200, {})
    metrics = [Metric(f"m{number}", float("inf"), 1) for number in range(2500)]
    params = {f"p{number}": "v" for number in range(250)}
    tags = {f"t{number}": "v" for number in range(120)}
    with tracking(server.uri) as store:
        store.log_batch("r1", metrics=metrics, params=params, tags=tags)
    bodies = server.bodies()
    for body in bodies:
        assert len(body["params"]) <= 100 and len(body["tags"]) <= 100
        assert len(body["metrics"]) + len(body["params"]) + len(body["tags"]) <= 1000
    sent = [point for body in bodies for point in body["metrics"]]
    assert [point["key"] for point in sent] == [metric.key for metric in metrics]
    assert sent[0]["value"] == "Infinity"
    assert {pair["key"] for body in bodies for pair in body["params"]} == set(params)
    assert {pair["key"] for body in bodies for pair in body["tags"]} == set(tags)


def test_nothing_to_log_asks_nothing(server: Server) -> None:
    with tracking(server.uri) as store:
        store.log_batch("r1")
    assert server.asked == []


def test_ids_and_names_are_quoted(server: Server) -> None:
    server.answer(200, {"experiment": {"experiment_id": "1", "name": "a&b=c #d/é"}})
    with tracking(server.uri) as store:
        found = store.get_experiment_by_name("a&b=c #d/é")
    assert found is not None and found.name == "a&b=c #d/é"
    assert "experiment_name=a%26b%3Dc" in server.asked[0][1]


def test_all_pages_of_a_history_are_read(server: Server) -> None:
    server.answer(
        200, {"metrics": [{"key": "m", "value": 1, "timestamp": 1, "step": 0}], "next_page_token": "t"}
    )
    server.answer(200, {"metrics": [{"key": "m", "value": 2, "timestamp": 2, "step": 1}]})
    with tracking(server.uri) as store:
        assert [point.value for point in store.metric_history("r1", "m")] == [1.0, 2.0]
    assert "page_token=t" in server.asked[1][1]


def test_a_file_name_of_the_server_stays_in_its_folder(server: Server, tmp_path: Path) -> None:
    server.answer(200, RUN)
    server.answer(200, {"files": [{"path": "..", "is_dir": False}]})
    with tracking(server.uri) as store, pytest.raises(TrackingError, match="not a file name"):
        store.download_artifact("r1", "", tmp_path / "got")
    assert not (tmp_path / "got").exists()


def located(uri: str) -> dict[str, Any]:
    return {"run": {**RUN["run"], "info": {**RUN["run"]["info"], "artifact_uri": uri}}}


@pytest.mark.parametrize("form", ["{folder}", "file://{folder}"])
def test_artifacts_in_a_folder_of_this_machine(server: Server, tmp_path: Path, form: str) -> None:
    folder = tmp_path / "root"
    (tmp_path / "source").write_text("hello")
    server.answer(200, located(form.format(folder=folder)))
    with tracking(server.uri) as store:
        store.upload_artifact("r1", tmp_path / "source", "a/b.txt")
    assert (folder / "a" / "b.txt").read_text() == "hello"
    assert [path.name for path in (folder / "a").iterdir()] == ["b.txt"]


def test_artifacts_behind_a_full_url(server: Server, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"hello")
    server.answer(200, located(f"{server.uri}/api/2.0/mlflow-artifacts/artifacts/0/r1"))
    server.answer(200, {})
    with tracking(server.uri) as store:
        store.upload_artifact("r1", tmp_path / "source", "a b.txt")
    method, path, _, _ = server.asked[1]
    assert (method, path) == ("PUT", "/api/2.0/mlflow-artifacts/artifacts/0/r1/a%20b.txt")


def test_a_store_that_no_library_here_opens_is_told(server: Server, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"hello")
    server.answer(200, located("nosuch://bucket/r1"))
    with tracking(server.uri) as store, pytest.raises(TrackingError, match="nosuch://bucket/r1"):
        store.upload_artifact("r1", tmp_path / "source", "a")


def test_another_artifact_server_gets_no_credentials(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "abc")
    (tmp_path / "source").write_bytes(b"hello")
    asked: list[str | None] = []

    def stranger(request: http.server.BaseHTTPRequestHandler) -> None:
        request.rfile.readline()
        asked.append(request.headers.get("Authorization"))
        request.send_response(200)
        request.send_header("Content-Length", "0")
        request.send_header("Connection", "close")
        request.end_headers()
        request.close_connection = True

    with serving(stranger) as (host, port), tracking(server.uri) as store:
        server.answer(200, located(f"mlflow-artifacts://{host}:{port}/0/r1"))
        store.upload_artifact("r1", tmp_path / "source", "a")
    assert asked == [None]
    assert server.headers()["Authorization"] == "Bearer abc"


def test_a_broken_off_download_leaves_nothing(tmp_path: Path) -> None:
    def answer(asked: http.server.BaseHTTPRequestHandler) -> None:
        if "runs/get" in asked.path or "list" in asked.path:
            files = {"files": [{"path": "file", "is_dir": False, "file_size": 1000}]}
            data = json.dumps(RUN if "runs/get" in asked.path else files).encode()
            asked.send_response(200)
            asked.send_header("Content-Length", str(len(data)))
            asked.end_headers()
            asked.wfile.write(data)
            return
        asked.send_response(200)
        asked.send_header("Content-Length", "1000")
        asked.end_headers()
        asked.wfile.write(b"half")
        asked.close_connection = True

    with (
        serving(answer) as (host, port),
        tracking(f"http://{host}:{port}") as store,
        pytest.raises(TrackingError, match="cannot be reached"),
    ):
        store.download_artifact("r1", "file", tmp_path / "got")
    assert list(tmp_path.glob("*got*")) == []


def test_a_nested_run_gets_a_token_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nested = "b" * 32
    with EmbeddedStore(tmp_path / "mlruns") as store, Loopback.start(store, "a" * 32) as loopback:
        token = loopback.environ["MLFLOW_TRACKING_TOKEN"]
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", token)
        with tracking(loopback.uri) as driver:
            environ = driver.environ(nested)
            assert environ["MLFLOW_TRACKING_TOKEN"] == f"{token.partition('.')[0]}.{nested}"
            monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", environ["MLFLOW_TRACKING_TOKEN"])
            with tracking(loopback.uri) as child:
                assert child.get_experiment("0").name == "Default"
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "somebody.elses")
    assert RestTracking("http://host").environ(nested)["MLFLOW_TRACKING_TOKEN"] == "somebody.elses"


@pytest.mark.parametrize("name", ["ALL_PROXY", "HTTP_PROXY", "http_proxy"])
@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "http://127.0.0.1:9"])
def test_our_own_machine_is_not_asked_through_a_proxy(
    server: Server, name: str, proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, proxy)
    server.answer(200, RUN)
    with tracking(server.uri) as store:
        assert store.get_run("r1").run_id == "r1"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALL_PROXY", "socks5://ada:hunter2@127.0.0.1:9"),
        ("SSL_CERT_FILE", "/absent.pem"),
        ("MLFLOW_TRACKING_SERVER_CERT_PATH", "/absent.pem"),
        ("MLFLOW_TRACKING_CLIENT_CERT_PATH", "/absent.pem"),
        ("MLFLOW_HTTP_REQUEST_TIMEOUT", "2m"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for other in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, value)
    with tracking("https://example.invalid") as store, pytest.raises(TrackingError) as refused:
        store.get_run("r1")
    told = f"{refused.value.message} {refused.value.hint}"
    assert name in told and "hunter2" not in told


def test_an_interruption_while_the_server_is_awaited_ends_it_at_once(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pressed(signum: int, frame: object) -> None:
        raise KeyboardInterrupt

    def sleep(seconds: float) -> bool:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        return really_sleep(seconds)

    really_sleep = retries._sleep
    monkeypatch.setattr(retries, "PAUSES", (60.0, 60.0))
    monkeypatch.setattr(retries, "_sleep", sleep)
    server.answer(503, b"busy")
    before = signal.signal(signal.SIGALRM, pressed)
    try:
        with tracking(server.uri) as store, pytest.raises(KeyboardInterrupt):
            store.get_run("r1")
    finally:
        signal.signal(signal.SIGALRM, before)
    assert len(server.asked) == 1


@pytest.mark.parametrize(("answers_first", "pauses"), [(False, retries.FIRST_CONTACT), (True, 6)])
def test_a_server_that_was_there_is_awaited_longer_than_one_that_never_was(
    answers_first: bool, pauses: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(retries, "PAUSES", (0.0,) * 6)
    monkeypatch.setattr(retries, "_sleep", waits.append)
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        store = RestTracking(f"http://127.0.0.1:{server.server_address[1]}")
        if answers_first:
            threading.Thread(target=server.handle_request, daemon=True).start()
            with pytest.raises(TrackingError):
                store.get_run("r1")
    with pytest.raises(TrackingError, match="cannot be reached"):
        store.get_run("r1")
    store.close()
    assert len(waits) == pauses


def test_artifacts_in_a_folder_that_cannot_be_written_are_told(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    server.answer(200, located(f"{tmp_path}/file/artifacts"))
    with tracking(server.uri) as store:
        with pytest.raises(TrackingError, match="cannot be written"):
            store.upload_artifact("r1", tmp_path / "file", "a.txt")
        with pytest.raises(TrackingError, match="cannot be written"):
            store.upload_artifact("r1", tmp_path / "absent", "a.txt")


def test_two_writers_of_an_artifact_do_not_share_a_partial_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, copy = FolderPlace(tmp_path / "root"), shutil.copyfile
    (tmp_path / "slow").write_text("slow")
    (tmp_path / "fast").write_text("fast")

    def overtaken(source: Path, target: Path) -> None:
        copy(source, target)
        monkeypatch.setattr(shutil, "copyfile", copy)
        folder.send(tmp_path / "fast", "a.txt")

    monkeypatch.setattr(shutil, "copyfile", overtaken)
    folder.send(tmp_path / "slow", "a.txt")
    assert (tmp_path / "root" / "a.txt").read_text() == "slow"
    assert [path.name for path in (tmp_path / "root").iterdir()] == ["a.txt"]


WRONG: tuple[Any, ...] = (
    5,
    -1.5,
    True,
    "text",
    [],
    [5],
    ["x"],
    {},
    {"x": 5},
    [{"key": 5}],
    10**30,
    "9" * 5000,
    "\ud800",
)


def with_each_field_wrong(body: Any, wrong: Any) -> Iterator[Any]:
    """``body`` again and again, each time with ``wrong`` in the place of another part of it."""
    yield wrong
    members = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for name, member in members:
        for changed in with_each_field_wrong(member, wrong):
            copy = body.copy()
            copy[name] = changed
            yield copy


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: repr(wrong)[:12])
def test_json_of_another_type_is_a_refusal_and_no_fault_of_ours(wrong: Any) -> None:
    read = {"run": shapes.run, "experiment": shapes.experiment, "version": shapes.model_version}
    bodies = {
        "run": {**RUN["run"], "inputs": {"dataset_inputs": [{"dataset": {"name": "d", "digest": "1"}}]}},
        "experiment": {"experiment_id": "1", "name": "x", "tags": [{"key": "a", "value": "b"}]},
        "version": {"name": "m", "version": "1", "aliases": ["best"], "tags": [{"key": "a"}]},
    }
    for name, body in bodies.items():
        for changed in with_each_field_wrong(body, wrong):
            try:
                read[name](changed)
            except TrackingError as error:
                assert "not" in error.message and len(error.message) < 300


def test_json_that_is_nested_deeply_is_a_refusal(server: Server) -> None:
    for status in (200, 400):
        server.answer(status, b'{"run":' * 100_000 + b"1" + b"}" * 100_000)
        with tracking(server.uri) as store, pytest.raises(TrackingError):
            store.get_run("r1")


@pytest.mark.parametrize("words", ["0", "Mon, 01 Jan 2001 00:00:00 GMT"])
def test_a_pause_that_the_server_asks_for_is_made(server: Server, words: str) -> None:
    server.headers_of_answers["Retry-After"] = words
    server.answer(429, b"too many")
    server.answer(200, RUN)
    with tracking(server.uri) as store:
        assert store.create_run("0", start_time=1, user_id="me").run_id == "r1"  # nothing was done before
    assert len(server.asked) == 2


def test_a_pause_of_an_hour_is_not_made_but_said(server: Server) -> None:
    server.headers_of_answers["Retry-After"] = "7200"
    server.answer(429, b"too many")
    with tracking(server.uri) as store, pytest.raises(TrackingError) as refused:
        store.get_run("r1")
    assert refused.value.hint and "2 h" in refused.value.hint
    assert len(server.asked) == 1


@pytest.mark.slow
@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\nX: "], ids=["hangs", "trickles"])
def test_a_server_that_does_not_come_to_an_end_is_left_in_time(
    sent: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """However slowly its bytes come: none of them alone is late."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setattr(progress, "FIRST_LINE", 0.2)
    stop = threading.Event()
    calls = []

    def serve(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        calls.append(connection)
        while not stop.wait(0.05):
            with suppress(OSError):
                connection.sendall(sent[:1] and (sent if len(calls) == 1 else b"a"))
                calls.append(connection)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,))
        thread.start()
        try:
            with (
                caplog.at_level("INFO", "reprise"),
                tracking(f"http://127.0.0.1:{listening.getsockname()[1]}") as store,
                pytest.raises(TrackingError, match="did not answer within 1 s"),
            ):
                store.get_run("r1")
        finally:
            stop.set()
            thread.join()
            calls[0].close()
    assert "waiting for the tracking server" in caplog.text


def test_a_server_that_redirects_in_a_loop_is_asked_once(tmp_path: Path) -> None:
    asked = []

    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        asked.append(request.path)
        request.send_response(302)
        request.send_header("Location", "/again")
        request.send_header("Content-Length", "0")
        request.end_headers()

    with serving(answer) as (host, port), tracking(f"http://{host}:{port}") as store:
        with pytest.raises(TrackingError, match="redirects"):
            store.get_run("r1")
        assert asked.count("/again") == 20


def test_an_address_that_a_redirect_makes_up_is_a_refusal() -> None:
    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(302)
        request.send_header("Location", "http://[::1")
        request.send_header("Content-Length", "0")
        request.end_headers()

    with (
        serving(answer) as (host, port),
        tracking(f"http://{host}:{port}") as store,
        pytest.raises(TrackingError, match="cannot be reached"),
    ):
        store.get_run("r1")
