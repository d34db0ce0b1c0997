"""A server that is killed while it is written to; what it acknowledges is noted."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
import urllib.request
from hashlib import sha256
from http.client import HTTPException
from pathlib import Path

from tests.crashes.programs import Command, During
from tests.crashes.worlds import World


def serve(world: World) -> Command:
    return ("-q", "server", "--store", str(world.store), "--port", str(_PORT))


def talk_to(world: World) -> During:
    """Write to the server until it is gone, or for a while."""

    def talk(pid: int) -> None:
        if _is_answering(pid):
            try:
                _write_for_a_while(world)
            except (OSError, HTTPException):
                return  # it was killed
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            return

    return talk


def _is_answering(pid: int) -> bool:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        if state == "Z":
            return False
        try:
            socket.create_connection(("127.0.0.1", _PORT), 1).close()
            return True
        except OSError:
            time.sleep(0.01)
    return False


def _write_for_a_while(world: World) -> None:
    reply = _ask("POST", "mlflow/runs/create", {"experiment_id": "0", "start_time": 1})
    run = json.loads(reply)["run"]["info"]["run_id"]
    with world.acknowledged.open("a", buffering=1) as out:
        for number in range(12):
            metrics = [{"key": "m", "value": number, "timestamp": 1, "step": step} for step in range(5)]
            params = [{"key": f"p{number}", "value": "x"}]
            _ask("POST", "mlflow/runs/log-batch", {"run_id": run, "metrics": metrics, "params": params})
            print(json.dumps([run, "param", f"p{number}", "x"]), file=out)
            print(json.dumps([run, "metric", "m", number]), file=out)
            body = os.urandom(50_000)
            place = f"mlflow-artifacts/artifacts/0/{run}/artifacts/f{number % 3}"
            if number < 3:
                _ask("PUT", place, body)
                print(json.dumps([run, "artifact", f"f{number}", sha256(body).hexdigest()]), file=out)
        _ask("POST", "mlflow/runs/update", {"run_id": run, "status": "FINISHED", "end_time": 2})


def _ask(method: str, path: str, body: object) -> bytes:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    address = f"http://127.0.0.1:{_PORT}/api/2.0/{path}"
    request = urllib.request.Request(address, data, headers, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=60) as reply:
        found: bytes = reply.read()
        return found


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


_PORT = _free_port()
