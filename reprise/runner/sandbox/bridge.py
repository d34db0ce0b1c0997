"""The way from a sandbox without network to the run's tracking address: a unix socket."""

from __future__ import annotations

import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reprise.runner.sandbox.launcher import carry_both

SOCKET = "tracking"


@contextmanager
def open_bridge(port: int) -> Iterator[Path]:
    """A folder with a unix socket that leads to ``port`` of this machine, for the block."""
    folder = Path(tempfile.mkdtemp(prefix="reprise-"))  # short: the path of a socket has 107 bytes at most
    listening = socket.socket(socket.AF_UNIX)
    try:
        listening.bind(str(folder / SOCKET))
        listening.listen(256)
        thread = threading.Thread(
            target=_serve_socket, args=(listening, port), name="reprise-bridge", daemon=True
        )
        thread.start()
        try:
            yield folder
        finally:
            listening.shutdown(socket.SHUT_RDWR)  # wakes the thread, which sees the end
            thread.join()
    finally:
        listening.close()
        shutil.rmtree(folder, ignore_errors=True)


def _serve_socket(listening: socket.socket, port: int) -> None:
    while True:
        try:
            near = listening.accept()[0]
        except OSError:
            return
        try:
            far = socket.create_connection(("127.0.0.1", port))
        except OSError:
            near.close()
            continue
        carry_both(near, far)
