"""Who may do what on a long-running server, and how it defends itself."""

from __future__ import annotations

import asyncio
import base64
import errno
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from starlette.routing import BaseRoute, Mount, Route

from reprise.errors import UsageError
from reprise.server.http import timeouts, users
from reprise.server.http.access import Bearer, Role
from reprise.server.http.roles import RoleRoute, role_routes
from reprise.server.http.users import Users
from reprise.server.routes import ROLES, ROUTES
from tests.conftest import PATIENCE, eventually

pytestmark = pytest.mark.slow

API = "/api/2.0/mlflow"
FILES = "/api/2.0/mlflow-artifacts/artifacts"


@dataclass(frozen=True, slots=True)
class Server:
    """A ``reprise server`` of its own process."""

    port: int
    process: subprocess.Popen[str]

    def ask(
        self, path: str, body: object = None, *, method: str | None = None, **headers: str
    ) -> tuple[int, str]:
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            data,
            {"Content-Type": "application/json", **headers},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def takes_calls(self) -> bool:
        try:
            self.connect().close()
        except OSError:
            return False
        return True

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)


@contextmanager
def served(*options: str, code: str = "from reprise.cli import main; main()") -> Iterator[Server]:
    process = subprocess.Popen(
        [sys.executable, "-c", code, "server", "-p", "0", *options], stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        told = (re.search(r"^Serving .*:(\d+)(?:/.*)?$", line) for line in process.stderr)
        found = next(filter(None, told), None)
        assert found, "it ended without serving"
        yield Server(int(found[1]), process)
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def test_each_role_may_do_its_part(house: Path) -> None:
    file = Path("users")
    tokens = {role: users.put(file, role, role, password=None) for role in ("read", "write", "admin")}
    users.put(file, "ana", "read", password="it's: long")
    with served("--auth", str(file)) as server:
        create = {"name": "mine"}
        assert server.ask(f"{API}/experiments/create", create)[0] == 401
        assert server.ask(f"{API}/experiments/create", create, Authorization="Bearer wrong")[0] == 401
        for role, status in (("read", 403), ("write", 200)):
            bearer = f"Bearer {tokens[role]}"
            assert server.ask(f"{API}/experiments/create", create, Authorization=bearer)[0] == status
            assert server.ask(f"{API}/experiments/search?max_results=5", Authorization=bearer)[0] == 200
            search = {"experiment_ids": ["0"]}
            assert server.ask(f"{API}/runs/search", search, Authorization=bearer)[0] == 200
        put = {"path": f"{FILES}/0/x/artifacts/a.txt", "body": b"text", "method": "PUT"}
        for role, statuses in (("write", (200, 403)), ("admin", (200, 200))):
            bearer = f"Bearer {tokens[role]}"
            put_status, _ = server.ask(str(put["path"]), put["body"], method="PUT", Authorization=bearer)
            gone, _ = server.ask(str(put["path"]), method="DELETE", Authorization=bearer)
            assert (put_status, gone) == statuses
        assert server.ask("/version", Authorization=basic("ana", "it's: long"))[0] == 200
        assert server.ask("/version", Authorization=basic("ana", "other"))[0] == 401
        assert server.ask("/health")[0] == 200


def test_a_removed_user_is_out_at_once(house: Path) -> None:
    file = Path("users")
    token = users.put(file, "robot", "write", password=None)
    users.put(file, "other", "write", password=None)
    with served("--auth", str(file)) as server:
        assert server.ask("/version", Authorization=f"Bearer {token}")[0] == 200
        users.remove(file, "robot")
        assert server.ask("/version", Authorization=f"Bearer {token}")[0] == 401
        file.write_text("half a fi")
        assert server.ask("/version", Authorization=f"Bearer {token}")[0] == 401


def test_secrets_are_kept_as_hashes_in_a_private_file(house: Path) -> None:
    token = users.put(Path("users"), "robot", "write", password=None)
    users.put(Path("users"), "ana", "admin", password="correct horse")
    text = Path("users").read_text()
    assert token is not None
    assert token not in text and "correct horse" not in text
    assert Path("users").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        "{",
        '{"ana": "write"}',
        '{"ana": {"role": "god", "token": "' + "0" * 64 + '"}}',
        '{"ana": {"role": ["read"], "token": "' + "0" * 64 + '"}}',
        '{"ana": {"role": "read"}}',
        '{"ana": {"role": "read", "password": "correct horse"}}',
        '{"ana": {"role": "read", "token": "clé"}}',
    ],
)
def test_what_is_no_users_file_is_refused(house: Path, content: str) -> None:
    Path("users").write_text(content)
    with pytest.raises(UsageError, match="is not a users file"):
        Users(Path("users"))


_FOR_GOOD = {
    "DELETE /mlflow-artifacts/artifacts/{path:path}",
    "DELETE /mlflow/model-versions/delete",
    "DELETE /mlflow/registered-models/delete",
    "DELETE /mlflow/traces/{trace_id}/assessments/{assessment_id}",
    "POST /mlflow/traces/delete-traces",
    "DELETE /mlflow/datasets/{dataset_id}",
    "DELETE /mlflow/datasets/{dataset_id}/records",
}
_ABOUT_WEBHOOKS = {  # which send what happens here to somewhere else, and whose addresses may be secrets
    "POST /mlflow/webhooks",
    "GET /mlflow/webhooks",
    "GET /mlflow/webhooks/{webhook_id}",
    "PATCH /mlflow/webhooks/{webhook_id}",
    "DELETE /mlflow/webhooks/{webhook_id}",
    "POST /mlflow/webhooks/{webhook_id}/test",
}
_POSTED_QUESTIONS = {
    "POST /mlflow/datasets/search",
    "POST /mlflow/experiments/search",
    "POST /mlflow/experiments/search-datasets",
    "POST /mlflow/logged-models/search",
    "POST /mlflow/registered-models/get-latest-versions",
    "POST /mlflow/runs/search",
    "POST /mlflow/traces/batchGetInfos",
    "POST /mlflow/traces/search",
    "POST /mlflow/traces/calculate-filter-correlation",
    "POST /mlflow/traces/metrics",
}


def test_each_row_has_the_role_of_what_it_does() -> None:
    """A GET looks, what removes for good is for an admin, and everything else writes."""
    rows = {
        f"{method} /{path.split('/', 3)[3].removeprefix('preview/')}"
        if path.startswith(("/api", "/ajax-api"))
        else f"{method} {path}": role
        for path, route in role_routes(ROUTES)
        for method in (route.methods or set()) - {"HEAD"}
        for role in (route.role,)
    }
    assert {row for row, role in rows.items() if role is Role.ADMIN} == _FOR_GOOD | _ABOUT_WEBHOOKS
    looking = {row for row, role in rows.items() if role is Role.READ}
    assert {row for row in looking if not row.startswith("GET")} == _POSTED_QUESTIONS
    got = {row: role for row, role in rows.items() if row.startswith("GET")}
    assert {row for row, role in got.items() if role is not Role.READ} <= _ABOUT_WEBHOOKS


def test_what_changes_something_has_a_row() -> None:
    """Without one a request would need to write and no more."""

    def leaves(routes: Iterable[BaseRoute]) -> Iterator[BaseRoute]:
        for route in routes:
            yield from leaves(route.routes) if isinstance(route, Mount) else (route,)

    others = [route for route in leaves(ROUTES) if not isinstance(route, RoleRoute)]
    assert others
    assert all(isinstance(route, Route) and (route.methods or set()) <= {"GET", "HEAD"} for route in others)


@pytest.mark.parametrize("after", ["", "\n"])
@pytest.mark.parametrize("api", ["/api/2.0", "/ajax-api/2.0", "/api/3.0"])
def test_the_role_is_that_of_the_route_that_answers(api: str, after: str) -> None:
    """The router matches a path that ends with a line break."""
    traces = f"{api}/mlflow/traces"
    assert ROLES.of("POST", f"{traces}/delete-traces{after}") is Role.ADMIN
    if api == "/api/2.0":
        assert ROLES.of("DELETE", f"{api}/mlflow/registered-models/delete{after}") is Role.ADMIN
        assert ROLES.of("DELETE", f"{api}/mlflow-artifacts/artifacts/a/b{after}") is Role.ADMIN
        assert ROLES.of("POST", f"{api}/mlflow-artifacts/mpu/create/0/runs/search{after}") is Role.WRITE
        assert ROLES.of("POST", f"{api}/mlflow-artifacts/mpu/complete/mlflow/runs/search") is Role.WRITE
    if api == "/api/3.0":
        assert ROLES.of("DELETE", f"{traces}/1/assessments/2{after}") is Role.ADMIN


def test_whoever_tries_passwords_keeps_nobody_waiting(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A password takes long to check; those who are known already are let in meanwhile."""
    token = users.put(Path("users"), "robot", "read", password=None)
    users.put(Path("users"), "ana", "read", password="secret")
    checking, checked = threading.Event(), threading.Event()

    def slow_hash(salt: str, password: str) -> str:
        checking.set()
        assert checked.wait(60)
        return ""

    monkeypatch.setattr(users, "_hash", slow_hash)

    async def scenario() -> None:
        access = Users(Path("users"))
        assert await access.bearer(f"Bearer {token}") is not None
        guesses = [
            asyncio.create_task(access.bearer(basic("ana", f"{n}"), f"10.0.{n}.1")) for n in range(100)
        ]
        await asyncio.to_thread(checking.wait, 60)
        assert await access.bearer(f"Bearer {token}") is not None
        checked.set()
        assert set(await asyncio.gather(*guesses)) == {None}

    asyncio.run(scenario())


def test_of_more_guesses_than_can_be_checked_the_rest_is_refused(
    house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    users.put(Path("users"), "ana", "read", password="secret")
    checked = threading.Event()
    monkeypatch.setattr(users, "_hash", lambda *_: str(checked.wait(60)))

    async def scenario() -> None:
        access = Users(Path("users"))
        guesses = [asyncio.create_task(access.bearer(basic("ana", f"{n}"))) for n in range(1000)]
        done, _ = await asyncio.wait(guesses, return_when=asyncio.FIRST_EXCEPTION, timeout=60)
        assert {getattr(guess.exception(), "code", "") for guess in done} == {"TEMPORARILY_UNAVAILABLE"}
        checked.set()
        await asyncio.gather(*guesses, return_exceptions=True)

    asyncio.run(scenario())


def test_an_unknown_name_costs_a_guesser_as_much_as_a_known_one(
    house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    users.put(Path("users"), "ana", "read", password="secret")
    users.put(Path("users"), "robot", "read", password=None)
    hashed: list[str] = []

    def hash_of(salt: str, password: str) -> str:
        hashed.append(password)
        return ""

    monkeypatch.setattr(users, "_hash", hash_of)
    access = Users(Path("users"))
    for name in ("ana", "robot", "nobody"):
        assert asyncio.run(access.bearer(basic(name, f"guess at {name}"))) is None
    assert hashed == ["guess at ana", "guess at robot", "guess at nobody"]


def test_a_foreign_page_is_not_answered(house: Path) -> None:
    with served() as server:
        assert server.ask("/version", Origin="http://evil.example.org")[0] == 403
        assert server.ask("/version", Host="evil.example.org")[0] == 403
        assert server.ask("/version", Origin=f"http://127.0.0.1:{server.port}")[0] == 200


def test_it_is_called_by_the_names_it_was_given(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(
        "--allowed-host", "*.Example.org:443", "--allowed-hosts", "[2001:db8::1],b.example"
    ) as server:
        assert server.ask("/version", Host="tracking.example.org")[0] == 200
        assert server.ask("/version", Host="[2001:DB8::1]:5000")[0] == 200
        assert server.ask("/version", Host="b.example")[0] == 200
        assert server.ask("/version")[0] == 200
        assert server.ask("/version", Host="evil.example")[0] == 403
        assert (
            server.ask("/health", Host="10.0.0.7")[0] == 200
        )  # a probe calls the address of its container
    monkeypatch.setenv("MLFLOW_SERVER_ALLOWED_HOSTS", "a.example, b.example")
    with served() as server:
        assert server.ask("/version", Host="b.example")[0] == 200
        assert server.ask("/version", Host="evil.example")[0] == 403


def test_a_request_that_is_too_large_is_refused_and_leaves_nothing(house: Path) -> None:
    with served("--max-upload", "64K") as server:
        path = f"{FILES}/0/run/artifacts/big.bin"
        try:
            status = server.ask(path, b"x" * 5_000_000, method="PUT")[0]
        except urllib.error.URLError:
            status = 413  # the rest of the body met a closed connection
        assert status == 413
        assert server.ask(path, b"x" * 60_000, method="PUT")[0] == 200
        assert [file.name for file in Path("mlruns/artifacts").rglob("*") if file.is_file()] == ["big.bin"]


IMPATIENT = """
from reprise.server.http import timeouts
timeouts.HEADER_SECONDS = timeouts.BODY_SECONDS = 1
from reprise.cli import main
main()
"""


def test_clients_that_stop_sending_are_left(house: Path) -> None:
    assert timeouts.HEADER_SECONDS >= 10 and timeouts.BODY_SECONDS >= 30
    with served(code=IMPATIENT) as server:
        with server.connect() as silent, server.connect() as head, server.connect() as body:
            head.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-")
            body.sendall(
                f"POST {API}/runs/search HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{".encode()
            )
            assert silent.recv(100) == b""
            assert head.recv(100) == b""
            assert body.recv(100).startswith(b"HTTP/1.1 408")
        assert server.ask("/health")[0] == 200


def test_many_slow_uploads_keep_nobody_waiting(house: Path) -> None:
    with served() as server, ExitStack() as stack:
        for number in range(64):
            client = stack.enter_context(server.connect())
            client.sendall(
                f"PUT {FILES}/0/run/artifacts/{number} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                "Content-Length: 10\r\n\r\n01234".encode()
            )
        arriving = Path("mlruns/artifacts")
        assert eventually(lambda: sum(path.is_file() for path in arriving.rglob("*")) == 64)
        assert server.ask(f"{API}/experiments/get?experiment_id=0")[0] == 200


CALM = """
from reprise.server import serving, stopping
serving.PATIENCE = stopping.STALLED = 600
from reprise.cli import main
main()
"""
HASTY = """
from reprise.server import serving
serving.PATIENCE = 1
from reprise.cli import main
main()
"""
FULL = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
from reprise.cli import main
main()
"""


def test_an_upload_for_which_there_is_no_room_says_so_and_leaves_nothing(house: Path) -> None:
    with served(code=FULL) as server:
        status, answer = server.ask(f"{FILES}/0/run/artifacts/big.bin", b"x" * (3 << 20), method="PUT")
        assert (status, os.strerror(errno.EFBIG) in json.loads(answer)["message"]) == (500, True)
        assert server.ask(f"{FILES}/0/run/artifacts/small.bin", b"x", method="PUT")[0] == 200
        server.process.terminate()
        assert server.process.stderr is not None
        log = server.process.stderr.read()
    assert "big.bin: [Errno" in log and "Traceback" not in log
    assert [file.name for file in Path("mlruns/artifacts").rglob("*") if file.is_file()] == ["small.bin"]


def test_it_counts_and_logs_its_requests(house: Path) -> None:
    token = users.put(Path("users"), "robot", "read", password=None)
    with served("--access-log", "access.jsonl", "--auth", "users") as server:
        bearer = f"Bearer {token}"
        assert server.ask(f"{API}/experiments/get?experiment_id=0", Authorization=bearer)[0] == 200
        assert server.ask(f"{API}/runs/search", {"experiment_ids": ["0"]}, Authorization=bearer)[0] == 200
        assert server.ask(f"{FILES}/0/some/file", Authorization=bearer)[0] == 404
        assert server.ask("/metrics")[0] == 401
        status, page = server.ask("/metrics", Authorization=bearer)
    assert status == 200
    labels = f'endpoint="{API}/experiments/get",method="GET",status="200"'
    assert f"reprise_requests_total{{{labels}}} 1.0" in page
    assert "some/file" not in page
    lines = [json.loads(line) for line in Path("access.jsonl").read_text().splitlines()]
    seen = [(line["user"], line["status"]) for line in lines]
    assert seen[:4] == [("robot", 200), ("robot", 200), ("robot", 404), ("", 401)]
    assert lines[1]["received"] > 0 and lines[0]["path"] == f"{API}/experiments/get"


def test_what_is_under_way_is_answered_before_it_goes(house: Path) -> None:
    """An upload that has begun when SIGTERM comes is taken whole."""
    with served(code=CALM) as server, server.connect() as client:
        client.sendall(
            f"PUT {FILES}/0/run/artifacts/slow.txt HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            "Content-Length: 10\r\n\r\n01234".encode()
        )
        assert eventually(lambda: list(Path("mlruns/artifacts").rglob(".*")))
        server.process.send_signal(signal.SIGTERM)
        assert eventually(lambda: not server.takes_calls())
        client.sendall(b"56789")
        assert client.recv(100).startswith(b"HTTP/1.1 200")
        assert server.process.wait(PATIENCE) in (0, -signal.SIGTERM, 143)
    assert next(Path("mlruns").rglob("slow.txt")).read_text() == "0123456789"


def test_ctrl_c_is_how_it_is_ended_and_no_error(house: Path) -> None:
    with served() as server:
        server.process.send_signal(signal.SIGINT)
        _, told = server.process.communicate(timeout=PATIENCE)
    assert (server.process.returncode, told.strip()) == (130, "")


def test_an_upload_that_never_ends_leaves_nothing_when_it_goes(house: Path) -> None:
    with served(code=HASTY) as server, server.connect() as client:
        client.sendall(
            f"PUT {FILES}/0/run/artifacts/slow.txt HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            "Content-Length: 10\r\n\r\n01234".encode()
        )
        assert eventually(lambda: list(Path("mlruns/artifacts").rglob(".*")))
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(PATIENCE) in (-signal.SIGTERM, 143)
    assert not [file for file in Path("mlruns/artifacts").rglob("*") if file.is_file()]


def test_a_store_that_cannot_be_opened_is_told_before_it_serves(house: Path) -> None:
    Path("mlruns").mkdir()
    Path("mlruns/reprise.db").write_bytes(b"not a database, but long enough to be taken for one" * 20)
    argv = [sys.executable, "-m", "reprise", "server", "-p", "0"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 6
    assert "reprise.db" in done.stderr and "Serving" not in done.stderr


def test_users_are_made_on_the_command_line(house: Path) -> None:
    def reprise(*words: str, given: str = "") -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "reprise", "users", *words]
        return subprocess.run(argv, input=given, capture_output=True, text=True, env=os.environ)

    def bearer(authorization: str) -> Bearer | None:
        return asyncio.run(Users(Path("users")).bearer(authorization))

    made = reprise("add", "users", "robot", "--role", "admin", "--token")
    assert made.returncode == 0
    found = bearer(f"Bearer {made.stdout.strip()}")
    assert found is not None and (found.name, found.role) == ("robot", Role.ADMIN)
    assert reprise("add", "users", "ana", given="secret\n").returncode == 0
    assert bearer(basic("ana", "secret")) is not None
    assert bearer(basic("robot", "secret")) is None
    assert "ana    write  password" in reprise("list", "users").stdout
    assert reprise("remove", "users", "ana").returncode == 0
    again = reprise("remove", "users", "ana")
    assert again.returncode == 2 and "it has robot" in again.stderr
    empty = reprise("add", "users", "eve", given="\n")
    assert empty.returncode == 2 and "password is empty" in empty.stderr
