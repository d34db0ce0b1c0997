"""Models that are trained once, and servers of them on loopback ports."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from reprise.server.sockets import bind_socket
from tests.conftest import EXAMPLES, PATIENCE

MOODY = """
import os, signal, sys, time, mlflow

class Moody(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        word = model_input["word"].iloc[0]
        if word == "die":
            os._exit(3)
        if word == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if word == "fail":
            raise ValueError("a word that I do not like")
        while word.startswith("until ") and not os.path.exists(word[6:]):
            time.sleep(0.02)
        if word.startswith("sleep"):
            time.sleep(float(word[5:]))
        return [{"word": word, "process": os.getpid()}]

mlflow.pyfunc.save_model(sys.argv[1], python_model=Moody(), pip_requirements=["mlflow"])
"""
"""A model that does as it is told."""


class Trained(NamedTuple):
    """``folder`` holds the store, in which iris has versions 1 and 2; ``moody`` is a model's folder."""

    folder: Path
    environ: Mapping[str, str]
    moody: Path

    def reprise(self, *words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        argv = [sys.executable, "-m", "reprise", *words]
        return subprocess.run(
            argv, cwd=self.folder, env=self.environ, check=False, capture_output=True, input=stdin
        )


class Server(NamedTuple):
    process: subprocess.Popen[bytes]
    url: str
    log: Path

    def ask(self, body: Any, kind: str = "application/json", **headers: str) -> httpx.Response:
        content = {"content": body} if isinstance(body, bytes) else {"json": body}
        given = {"Content-Type": kind, **headers}
        return httpx.post(f"{self.url}/invocations", **content, headers=given, timeout=PATIENCE)

    def get(self, path: str, **headers: str) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", headers=headers, timeout=PATIENCE)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("trained")
    kept = {name: os.environ[name] for name in ("LANG", "LD_LIBRARY_PATH") if name in os.environ}
    kept["PATH"] = (
        f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # our Python is the local one
    )
    environ = {
        **kept,
        "HOME": str(folder),
        "REPRISE_CACHE_DIR": str(folder / "cache"),
        "REPRISE_STATE_DIR": str(folder / "state"),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "NO_COLOR": "1",
        "PYTHONHASHSEED": "0",  # MLflow's errors list sets in their order
    }
    made = Trained(folder, environ, folder / "moody")
    pipe = subprocess.PIPE
    argv = [sys.executable, "-c", MOODY, str(made.moody)]
    with subprocess.Popen(argv, cwd=folder, env=environ, stdout=pipe, stderr=subprocess.STDOUT) as beside:
        for parameter in ("C=1.0", "C=0.0001"):
            done = made.reprise("run", str(EXAMPLES / "iris"), "--env-manager=local", "-P", parameter)
            assert done.returncode == 0, done.stderr
        told, _ = beside.communicate()
    assert beside.returncode == 0, told
    return made


@contextmanager
def running(trained: Trained, argv: Sequence[str], port: int, log: Path) -> Iterator[Server]:
    """``argv`` as a server on ``port``, from the moment that it answers /ping."""
    url = f"http://127.0.0.1:{port}"
    path = f"{Path(sys.executable).parent}{os.pathsep}{trained.environ['PATH']}"
    with log.open("wb") as out:
        process = subprocess.Popen(
            argv, cwd=trained.folder, env={**trained.environ, "PATH": path}, stdout=out, stderr=out
        )
    try:
        deadline = time.monotonic() + PATIENCE
        while not _answers(url):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield Server(process, url, log)
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        finally:
            process.kill()


@contextmanager
def served(trained: Trained, log: Path, uri: str, *options: str) -> Iterator[Server]:
    """``reprise models serve -m URI``, in the environment of the tests unless an option names another."""
    with held_port() as port:
        argv = [sys.executable, "-m", "reprise", "models", "serve", "-m", uri, "-p", str(port)]
        argv += options if "--env-manager" in options else ("--env-manager", "local", *options)
        with running(trained, argv, port, log) as server:
            yield server


@contextmanager
def held_port() -> Iterator[int]:
    """A port that nobody else is given until the block ends; a server of ours may listen on it."""
    with bind_socket("127.0.0.1", 0) as held:
        yield held.getsockname()[1]


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/ping", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False
