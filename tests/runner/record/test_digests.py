"""Digests of folders: all that can be read below them counts, and what cannot is never passed over."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from reprise.runner.record import digests


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with a file, and links to a folder elsewhere and back to itself."""
    (folder := tmp_path / "data").mkdir()
    (elsewhere := tmp_path / "elsewhere").mkdir()
    (folder / "a.csv").write_text("1")
    (elsewhere / "b.csv").write_text("2")
    (folder / "linked").symlink_to(elsewhere)
    (folder / "round").symlink_to(folder)
    (elsewhere / "back").symlink_to(folder)
    (folder / "self").symlink_to("self")
    (folder / "broken").symlink_to("nowhere")
    os.mkfifo(folder / "pipe")
    return folder


def test_files_are_found_through_links_and_each_circle_is_left(data: Path) -> None:
    found = {file.relative_to(data).as_posix() for file in digests.files_below(data)}
    assert found == {"a.csv", "linked/b.csv"}


def test_what_lies_behind_a_link_counts(data: Path) -> None:
    before = digests.of_path(data)
    assert before.size == 2
    (data / "linked" / "b.csv").write_text("3")
    assert digests.of_path(data) != before


def test_a_folder_that_cannot_be_read_is_an_error(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.scandir

    def scandir(folder: Path) -> Iterator[os.DirEntry[str]]:
        if folder.name == "linked":
            raise PermissionError(13, "Permission denied", str(folder))
        return real(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(PermissionError):
        digests.of_path(data)
