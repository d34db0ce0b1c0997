"""Locks between processes: shared or alone, freed by any death, and whose files may be removed."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from reprise import file_lock
from reprise.paths import cache_dir

HOLD = """
import sys, time
from pathlib import Path
from reprise.file_lock import hold
assert hold(Path(sys.argv[1]), shared=sys.argv[2] == "shared") is not None
print("held", flush=True)
time.sleep(60)
"""


def holder(path: Path, how: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path), how], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_any_number_share_or_one_is_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "lock"
    others = [holder(path, "shared"), holder(path, "shared")]
    assert file_lock.hold(path, wait=False) is None
    shared = file_lock.hold(path, shared=True, wait=False)
    assert shared is not None
    os.close(shared)
    for other in others:
        end(other)
    alone = file_lock.hold(path, wait=False)
    assert alone is not None
    assert file_lock.hold(path, shared=True, wait=False) is None
    os.close(alone)


def test_says_what_it_waits_for_only_when_it_has_to(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with file_lock.exclusive(tmp_path / "lock", "the thing"):
        pass
    assert caplog.text == ""
    other = holder(tmp_path / "lock", "alone")
    threading.Timer(0.3, lambda: end(other)).start()
    with file_lock.exclusive(tmp_path / "lock", "the thing"):
        pass
    assert "waiting for the thing" in caplog.text


def test_who_waited_for_a_removed_file_takes_the_one_that_is_there_then(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    first = file_lock.hold(path)
    assert first is not None
    taken: list[int | None] = []
    waiting = threading.Thread(target=lambda: taken.append(file_lock.hold(path)))
    waiting.start()
    time.sleep(0.1)
    path.unlink()
    os.close(first)
    waiting.join()
    assert path.exists()
    assert file_lock.hold(path, wait=False) is None  # what was taken is what everybody sees
    assert taken[0] is not None
    os.close(taken[0])


def test_a_temporary_folder_is_ours_alone_and_goes(house: Path) -> None:
    with file_lock.scratch() as folder:
        assert folder.is_relative_to(cache_dir())
        assert oct(folder.stat().st_mode & 0o777) == "0o700"
        assert file_lock.is_owned(folder)
    assert not folder.exists()


def test_a_folder_of_a_dead_process_is_nobodys(house: Path) -> None:
    code = "from reprise.file_lock import *; import os; f = scratch(); print(f.__enter__()); os._exit(9)"
    argv = [sys.executable, "-u", "-c", code]
    told = subprocess.run(argv, capture_output=True, text=True, check=False).stdout.strip()
    assert Path(told).is_dir()
    assert not file_lock.is_owned(Path(told))
