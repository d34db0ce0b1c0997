"""The door for subprocesses: what a program prints is in the log while it runs, and nothing secret is."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import pytest

from reprise.process import ProcessFailed, ProgramMissing, run

SLOW = """
import os, sys, time
print("first", flush=True)
print("to stderr", file=sys.stderr, flush=True)
while not os.path.exists(sys.argv[1]): time.sleep(0.01)
print("last", end="")
"""


def python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", code, *arguments]


def test_the_log_has_each_line_while_the_program_runs(tmp_path: Path) -> None:
    log, go_on = tmp_path / "logs" / "log", tmp_path / "go-on"
    results = []
    running = threading.Thread(target=lambda: results.append(run(python(SLOW, str(go_on)), log_file=log)))
    running.start()
    while not log.exists() or "to stderr\n" not in log.read_text():
        time.sleep(0.01)
    assert "first\n" in log.read_text()
    assert not results
    go_on.touch()
    running.join()
    assert results[0] == (0, "first\nlast", "to stderr\n")
    assert log.read_text().startswith(f"$ {sys.executable} -c ")
    assert log.read_text().endswith("last\n")


def test_lines_are_seen_as_they_come_without_their_secrets(tmp_path: Path) -> None:
    seen: list[str] = []
    code = "import sys; print('get https://me:secret@example.org/x\\ndone', file=sys.stderr)"
    result = run(python(code), log_file=tmp_path / "log", seen=seen.append)
    assert seen == ["get https://example.org/x", "done"]
    assert "secret" not in (tmp_path / "log").read_text()
    assert "secret" in result.stderr


def test_much_output_on_both_streams_is_whole(tmp_path: Path) -> None:
    code = "import sys\nfor i in range(20000): print(i); print(-i, file=sys.stderr)"
    result = run(python(code), log_file=tmp_path / "log")
    assert result.stdout.splitlines() == [str(i) for i in range(20000)]
    assert result.stderr.splitlines() == [str(-i) for i in range(20000)]
    assert len((tmp_path / "log").read_text().splitlines()) >= 40000


def test_two_streams_can_be_one(tmp_path: Path) -> None:
    code = "import sys; print(1, flush=True); print(2, file=sys.stderr, flush=True); print(3)"
    result = run(python(code), log_file=tmp_path / "log", merged=True)
    assert (result.stdout, result.stderr) == ("1\n2\n3\n", "")


@pytest.mark.slow
@pytest.mark.parametrize("logged", [True, False])
def test_what_takes_too_long_is_killed_and_told(tmp_path: Path, logged: bool) -> None:
    slow = ["sh", "-c", "echo here; exec sleep 60"]
    with pytest.raises(ProcessFailed, match="no answer within 2 s") as caught:
        run(slow, timeout=2, log_file=tmp_path / "log" if logged else None)
    assert caught.value.result.stdout == "here\n"


@pytest.mark.parametrize("logged", [True, False])
def test_a_failure_shows_the_last_lines(tmp_path: Path, logged: bool) -> None:
    with pytest.raises(ProcessFailed, match="ended with exit code 3\n  why"):
        run(
            python("import sys; sys.exit(print('why') or 3)"), log_file=tmp_path / "log" if logged else None
        )


def test_bytes_are_read_by_the_program() -> None:
    assert run(python("print(input()[::-1])"), stdin=b"abc\n").stdout == "cba\n"


def test_a_missing_program_is_named() -> None:
    with pytest.raises(ProgramMissing, match='"no-such-program" was not found on PATH'):
        run(["no-such-program"])
