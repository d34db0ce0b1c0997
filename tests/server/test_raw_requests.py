"""Requests as bytes: what two readers would read in two ways is refused, and so is all after it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.conftest import PATIENCE
from tests.server.http.test_access import Server, served

JSON = "Content-Type: application/json\r\n"
HOST = "Host: 127.0.0.1\r\n"
CLOSE = "Connection: close\r\n"
GET = f"GET /version HTTP/1.1\r\n{HOST}"
POST = f"POST /api/2.0/mlflow/experiments/search HTTP/1.1\r\n{HOST}{JSON}"
SMUGGLED = f"GET /smuggled HTTP/1.1\r\n{HOST}\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("raw"))
        with served() as server:
            yield server


def statuses(server: Server, request: str) -> list[str]:
    """Of all that is answered until the server closes the connection."""
    with server.connect() as client:
        client.sendall(request.encode("latin-1"))
        client.settimeout(PATIENCE)
        answer = b""
        try:
            while data := client.recv(1 << 16):
                answer += data
        except ConnectionResetError:  # it did not read all that we sent
            pass
    return [status.decode() for status in re.findall(rb"HTTP/1\.1 (\d+)", answer)]


@pytest.mark.parametrize(
    "request_",
    (
        f"{POST}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{SMUGGLED}",
        f"{POST}Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\n{SMUGGLED}",
        f"{POST}Content-Length: 2\r\nContent-Length: 30\r\n\r\n{{}}{SMUGGLED}",
        f"{POST}Content-Length: +2\r\n\r\n{{}}",
        f"{POST}Content-Length: -1\r\n\r\n{{}}",
        f"{POST}Content-Length: 0x2\r\n\r\n{{}}",
        f"{POST}Content-Length: {'9' * 30}\r\n\r\n{{}}",
        f"{POST}Transfer-Encoding: xchunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n",
        f"{POST}Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n",
        f"{POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n",
        f"{POST}Transfer-Encoding : chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n",
        f"{GET}X: a\rTransfer-Encoding: chunked\r\n\r\n",
        f"{GET}X: a\0b\r\n\r\n",
        f"{GET}Host: evil.example\r\n\r\n",
        f"GET /version HTTP/1.1\r\n{CLOSE}\r\n",
        f"{GET}Authorization: Basic YTpi\r\nAuthorization: Bearer x\r\n\r\n",
        f"{GET}Origin: http://127.0.0.1\r\nOrigin: http://evil.example\r\n\r\n",
        f"{GET}Sec-Fetch-Site: same-origin\r\nSec-Fetch-Site: cross-site\r\n\r\n",
        f"{POST}Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{{}}",
        f"GET /health HTTP/1.1\r\n{HOST}Range: bytes=0-1\r\nRange: bytes=0-\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ),
)
def test_what_can_be_read_in_two_ways_is_refused(server: Server, request_: str) -> None:
    assert statuses(server, request_) == ["400"]


@pytest.mark.parametrize(
    "request_",
    (
        f"{GET}X: {'a' * 200_000}\r\n\r\n",
        GET + "".join(f"X{number}: a\r\n" for number in range(20_000)) + "\r\n",
        f"GET /{'a' * 200_000} HTTP/1.1\r\n{HOST}\r\n",
    ),
)
def test_a_huge_head_is_not_read_to_its_end(server: Server, request_: str) -> None:
    """The answer may be lost: the connection is closed while we still send."""
    assert statuses(server, request_) in (["400"], [])
    assert statuses(server, f"{GET}{CLOSE}\r\n") == ["200"]


@pytest.mark.parametrize(
    ("request_", "status"),
    (
        (f"{GET}{CLOSE}\r\n", ["200"]),
        (f"{GET}X: a\r\n folded\r\n{CLOSE}\r\n", ["200"]),
        (f"{GET}\r\n{GET}{CLOSE}\r\n", ["200", "200"]),
        (f"{POST}{CLOSE}Content-Length: 2\r\n\r\n{{}}", ["200"]),
        (
            f"{POST}{CLOSE}Transfer-Encoding: chunked\r\n\r\n2;a=b\r\n{{}}\r\n0\r\nHost: evil\r\n\r\n",
            ["200"],
        ),
        (f"GET http://evil.example/version HTTP/1.1\r\n{HOST}{CLOSE}\r\n", ["404"]),
        (f"GET http://evil.example/health HTTP/1.1\r\nHost: evil.example\r\n{CLOSE}\r\n", ["403"]),
        (f"CONNECT evil.example:80 HTTP/1.1\r\n{HOST}{CLOSE}\r\n", ["404"]),
        (f"OPTIONS * HTTP/1.1\r\n{HOST}{CLOSE}\r\n", ["404"]),
        (f"get /version HTTP/1.1\r\n{HOST}{CLOSE}\r\n", ["404"]),
        (f"GET /version HTTP/1.1\r\nHost: 127.0.0.1@evil.example\r\n{CLOSE}\r\n", ["403"]),
        (f"{POST}{CLOSE}X-HTTP-Method-Override: DELETE\r\nContent-Length: 2\r\n\r\n{{}}", ["200"]),
    ),
)
def test_what_is_odd_and_clear_is_answered_as_it_stands(
    server: Server, request_: str, status: list[str]
) -> None:
    assert statuses(server, request_) == status
