"""How a child ended is known in every kind of program, or said to be unknown; it is never a success."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reprise.children import Child
from reprise.process import EndUnknown, ProgramMissing, run
from tests.conftest import eventually

pytestmark = pytest.mark.slow


def reap_all(*_: object) -> None:
    """What a supervisor's handler does: it takes the end of every child."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


@pytest.fixture(params=["usual", "ignored", "reaped"])
def program(request: pytest.FixtureRequest) -> Iterator[str]:
    """The test as a program that leaves, ignores or takes the ends of its children."""
    kinds: dict[str, Any] = {"usual": signal.SIG_DFL, "ignored": signal.SIG_IGN, "reaped": reap_all}
    previous = signal.signal(signal.SIGCHLD, kinds[request.param])
    yield request.param
    signal.signal(signal.SIGCHLD, previous)


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """What this test lost is nothing to the next one."""
    monkeypatch.setattr(Child, "_was_lost", False)


@pytest.mark.usefixtures("program")
@pytest.mark.parametrize(
    ("script", "code"),
    [("exit 0", 0), ("exit 5", 5), ("exit 137", 137), ("kill -KILL $$", -9), ("kill -TERM $$", -15)],
)
def test_the_exit_code_is_exact(script: str, code: int) -> None:
    assert Child(["bash", "-c", script]).wait().exit_code == code


@pytest.mark.usefixtures("program")
def test_a_child_is_what_it_is_without_a_witness(tmp_path: Path) -> None:
    """Its directory, streams, variables, signals and process group."""
    script = (
        "pwd; echo $KEY; cut -d' ' -f5 /proc/$$/stat; trap 'echo int; exit 3' INT; echo up\n"
        "while :; do sleep 0.05; done"
    )
    with Child(
        ["bash", "-c", script],
        cwd=tmp_path,
        env={**os.environ, "KEY": "a b"},
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as child:
        assert child.stdout is not None
        lines = [child.stdout.readline().decode().strip() for _ in range(4)]
        assert lines == [str(tmp_path), "a b", str(child.pid), "up"]
        os.killpg(child.pid, signal.SIGINT)
        assert child.stdout.readline() == b"int\n"
        assert child.wait().exit_code == 3


@pytest.mark.usefixtures("program")
def test_signals_that_python_ignores_end_a_child_as_usual() -> None:
    assert Child(["bash", "-c", "kill -PIPE $$; exit 1"]).wait().exit_code == -signal.SIGPIPE


@pytest.mark.usefixtures("program")
def test_a_child_sees_the_ends_of_its_own_children() -> None:
    code = "import subprocess, sys; sys.exit(subprocess.run(['false']).returncode + 6)"
    expected = 7
    assert Child([sys.executable, "-c", code]).wait().exit_code == expected


@pytest.mark.usefixtures("program")
def test_what_cannot_be_started_is_told_at_once() -> None:
    with pytest.raises(FileNotFoundError):
        Child(["/no/such/program"])
    with pytest.raises(ProgramMissing):
        run(["no-such-program"])


@pytest.mark.usefixtures("program")
def test_a_killed_child_has_ended(tmp_path: Path) -> None:
    child = Child(["sleep", "300"])
    assert child.poll() is None
    assert child.wait_at_most(0.01) is None
    child.kill()
    assert child.wait().exit_code == -signal.SIGKILL
    child.kill()  # no effect any more


@pytest.mark.usefixtures("program")
def test_many_at_once_keep_their_own_codes() -> None:
    children = [Child(["bash", "-c", f"exit {number}"]) for number in range(20)]
    assert [child.wait().exit_code for child in children] == list(range(20))


@pytest.mark.usefixtures("program")
def test_several_threads_may_wait_for_one() -> None:
    child = Child(["bash", "-c", "sleep 0.1; exit 4"])
    endings: list[object] = []
    threads = [threading.Thread(target=lambda: endings.append(child.wait().exit_code)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert endings == [4, 4, 4, 4]


@pytest.mark.usefixtures("program")
def test_output_input_and_time_limits_work(tmp_path: Path) -> None:
    big = os.urandom(1 << 20).hex().encode()
    assert run(["cat"], stdin=big).stdout.encode() == big
    assert run(["true"], stdin=big).exit_code == 0  # it reads nothing of it
    assert run(["bash", "-c", "echo out; echo err >&2; exit 3"], check=False) == (3, "out\n", "err\n")
    started = time.monotonic()
    assert run(["bash", "-c", "exec sleep 300"], timeout=0.2, check=False).exit_code == -9
    assert run(["bash", "-c", "exec >&- 2>&-; exec sleep 300"], timeout=0.2, check=False).exit_code == -9
    assert time.monotonic() - started < 200


@pytest.mark.usefixtures("forgetful")
def test_an_end_that_another_thread_took_is_unknown_and_the_next_is_not() -> None:
    """Nothing can be seen of such a thread before it has taken the first one."""
    over = threading.Event()

    def take_all() -> None:
        while not over.is_set():
            reap_all()

    thread = threading.Thread(target=take_all)
    thread.start()
    try:
        child = Child(["bash", "-c", "exit 0"])
        assert eventually(lambda: not Path(f"/proc/{child.pid}").exists())
        assert child.wait().exit_code is None
        assert Child(["bash", "-c", "exit 6"]).wait().exit_code == 6
        assert run(["true"]).exit_code == 0
    finally:
        over.set()
        thread.join()


@pytest.mark.usefixtures("forgetful")
def test_a_program_whose_end_is_unknown_has_not_succeeded(monkeypatch: pytest.MonkeyPatch) -> None:
    def stolen(pid: int, options: int) -> object:
        raise ChildProcessError

    monkeypatch.setattr(os, "wait4", stolen)
    with pytest.raises(EndUnknown, match="it is not known how true ended"):
        run(["true"], check=False)


@pytest.mark.parametrize("program", ["reaped"], indirect=True)
def test_a_witness_that_is_killed_says_nothing(program: str) -> None:
    child = Child(["sleep", "0.5"])
    os.kill(child.pid, signal.SIGKILL)
    assert child.wait().exit_code is None
