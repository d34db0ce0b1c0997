"""Real PostgreSQL and MariaDB servers on loopback, each started once for the tests that read them."""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import closing
from functools import cache
from pathlib import Path

_POSTGRES_FOLDERS = "/usr/lib/postgresql"
_PATIENCE = 120.0  # seconds; of a machine that does much else


def missing() -> str | None:
    """Which server this machine lacks, and what brings it; None when both are there."""
    if _postgres_programs() is None:
        return "there is no PostgreSQL server; apt-get install postgresql brings one"
    if not all(map(shutil.which, ("mariadbd", "mariadb-install-db", "my_print_defaults"))):
        return "there is no MariaDB; apt-get install mariadb-server-core mariadb-client-core brings it"
    return None


@cache
def postgresql() -> str:
    """The URL of an empty database; the first call starts the server."""
    programs = _postgres_programs()
    assert programs is not None
    folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
    if os.getuid() == 0:  # as whom it refuses to run
        shutil.chown(folder, "postgres", "postgres")
    port, data = _free_port(), folder / "data"
    _as_server(
        folder, [f"{programs}/initdb", "-D", str(data), "-U", "reprise", "-A", "trust", "-E", "UTF8", "-N"]
    )
    options = [*("-p", str(port)), *("-c", "listen_addresses=127.0.0.1"), *("-c", "fsync=off")]
    command = [f"{programs}/postgres", "-D", str(data), *options, "-k", str(folder)]
    _start(command, folder, port, signal.SIGINT)
    _as_server(
        folder, [f"{programs}/createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "reprise", "mlflow"]
    )
    return f"postgresql://reprise@127.0.0.1:{port}/mlflow"


@cache
def mariadb() -> str:
    """The URL of an empty database; the first call starts the server."""
    folder = Path(tempfile.mkdtemp(prefix="mariadb-"))
    port, user = _free_port(), pwd.getpwuid(os.getuid()).pw_name
    places = [f"--datadir={folder}/data", f"--user={user}"]
    _run(
        [
            *("mariadb-install-db", "--no-defaults", "--skip-test-db"),
            *("--auth-root-authentication-method=normal", *places),
        ]
    )
    setup = folder / "setup.sql"
    setup.write_text(
        "CREATE DATABASE mlflow CHARACTER SET utf8mb4;\n"
        "CREATE USER reprise@'127.0.0.1' IDENTIFIED BY 'a secret';\n"
        "GRANT ALL ON mlflow.* TO reprise@'127.0.0.1';\n"
    )
    command = [
        *("mariadbd", "--no-defaults", *places, f"--init-file={setup}", f"--socket={folder}/socket"),
        *(f"--port={port}", "--bind-address=127.0.0.1", "--skip-name-resolve"),
        "--innodb-flush-log-at-trx-commit=0",
    ]
    _start(command, folder, port, signal.SIGTERM)
    return f"mysql://reprise:a%20secret@127.0.0.1:{port}/mlflow"


def _postgres_programs() -> Path | None:
    """The folder of the newest version; Debian puts none of its programs on PATH."""
    folders = sorted(Path(_POSTGRES_FOLDERS).glob("*/bin/postgres"), key=lambda file: int(file.parts[-3]))
    return folders[-1].parent if folders else None


def _as_server(folder: Path, command: list[str]) -> None:
    _run([*_user(), *command], cwd=folder)


def _user() -> list[str]:
    """What makes root somebody as whom PostgreSQL runs."""
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.getuid() == 0 else []


def _run(command: list[str], cwd: Path | None = None) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


def _start(command: list[str], folder: Path, port: int, end: signal.Signals) -> None:
    log = (folder / "log").open("wb")
    prefix = _user() if "postgres" in command[0] else []
    server = subprocess.Popen(
        [*prefix, *command], cwd=folder, stdout=log, stderr=log, start_new_session=True
    )
    log.close()
    atexit.register(_stop, server, folder, end)
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError(f"{command[0]} did not start:\n{(folder / 'log').read_text()[-4000:]}")


def _stop(server: subprocess.Popen[bytes], folder: Path, end: signal.Signals) -> None:
    server.send_signal(end)
    try:
        server.wait(30)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
    shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
