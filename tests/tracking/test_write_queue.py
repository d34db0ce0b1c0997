"""Writers of several processes have their turn in the order in which they came."""

from __future__ import annotations

import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import pytest

from reprise.tracking import write_queue
from reprise.tracking.write_queue import WriteQueue
from tests.conftest import PATIENCE, eventually

HOLDER = """
import sys
from pathlib import Path
from reprise.tracking.write_queue import WriteQueue
with WriteQueue(Path(sys.argv[1])).turn(lambda: True):
    print("mine", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _endless_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_queue, "_PATIENCE", PATIENCE)


def count_numbers(path: Path) -> int:
    return int.from_bytes(path.read_bytes()[:8], sys.byteorder)


def has_counted(path: Path, number: int) -> bool:
    return count_numbers(path) >= number


def test_the_first_that_came_is_the_first_to_be_served(tmp_path: Path) -> None:
    path = tmp_path / "queue"
    served: list[int] = []

    def take_turn(number: int) -> None:
        with WriteQueue(path).turn(lambda: True):
            served.append(number)

    threads = []
    with WriteQueue(path).turn(lambda: True):
        first = count_numbers(path)
        for number in range(8):
            threads.append(threading.Thread(target=take_turn, args=(number,)))
            threads[-1].start()
            eventually(partial(has_counted, path, first + number + 1))
        assert served == []
    for thread in threads:
        thread.join(PATIENCE)
    assert served == list(range(8))


def test_a_process_that_died_in_its_turn_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "queue"
    argv = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "mine\n"
        threading.Timer(0.2, holder.kill).start()
        with WriteQueue(path).turn(lambda: True):
            assert holder.wait(PATIENCE) != 0


def test_one_whose_turn_does_not_end_is_passed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be stopped, with Ctrl-Z."""
    monkeypatch.setattr(write_queue, "_PATIENCE", 0.05)
    with (
        WriteQueue(tmp_path / "queue").turn(lambda: True),
        WriteQueue(tmp_path / "queue").turn(lambda: True),
    ):
        pass


def test_one_that_must_wait_no_longer_goes_ahead(tmp_path: Path) -> None:
    path = tmp_path / "queue"
    with WriteQueue(path).turn(lambda: True), WriteQueue(path).turn(lambda: False):
        pass


@pytest.mark.parametrize("content", [b"", b"abc", b"\xff" * 8, (1 << 62).to_bytes(8, sys.byteorder)])
def test_a_file_that_holds_something_else_harms_nothing(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "queue"
    path.write_bytes(content)
    queue = WriteQueue(path)
    for _ in range(3):
        with queue.turn(lambda: True):
            pass


def test_where_the_file_cannot_be_had_there_is_no_queue(tmp_path: Path) -> None:
    with WriteQueue(tmp_path / "not" / "there").turn(lambda: True):
        pass
