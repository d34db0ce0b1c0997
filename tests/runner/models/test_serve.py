"""Serving a model: who may ask, what happens when an alias moves, when a worker dies, when time is up."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from pathlib import Path

import httpx
import psutil
import pytest

from reprise.server.http import users
from reprise.server.sockets import listen
from tests.conftest import PATIENCE, eventually
from tests.runner.models.conftest import Server, Trained, served
from tests.runner.models.test_differential import RECORDS

pytestmark = pytest.mark.mlflow

MODEL = "reprise-model"


def word(server: Server, text: str) -> httpx.Response:
    return server.ask({"dataframe_records": [{"word": text}]})


@pytest.fixture(scope="module")
def moody(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for the tests after which it serves as before; it does two requests at once."""
    options = ("--limit-concurrency", "2", "--timeout", f"{PATIENCE:.0f}")
    with served(trained, tmp_path_factory.mktemp("moody") / "log", "moody", *options) as server:
        yield server


@pytest.fixture(scope="module")
def hasty(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Another, which does not wait long for its model."""
    log = tmp_path_factory.mktemp("hasty") / "log"
    options = ("--timeout", "3", "--access-log", str(log.with_name("access")))
    with served(trained, log, "moody", *options) as server:
        yield server


def workers(server: Server) -> list[psutil.Process]:
    """The scoring servers, which are children of ours."""
    return [child for child in psutil.Process(server.process.pid).children() if "mlflow" in _argv(child)]


def _argv(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def test_an_alias_that_moves_under_load_loses_no_request(trained: Trained, tmp_path: Path) -> None:
    assert trained.reprise("models", "alias", "iris", "champion", "1").returncode == 0
    answered: list[tuple[int, str]] = []
    enough = threading.Event()
    with served(trained, tmp_path / "log", "models:/iris@champion", "--watch", "0.2") as server:

        def load() -> None:
            while not enough.is_set():
                answer = server.ask({"dataframe_records": RECORDS})
                answered.append((answer.status_code, answer.headers.get(MODEL, "")))

        clients = [threading.Thread(target=load) for _ in range(4)]
        for client in clients:
            client.start()
        assert trained.reprise("models", "alias", "iris", "champion", "2").returncode == 0
        try:
            assert eventually(lambda: answered[-1:] == [(200, "models:/iris/2")]), server.log.read_text()
            time.sleep(0.5)
        finally:
            enough.set()
            for client in clients:
                client.join()
        assert eventually(lambda: len(workers(server)) == 1)  # the old one was ended
        assert server.get("/").json()["version"] == 2
    assert {status for status, _ in answered} == {200}
    assert {model for _, model in answered} == {"models:/iris/1", "models:/iris/2"}
    assert "Serving iris version 2 in the place of iris version 1" in server.log.read_text()


def test_a_version_that_does_not_start_leaves_the_old_one_until_it_is_mended(
    trained: Trained, tmp_path: Path
) -> None:
    name = "zerbrechlich-é"
    moved = ("models", "alias", name, "live")
    assert trained.reprise("models", "register", "models:/iris/2", name).returncode == 0
    assert trained.reprise(*moved, "1").returncode == 0
    run = trained.reprise("runs", "list", "--json").stdout
    run_id = json.loads(run)[0]["run_id"]
    model = tmp_path / "model"
    model.mkdir()
    (model / "MLmodel").write_text("flavors:\n  python_function:\n    loader_module: gone\n")
    (model / "requirements.txt").write_text("mlflow\n")
    put = trained.reprise("artifacts", "put", run_id, str(model), "broken")
    assert put.returncode == 0, put.stderr
    with served(trained, tmp_path / "log", f"models:/{name}@live", "--watch", "0.2") as server:
        assert trained.reprise("models", "register", f"runs:/{run_id}/broken", name).returncode == 0
        assert trained.reprise(*moved, "2").returncode == 0
        assert eventually(lambda: "the new version is not" in server.log.read_text())
        answer = server.ask({"dataframe_records": RECORDS})
        assert (answer.status_code, answer.headers[MODEL]) == (200, "models:/zerbrechlich-%C3%A9/1")

        assert trained.reprise(*moved, "--delete").returncode == 0
        assert eventually(lambda: "version 1 is served on: " in server.log.read_text())
        assert word(server, "hello").status_code == 400  # by iris, which knows no words

        assert trained.reprise("artifacts", "put", run_id, str(trained.moody), "broken").returncode == 0
        assert trained.reprise(*moved, "2").returncode == 0
        assert eventually(lambda: word(server, "hello").status_code == 200), server.log.read_text()
    told = server.log.read_text()
    assert f"the server of {name} version 2 ended with exit code" in told
    assert told.count("version 1 is served on: ") == 1


def test_what_is_too_much_at_once_is_told_to_come_again(moody: Server, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(word, moody, f"until {gate}") for _ in range(8)]
        try:
            refused = [one.result() for one in islice(as_completed(asked, PATIENCE), 6)]
        finally:
            gate.touch()
        answers = [one.result() for one in asked]
    assert sorted(answer.status_code for answer in answers) == [200] * 2 + [503] * 6
    assert {answer.headers.get("retry-after") for answer in refused} == {"1"}
    assert {answer.json()["error_code"] for answer in refused} == {"TEMPORARILY_UNAVAILABLE"}
    assert word(moody, "hello").status_code == 200


def test_an_address_that_is_taken_is_told_before_the_model_is_started(trained: Trained) -> None:
    with listen() as taken:
        port = taken.getsockname()[1]
        done = trained.reprise("models", "serve", "-m", "no-such-model", "-p", str(port))
    assert done.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr.decode()


def test_servers_on_any_port_have_logs_of_their_own(trained: Trained, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "MLmodel").write_text("flavors:\n  python_function:\n    loader_module: gone\n")
    logs = set()
    for _ in range(2):
        done = trained.reprise("models", "serve", "-m", str(broken), "-p", "0", "--env-manager", "local")
        assert done.returncode == 1
        logs.add(Path(done.stderr.decode().rpartition("its output is in ")[2].strip()))
        assert "No module named 'gone'" in done.stderr.decode()  # and not only that a command failed
    assert len(logs) == 2
    assert all("gone" in log.read_text() for log in logs)


def test_a_worker_that_dies_is_started_again(moody: Server) -> None:
    first = word(moody, "hello").json()["predictions"][0]["process"]
    died = word(moody, "die")
    assert (died.status_code, died.json()["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE")
    after = word(moody, "hello")  # waits for the next one
    assert after.status_code == 200
    assert after.json()["predictions"][0]["process"] != first
    assert "the server of moody ended with exit code" in moody.log.read_text()


def test_a_worker_that_answers_no_more_is_started_again(hasty: Server) -> None:
    def process() -> int | None:
        answer = word(hasty, "hello")
        return answer.json()["predictions"][0]["process"] if answer.status_code == 200 else None

    first = process()
    assert word(hasty, "sleep3600").status_code == 504
    assert process() == first  # one may only be slow
    assert [word(hasty, "sleep3600").status_code for _ in range(2)] == [504, 504]
    assert eventually(lambda: process() not in (None, first))
    assert len(workers(hasty)) == 1
    assert "the server of moody no longer responds" in hasty.log.read_text()


def test_what_the_model_raises_is_told_without_a_traceback(hasty: Server) -> None:
    access = hasty.log.with_name("access")
    before, counts = len(access.read_text().splitlines()), counted(hasty)
    failed = word(hasty, "fail")
    late = word(hasty, "sleep3600")
    fine = word(hasty, "hello")
    assert (failed.status_code, set(failed.json())) == (400, {"error_code", "message"})
    assert (late.status_code, late.json()["error_code"]) == (504, "DEADLINE_EXCEEDED")
    assert fine.status_code == 200
    assert counted(hasty) - counts == Counter({"200": 1, "400": 1, "504": 1})
    lines = [json.loads(line) for line in access.read_text().splitlines()[before:]]
    statuses = [line["status"] for line in lines if line["path"] == "/invocations"]
    assert statuses == [400, 504, 200]


def counted(server: Server) -> Counter[str]:
    """How many predictions were answered with each status, as the server tells a monitor."""
    labels = r'endpoint="/invocations",method="POST",status="(\d+)"'
    found = re.findall(rf"reprise_requests_total{{{labels}}} (\d+)", server.get("/metrics").text)
    return Counter({status: int(count) for status, count in found})


def test_only_those_who_are_known_may_ask(trained: Trained, tmp_path: Path) -> None:
    token = users.put(tmp_path / "users", "app", "read", password=None)
    with served(trained, tmp_path / "log", "moody", "--auth", str(tmp_path / "users")) as server:
        assert word(server, "hello").status_code == 401
        known = {"Authorization": f"Bearer {token}"}
        assert server.ask({"dataframe_records": [{"word": "x"}]}, **known).status_code == 200
        assert server.get("/ping").status_code == 200  # a probe has no credentials
        assert server.get("/").status_code == 401
        assert server.get("/", Host="evil.example.org").status_code == 403


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_worker_outlives_us(trained: Trained, tmp_path: Path, number: signal.Signals) -> None:
    with served(trained, tmp_path / "log", "moody") as server:
        pid = word(server, "hello").json()["predictions"][0]["process"]
        os.kill(server.process.pid, number)
        server.process.wait(PATIENCE)
        assert eventually(lambda: not psutil.pid_exists(pid))


def test_others_on_the_machine_find_no_way_round_the_credentials(trained: Trained, tmp_path: Path) -> None:
    with served(trained, tmp_path / "log", "moody", "-w", "2", "--token", "let-me-in") as server:
        processes = psutil.Process(server.process.pid).children(recursive=True)
        listening = {each.laddr for one in processes for each in one.net_connections("tcp")}
        known = {"Authorization": "Bearer let-me-in"}
        assert server.ask({"dataframe_records": [{"word": "x"}]}, **known).status_code == 200
        sockets = {str(each.laddr) for one in processes for each in one.net_connections("unix")} - {""}
    assert listening == set()
    assert len(sockets) == 1
    assert not any(Path(path).exists() for path in sockets)


def test_a_cache_whose_path_is_too_long_for_sockets_serves_too(trained: Trained, tmp_path: Path) -> None:
    long = {**trained.environ, "REPRISE_CACHE_DIR": str(tmp_path / ("c" * 100))}
    options = ("moody", "--token", "let-me-in")
    with served(trained._replace(environ=long), tmp_path / "log", *options) as server:
        known = {"Authorization": "Bearer let-me-in"}
        assert server.ask({"dataframe_records": [{"word": "x"}]}, **known).status_code == 200
        assert "other users of this machine can use the model without credentials" in server.log.read_text()


def test_nothing_is_served_to_others_without_a_word(trained: Trained) -> None:
    done = trained.reprise("models", "serve", "-m", "moody", "--host", "0.0.0.0")
    assert done.returncode == 2
    assert b"open to other machines" in done.stderr
