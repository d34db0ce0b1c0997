"""conda-lock reads the files that we write, and we read those that its model writes.

It lives in an environment of its own: its requirements would hold back half of ours.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reprise.envs.conda import manager, records
from reprise.errors import EnvError
from reprise.schemas.environment import Policy
from tests.conftest import UV_CACHE
from tests.envs import conda_channel, wheels
from tests.envs.conftest import index as index
from tests.envs.conftest import log as log
from tests.envs.test_conda_locks import HERE, ensure, spec, versions, write
from tests.envs.test_conda_locks import channel as channel

pytestmark = [pytest.mark.network, pytest.mark.slow, pytest.mark.usefixtures("index")]

PROGRAM = Path(__file__).with_name("conda_lock_program.py")
FILE = "conda-lock.yml"


def run_conda_lock(verb: str, given: Any = None) -> Any:
    """What :mod:`tests.witnesses.conda_lock_program` answers, in the environment that uv makes for it."""
    environ = {
        name: value for name, value in os.environ.items() if not name.startswith(("UV_", "PIP_", "PYTHON"))
    }
    environ |= {"UV_CACHE_DIR": UV_CACHE, **INDEX}
    command = ["tool", "run", "--quiet", "--from", "conda-lock>=3", "python", str(PROGRAM), verb, FILE]
    done = subprocess.run(
        [sys.executable, "-m", "uv", *command],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        env=environ,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout else None


INDEX = {name: value for name, value in os.environ.items() if name.startswith(("UV_", "PIP_"))}
"""Where the packages of this machine come from, before the tests name an index of their own."""


def as_entry(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry of the file that we wrote, in the words of the program."""
    names = ("name", "version", "manager", "platform", "url", "dependencies")
    hashes = {kind: entry["hash"].get(kind) for kind in ("sha256", "md5")}
    return {**{name: entry[name] for name in names}, **hashes, "categories": ["main"]}


def sort_entries(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(entries, key=lambda entry: (entry["platform"], entry["manager"], entry["name"]))


def test_it_reads_what_we_write_for_several_platforms(channel: Path, log: Path) -> None:
    written = write(spec(channel, "tool"), log, HERE, "osx-arm64")
    seen = run_conda_lock("read")
    assert (seen["platforms"], seen["channels"]) == ([HERE, "osx-arm64"], [channel.as_uri()])
    assert len(seen["packages"]) == 4
    assert sort_entries(seen["packages"]) == sort_entries([*map(as_entry, written["package"])])


def test_it_reads_what_we_write_of_a_pip_section(index: Path, log: Path) -> None:
    written = write(spec(conda_channel.shared(), "python", "greeter", pip=("alpha",)), log)
    seen = run_conda_lock("read")
    assert {"alpha", "beta"} <= {item["name"] for item in seen["packages"] if item["manager"] == "pip"}
    assert sort_entries(seen["packages"]) == sort_entries([*map(as_entry, written["package"])])


def test_we_read_what_its_model_writes(index: Path, log: Path) -> None:
    asked = spec(conda_channel.shared(), "python", "greeter", pip=("alpha",))
    write(asked, log)
    content = run_conda_lock("read")
    before = versions(ensure(asked, log, locked=True))
    extra = {**content["packages"][0], "name": "only-for-developers", "categories": ["dev"]}
    Path(FILE).unlink()
    run_conda_lock("write", {**content, "packages": [*content["packages"], extra]})
    wheels.make(index, "beta", "3.0")
    assert versions(ensure(asked, log, locked=True)) == before
    assert before["beta"] == "2.0"
    with pytest.raises(EnvError, match=r"conda-lock\.yml does not match"):
        manager.lock(asked._replace(pip=("alpha", "beta>=3")), Policy(locked=True), log)


def test_what_it_reads_of_ours_it_writes_back_for_us(channel: Path, log: Path) -> None:
    """A round trip by conda-lock loses nothing that an environment is made of."""
    write(spec(channel, "tool"), log)
    lock = manager.lock(spec(channel, "tool"), Policy(locked=True), log)
    run_conda_lock("write", run_conda_lock("read"))
    again = manager.lock(spec(channel, "tool"), Policy(locked=True), log)
    assert manager.packages(again) == manager.packages(lock)
    files = [[(one.url, one.sha256) for one in records.read_lock(each).records] for each in (lock, again)]
    assert files[0] == files[1]
