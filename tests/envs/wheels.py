"""Tiny wheels made by hand, so that environments are built without the real index."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def make(
    folder: Path,
    name: str,
    version: str = "1.0",
    *,
    requires: Sequence[str] = (),
    files: Mapping[str, str] | None = None,
    hashed: bool = False,
    tag: str = "py3-none-any",
) -> Path:
    """Write ``name-version-TAG.whl``: a module that knows its version, and ``files``.

    ``hashed``: its RECORD holds their hashes and sizes, as that of every wheel of the real index does.
    """
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"]
    metadata += [f"Requires-Dist: {line}\n" for line in requires]
    contents = {
        f"{module}.py": f"__version__ = {version!r}\n",
        **(files or {}),
        f"{info}/METADATA": "".join(metadata),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    facts = {path: _facts(text) if hashed else "," for path, text in contents.items()}
    record = "".join(f"{path},{value}\n" for path, value in facts.items()) + f"{info}/RECORD,,\n"
    path = folder / f"{module}-{version}-{tag}.whl"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as wheel:
        for file, content in (*contents.items(), (f"{info}/RECORD", record)):
            wheel.writestr(file, content)
    return path


def compiled_for(python: str) -> str:
    """The tag of a wheel that is compiled for this machine and one CPython (``cp38``)."""
    return f"{python}-{python}{'m' if python in ('cp36', 'cp37') else ''}-linux_{os.uname().machine}"


def make_source(
    folder: Path,
    name: str,
    version: str = "1.0",
    *,
    requires: Sequence[str] = (),
    files: Mapping[str, str] | None = None,
) -> Path:
    """Write ``name-version.tar.gz``, whose metadata can be read without building it."""
    metadata = [f"Metadata-Version: 2.2\nName: {name}\nVersion: {version}\n"]
    metadata += [f"Requires-Dist: {line}\n" for line in requires]
    path = folder / f"{name}-{version}.tar.gz"
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for file, text in {"PKG-INFO": "".join(metadata), **(files or {})}.items():
            member = tarfile.TarInfo(f"{name}-{version}/{file}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return path


def _facts(text: str) -> str:
    """Hash and size as in a RECORD."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"sha256={digest.rstrip('=')},{len(text.encode())}"


@contextmanager
def guarded_index(folder: Path, user: str, password: str) -> Iterator[str]:
    """Serve the wheels of ``folder`` as ``http://HOST:PORT/simple`` to who knows the password."""
    expected = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    class Requests(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.rsplit("/", 1)[-1]
            page = "".join(f'<a href="/{wheel.name}">{wheel.name}</a>' for wheel in folder.iterdir())
            body = (folder / name).read_bytes() if name.endswith(".whl") else page.encode()
            self.send_response(200 if self.headers.get("Authorization") == expected else 401)
            self.send_header("Content-Type", "application/octet-stream" if name else "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            return

    with serving(Requests) as address:
        yield address


@contextmanager
def dated_index(folder: Path, times: Mapping[str, str]) -> Iterator[str]:
    """Serve the wheels of ``folder`` with their upload times by file name; yields the index's URL."""

    class Requests(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.strip("/").rsplit("/", 1)[-1]
            if name.endswith((".whl", ".tar.gz")):
                self.answer("application/octet-stream", (folder / name).read_bytes())
                return
            files = [
                {
                    "filename": wheel,
                    "url": f"/{wheel}",
                    "hashes": {"sha256": _sha256(folder / wheel)},
                    "upload-time": time,
                }
                for wheel, time in times.items()
                if wheel.startswith(f"{name}-")
            ]
            page = {"meta": {"api-version": "1.1"}, "name": name, "files": files, "versions": []}
            self.answer("application/vnd.pypi.simple.v1+json", json.dumps(page).encode())

        def answer(self, kind: str, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET

        def log_message(self, format: str, *args: object) -> None:
            return

    with serving(Requests) as address:
        yield f"http://{address}/simple"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@contextmanager
def serving(requests: Callable[..., BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve on a free port of this machine; yields ``HOST:PORT``."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), requests)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        serving.join()
        server.server_close()
