"""What is told of that which a worker printed."""

from __future__ import annotations

from pathlib import Path

from reprise.runner.models.worker_log import Printed


def test_only_what_the_worker_itself_printed_is_its_end(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_text("of before\n" + "of now\n" * 20 + "the last\n\n")
    told = Printed(file, len("of before\n")).read_tail().splitlines()
    assert len(told) == 15
    assert told[-1] == "  the last"
    assert "  of before" not in told


def test_a_file_that_has_become_large_begins_anew(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_bytes(b"of before\n" * (1 << 20) * 2)
    printed = Printed(file, file.stat().st_size)
    printed.bound_size()
    printed.bound_size()
    assert (tmp_path / "log.1").read_bytes().startswith(b"of before\n")
    assert file.stat().st_size == 0
    with file.open("ab") as appending:  # as a worker does
        appending.write(b"of now\n")
    assert printed.read_tail() == "  of now"


def test_a_file_that_is_gone_has_no_end(tmp_path: Path) -> None:
    printed = Printed(tmp_path / "gone", 0)
    printed.bound_size()
    assert (printed.read_tail(), printed.find_code()) == ("", None)
