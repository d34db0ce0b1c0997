"""Git's own smart HTTP server (``git http-backend``) on loopback, with basic auth if wanted."""

from __future__ import annotations

import base64
import http.server
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Server(http.server.ThreadingHTTPServer):
    """Serves the repositories below ``root``.

    ``stall_packs`` makes it stop in the middle of a pack, and set ``stalled``.
    """

    daemon_threads = True

    def __init__(self, root: Path, credentials: str | None) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.root = root
        self.credentials = credentials
        self.requests: list[str] = []
        self.stalled = threading.Event()
        self.stall_packs = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def serve(root: Path, credentials: str | None = None) -> Iterator[Server]:
    """A running server; with ``credentials`` (``user:password``) it wants exactly them."""
    with Server(root, credentials) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class _Request(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, format: str, *args: object) -> None:
        """Tests read ``Server.requests`` instead."""

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self._body())

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self, body: bytes) -> None:
        url = urlsplit(self.path)
        self.server.requests.append(f"{self.command} {url.path}")
        if self.server.credentials is not None:
            wanted = "Basic " + base64.b64encode(self.server.credentials.encode()).decode()
            if self.headers.get("Authorization") != wanted:
                self._send(401, [("WWW-Authenticate", 'Basic realm="git"')], b"")
                return
        status, headers, content = _backend(self.server.root, self, body)
        if self.server.stall_packs and b"packfile" in content[:64]:
            # A part of the pack goes out, and then nothing more: the client is killed meanwhile.
            self.send_response(status)
            for name, value in [*headers, ("Content-Length", str(len(content)))]:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content[: len(content) // 2])
            self.wfile.flush()
            self.server.stalled.set()
            self.close_connection = True
            threading.Event().wait(3)
            return
        self._send(status, headers, content)

    def _send(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response(status)
        for name, value in [*headers, ("Content-Length", str(len(content)))]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


def _backend(root: Path, request: _Request, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
    url = urlsplit(request.path)
    environ = {
        **os.environ,
        "GIT_PROJECT_ROOT": str(root),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": unquote(url.path),
        "QUERY_STRING": url.query,
        "REQUEST_METHOD": request.command,
        "CONTENT_TYPE": request.headers.get("Content-Type", ""),
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_CONTENT_ENCODING": request.headers.get("Content-Encoding", ""),
        "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
        "REMOTE_ADDR": "127.0.0.1",
    }
    done = subprocess.run(["git", "http-backend"], input=body, env=environ, capture_output=True)
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    pairs = [line.partition(": ") for line in head.decode().split("\r\n") if line]
    headers = [(name, value) for name, _, value in pairs if name != "Status"]
    status = next((int(value.split()[0]) for name, _, value in pairs if name == "Status"), 200)
    return status, headers, content
