"""What the system refuses is said with the disk, its room, or the number of files that may be open."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reprise import disk
from reprise.errors import RepriseError


@contextmanager
def descriptors_left(count: int) -> Iterator[int]:
    """This process may open ``count`` more files; yields how many it may have in all."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = len(os.listdir("/proc/self/fd")) - 1 + count  # noqa: PTH208 -- the listing itself is one
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, before[1]))
    try:
        yield limit
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.ENOSPC, "is full: "),
        (errno.EDQUOT, "your quota on the disk"),
        (errno.EROFS, "is read-only"),
        (errno.EIO, "input/output error"),
    ],
)
def test_an_error_of_the_disk_names_it(tmp_path: Path, number: int, sentence: str) -> None:
    missing = tmp_path / "not" / "there"
    reason = disk.reason_of(OSError(number, os.strerror(number), str(missing)))
    assert sentence in reason and f"mounted at {disk.disk_of(tmp_path).mount}" in reason


def test_another_error_keeps_the_words_of_the_system(tmp_path: Path) -> None:
    error = OSError(errno.EACCES, os.strerror(errno.EACCES), str(tmp_path))
    assert disk.reason_of(error) == os.strerror(errno.EACCES)


def test_too_many_open_files_says_how_many_may_be_and_are_needed() -> None:
    with descriptors_left(20) as limit:
        reason = disk.reason_of(OSError(errno.EMFILE, os.strerror(errno.EMFILE)))
    assert str(limit) in reason and f"ulimit -n {disk.DESCRIPTORS}" in reason


def test_a_run_is_refused_before_it_is_begun_with_too_few_descriptors() -> None:
    with descriptors_left(20) as limit, pytest.raises(RepriseError, match=f"may have {limit} files") as few:
        disk.require_descriptors()
    assert few.value.hint and "ulimit -n" in few.value.hint
    with descriptors_left(60):
        disk.require_descriptors()
