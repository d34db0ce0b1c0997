"""A sandboxed run sees its project, its environment and its inputs; the rest of the machine it does not."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from reprise.errors import EnvError, UsageError
from reprise.runner.planning.sandbox_tools import check_sandbox
from reprise.runner.sandbox.places import hidden_variables
from reprise.schemas.job import Sandbox
from tests.conftest import ProjectFolder, eventually

Write = Callable[[Mapping[str, str]], ProjectFolder]


@cache
def fault_of_machine() -> str:
    if shutil.which("bwrap") is None:
        return "bubblewrap is not installed"
    words = ("bwrap", "--ro-bind", "/", "/", "--unshare-pid", "--unshare-net", "--proc", "/proc", "true")
    return subprocess.run(words, capture_output=True, text=True, check=False).stderr.strip()


pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(fault_of_machine()), reason=fault_of_machine())]

LOOK = """\
import json, os, socket, sys, urllib.request

def attempt(step):
    try:
        return step()
    except OSError as error:
        return type(error).__name__

def log(verb, **fields):
    request = urllib.request.Request(
        f"{os.environ['MLFLOW_TRACKING_URI']}/api/2.0/mlflow/{verb}",
        json.dumps(fields).encode(),
        {"Content-Type": "application/json",
         "Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"]},
        method="DELETE" if verb.endswith("delete") else "POST",
    )
    open_ = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
    return open_(request, timeout=60).status

data, port = sys.argv[1], int(sys.argv[2])
run = os.environ["MLFLOW_RUN_ID"]
seen = {
    "home": attempt(lambda: os.listdir(os.path.expanduser("~"))),
    "data": attempt(lambda: open(data).read()),
    "write data": attempt(lambda: open(data, "w").close()),
    "beside data": attempt(lambda: open(os.path.join(os.path.dirname(data), "secret")).read()),
    "store": attempt(lambda: os.listdir(os.environ["REPRISE_STORE"])),
    "write project": attempt(lambda: open("made", "w").write("x")),
    "write git": attempt(lambda: open(".git/config", "a").close()),
    "write python": attempt(lambda: open(os.path.join(sys.prefix, "made"), "w").close()),
    "write system": attempt(lambda: open("/etc/made", "w").close()),
    "processes": len([name for name in os.listdir("/proc") if name.isdigit()]),
    "secret": "A_TOKEN" in os.environ,
    "port": attempt(lambda: socket.create_connection(("127.0.0.1", port), 10).close()),
    "metric": attempt(lambda: log("runs/log-metric", run_id=run, key="a", value=1.5, timestamp=1)),
    "delete": attempt(lambda: log("registered-models/delete", name="m")),
}
print(json.dumps(seen))
"""
FILES = {
    "MLproject": "entry_points:\n  main:\n    parameters: {data: path, port: string}\n"
    '    command: "python look.py {data} {port}"\n'
    "  fails:\n    command: exit 3\n"
    "  is_ended:\n"
    "    command: \"trap 'echo ended; exit 4' TERM; echo ready; while :; do sleep 0.1; done\"\n",
    "look.py": LOOK,
}


@pytest.fixture
def sandboxed(project: Write, tmp_path: Path) -> ProjectFolder:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "given").write_text("given")
    (tmp_path / "data" / "secret").write_text("secret")
    (tmp_path / "home").mkdir(exist_ok=True)
    folder = project(FILES)
    subprocess.run(["git", "init", "-q", folder.path], check=True)
    return folder


def _look(folder: ProjectFolder, tmp_path: Path, port: int, *options: str) -> dict[str, Any]:
    given = ("-P", f"data={tmp_path / 'data' / 'given'}", "-P", f"port={port}")
    done = folder.run(*given, *options)
    assert done.exit_code == 0, done.err
    (run, *_) = folder.runs()
    seen: dict[str, Any] = json.loads(folder.artifact(run, "reprise/output.log").splitlines()[-1])
    return seen


@pytest.mark.parametrize("network", (True, False))
def test_the_machine_is_not_there(
    sandboxed: ProjectFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network: bool
) -> None:
    import socket

    monkeypatch.setenv("A_TOKEN", "secret")
    with socket.create_server(("127.0.0.1", 0)) as service:
        option = "--sandbox" if network else "--no-network"
        seen = _look(sandboxed, tmp_path, service.getsockname()[1], option)
    assert "secret" not in json.dumps(seen["home"])
    assert seen | {"home": "", "processes": 0} == {
        "home": "",
        "data": "given",
        "write data": "OSError",
        "beside data": "FileNotFoundError",
        "store": ["jobs"],  # the way to the notes of what it reads, and no more
        "write project": 1,
        "write git": "OSError",
        "write python": "OSError",
        "write system": "OSError",
        "processes": 0,
        "secret": False,
        "port": None if network else "ConnectionRefusedError",
        "metric": 200,
        "delete": "HTTPError",
    }
    assert seen["processes"] <= 4
    (run,) = sandboxed.runs()
    shown = "bubblewrap" if network else "bubblewrap, no network"
    assert run.metrics["a"].value == 1.5
    assert run.tags["reprise.sandbox"] == shown
    assert json.loads(sandboxed.artifact(run, "reprise/run.json"))["sandbox"] == shown
    assert (sandboxed.path / "made").read_text() == "x"
    observed = json.loads(sandboxed.artifact(run, "reprise/run.json"))["observed"]
    assert str(tmp_path / "data" / "given") in json.dumps(observed) or "data/given" in json.dumps(observed)


@pytest.mark.parametrize("option", ("--sandbox", "--no-network"))
def test_it_ends_as_its_command_does(sandboxed: ProjectFolder, option: str) -> None:
    assert sandboxed.run("-e", "fails", option).exit_code == 3


@pytest.mark.parametrize("option", ("--sandbox", "--no-network"))
def test_it_has_its_grace_period_when_it_is_stopped(sandboxed: ProjectFolder, option: str) -> None:
    started = sandboxed.run("-e", "is_ended", "--no-wait", option)
    assert started.exit_code == 0, started.err
    run_id = started.out.strip()
    try:
        assert eventually(lambda: "ready" in sandboxed.reprise("runs", "logs", run_id).out)
    finally:
        assert sandboxed.reprise("runs", "stop", run_id).exit_code == 0
    (run,) = sandboxed.runs()
    assert run.status == "KILLED"
    assert "ended" in sandboxed.artifact(run, "reprise/output.log")


def test_a_run_is_performed_again_in_a_sandbox(sandboxed: ProjectFolder, tmp_path: Path) -> None:
    """The verdict notes that one run had a sandbox, and decides nothing by it."""
    assert sandboxed.run("-e", "fails").exit_code == 3
    done = sandboxed.reprise("reproduce", "@last", "--no-network", "--json")
    assert done.exit_code == 8, done.err
    (part,) = [part for part in json.loads(done.out)["verdict"]["parts"] if "sandbox:" in json.dumps(part)]
    assert "sandbox: bubblewrap, no network, was none" in json.dumps(part)
    assert "environment" in part["part"].lower()


def test_a_home_folder_is_no_project(sandboxed: ProjectFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(sandboxed.path))
    done = sandboxed.run("-e", "fails", "--sandbox")
    assert done.exit_code == 2
    assert "contains the home folder" in done.err


def test_without_bubblewrap_nothing_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not work with docker"):
        check_sandbox(Sandbox(), "docker", is_isolated=True)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EnvError, match="no bwrap on PATH") as error:
        check_sandbox(Sandbox(), "local", is_isolated=False)
    assert "apt install bubblewrap" in (error.value.hint or "")
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    fake.chmod(0o755)
    with pytest.raises(EnvError, match="No permissions to create new namespace"):
        check_sandbox(Sandbox(), "local", is_isolated=False)


SECRET = {
    "GITHUB_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_PROFILE",
    "SSH_AUTH_SOCK",
    "OPENAI_API_KEY",
    "PGPASSWORD",
    "DOCKER_HOST",
    "KUBECONFIG",
    "DBUS_SESSION_BUS_ADDRESS",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "MLFLOW_TRACKING_TOKEN",
}
PLAIN = {
    "PATH",
    "HOME",
    "PYTHONHASHSEED",
    "OMP_NUM_THREADS",
    "LANG",
    "CUDA_VISIBLE_DEVICES",
    "KERAS_BACKEND",
}


def test_variables_that_look_secret_stay_outside() -> None:
    """But for those that the run gets on purpose."""
    hidden = hidden_variables(dict.fromkeys((*SECRET, *PLAIN), "x"), ["MLFLOW_TRACKING_TOKEN"])
    assert {*hidden, "MLFLOW_TRACKING_TOKEN"} == SECRET
