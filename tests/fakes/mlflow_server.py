"""Real ``mlflow server``s on loopback, each started once for the tests that compare with it."""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from functools import cache
from pathlib import Path

from reprise.server.sockets import bind_socket
from tests.conftest import PATIENCE


@cache
def tracking_uri(whose: str = "everybody's") -> str:
    """The URL of a server; the first call starts it.

    Tests that look at all that a server holds have one of their own, since others leave things on theirs.
    """
    folder = Path(tempfile.mkdtemp(prefix="mlflow-server-"))
    held = bind_socket("127.0.0.1", 0)  # until the end, so that no one else gets the port
    port = held.getsockname()[1]
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--workers", "1"),
        *("--host", "127.0.0.1", "--port", str(port)),
        *("--backend-store-uri", f"sqlite:///{folder}/mlflow.db"),
        *("--artifacts-destination", str(folder / "artifacts")),
    ]
    log = (folder / "log").open("wb")
    server = subprocess.Popen(
        command, cwd=folder, env=client_environ(folder), stdout=log, stderr=log, start_new_session=True
    )
    log.close()
    atexit.register(_stop, server, folder, held)
    uri = f"http://127.0.0.1:{port}"
    _wait_until_healthy(uri, server, folder / "log")
    return uri


def client_environ(home: Path) -> dict[str, str]:
    """An environment in which MLflow neither phones home nor reads the user's settings."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    quiet = {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "GIT_PYTHON_REFRESH": "quiet",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return {**kept, **quiet, "HOME": str(home)}


def _wait_until_healthy(uri: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if server.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{uri}/health", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError(f"mlflow server did not start:\n{log.read_text()[-4000:]}")


def _stop(server: subprocess.Popen[bytes], folder: Path, held: socket.socket) -> None:
    os.killpg(server.pid, 9)
    server.wait()
    held.close()
    shutil.rmtree(folder, ignore_errors=True)
