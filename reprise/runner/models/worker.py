"""MLflow's own scoring server for a model, as a process group that ends with us.

It runs inside the model's environment without reprise, so that every flavor of MLflow 2 and 3 works. It
listens on a socket in a private folder, which other users cannot access, or on a loopback port if sockets
do not work; ``front.py`` is in front of it.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

from reprise.backends.guard import ProcessGuard, end_group
from reprise.children import Child
from reprise.envs import registry as envs
from reprise.errors import RepriseError, SubmitError
from reprise.named_tuple import NamedTuple
from reprise.paths import make_folders
from reprise.process import patched
from reprise.runner.models.folder import ModelFolder
from reprise.runner.models.http_client import Address, Broken, Unreached, ask_once
from reprise.runner.models.stuck_detector import READY_SECONDS, Pulse
from reprise.runner.models.worker_log import Printed
from reprise.schemas.environment import Environment
from reprise.schemas.job import Command
from reprise.server.sockets import listen

log = logging.getLogger(__name__)

_TRACKING = "MLFLOW_TRACKING_URI"
_GRACE = 5.0
_PROBE_SECONDS = 5.0
_PAUSE = 0.05


class Settings(NamedTuple):
    """Settings; ``processes`` is their number per worker; ``timeout`` is that of a request in seconds.

    ``log`` gets the output of the workers.
    """

    log: Path
    processes: int = 1
    timeout: float = 60.0


class Worker:
    """A running scoring server of ``model``, which is ready when :meth:`wait` has returned.

    Raises:
        SubmitError: it cannot be started.
    """

    def __init__(
        self, model: ModelFolder, environment: Environment, settings: Settings, folder: Path
    ) -> None:
        self._port = _free_port()
        self._socket = _free_socket(folder)
        self.address: Address = self._socket or self._port
        """Where it answers, from when :meth:`wait` has returned."""
        self._ended = False
        self._ready = False
        self._model = model
        self.pulse = Pulse(settings.timeout)
        command = _make_command(model, settings, self._port, self._socket, folder)
        entered = envs.MANAGERS[environment.manager].enter(environment, command)
        make_folders(settings.log.parent)
        try:
            with settings.log.open("ab") as out:
                self.printed = Printed(settings.log, out.tell())
                self._process = Child(
                    entered.argv,
                    cwd=entered.cwd,
                    env=patched(os.environ, dict(entered.environ)),
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        except OSError as error:
            raise SubmitError(f"cannot start the server of {model.shown}: {error.strerror}") from error
        try:
            self._guard = ProcessGuard(self._process.pid, _GRACE)
        except OSError as error:
            end_group(self._process.pid, grace=0)
            self._process.wait()
            raise SubmitError(f"cannot guard the server of {model.shown}: {error.strerror}") from error

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def works(self) -> bool:
        """Return whether it is alive, reachable, and not stuck as far as its requests show."""
        return self.alive and not self.pulse.is_stuck and not self._is_out_of_reach

    def wait(self, patience: float = READY_SECONDS) -> None:
        """Return when it answers.

        Raises:
            RepriseError: it died before, or took too long; with its last lines.
        """
        deadline = time.monotonic() + patience
        while not self._does_answer():
            if not self.alive:
                raise RepriseError(
                    f"the server of {self._model.shown} {self.end_told()}\n{self.printed.read_tail()}",
                    hint=f"its output is in {self.printed.path}",
                )
            if time.monotonic() > deadline:
                raise RepriseError(
                    f"the server of {self._model.shown} does not answer after {patience:g} s\n"
                    f"{self.printed.read_tail()}"
                )
            time.sleep(_PAUSE)

    def end_told(self) -> str:
        """Return ``ended with exit code 1``, ``was killed by SIGKILL (out of memory?)``, ``no longer
        responds``, ``is unreachable ...``."""
        ending = self._process.poll()
        if ending is None and self._is_out_of_reach:
            return f"is unreachable: its socket {self.address} was removed"
        if ending is None:
            return "no longer responds"
        code = ending.exit_code
        if (inner := self.printed.find_code()) is not None:
            code = inner
        if code is None:
            return "ended; its exit code is not known"
        if code >= 0:
            return f"ended with exit code {code}"
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        return f"was killed by {name}{' (out of memory?)' if name == 'SIGKILL' else ''}"

    def given_time_to_end(self) -> None:
        """Return when it has ended, or does not seem to: dying can take a moment."""
        self._process.wait_at_most(_GRACE)

    def end(self) -> None:
        """End all of its processes; a second call does nothing."""
        if self._ended:
            return
        self._ended = True
        # An ended process remains until it is waited for: the group would never look empty.
        reaping = threading.Thread(target=self._process.wait, daemon=True)
        reaping.start()
        end_group(self._process.pid, _GRACE)
        reaping.join()
        self._guard.dismiss()

    @property
    def _is_out_of_reach(self) -> bool:
        """Return whether it was ready, and its socket was removed since."""
        return self._ready and isinstance(self.address, Path) and not self.address.exists()

    def _does_answer(self) -> bool:
        # MLflow before 2.21 serves by gunicorn, which knows nothing of the socket.
        address = self._socket if self._socket and self._socket.exists() else self._port
        try:
            is_well = ask_once(address, "GET", "/ping", [], patience=_PROBE_SECONDS).status == 200
        except (Unreached, Broken, TimeoutError):
            return False
        if is_well:
            self.address, self._ready = address, True
        return is_well


def _make_command(
    model: ModelFolder, settings: Settings, port: int, socket_path: Path | None, folder: Path
) -> Command:
    argv = ["python", "-m", "mlflow", "models", "serve", "--env-manager", "local"]
    argv += ["-m", str(model.folder), "-h", "127.0.0.1", "-p", str(port)]
    # Its own timeout ends after ours, so that we answer the client.
    argv += ["-w", str(settings.processes), "-t", str(round(settings.timeout) + 5)]
    environ = (
        *(() if _is_server(os.environ.get(_TRACKING, "")) else ((_TRACKING, None),)),
        ("REPRISE_SERVER_TOKEN", None),  # the model's code has no business with it
        ("UVICORN_UDS", None if socket_path is None else str(socket_path)),
        ("UVICORN_ACCESS_LOG", "0"),
        ("PYTHONUNBUFFERED", "1"),
    )
    return Command(tuple(argv), environ, folder)


def _is_server(uri: str) -> bool:
    """Return whether an MLflow client can use it; it would treat our store's folder as its own."""
    return "://" in uri and not uri.startswith("file:")


def _free_socket(folder: Path) -> Path | None:
    """A path in ``folder``; None where it would be too long, or the file system has no sockets."""
    path = folder / os.urandom(2).hex()
    with socket.socket(socket.AF_UNIX) as tried:
        try:
            tried.bind(os.fspath(path))
        except OSError:
            return None
    path.unlink()
    return path


def _free_port() -> int:
    """Return a free port. If it is taken before the worker listens, the worker dies and is restarted on
    another.
    """
    with listen() as found:
        port: int = found.getsockname()[1]
        return port
