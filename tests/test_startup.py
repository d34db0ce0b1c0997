"""Nothing that a program of ours inherits makes it lie: closed descriptors, an ignored SIGCHLD."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys

import pytest

from reprise.startup import occupy_standard_descriptors

COMBINATIONS = [closed for count in range(4) for closed in itertools.combinations(range(3), count)]
REPORT = """
import os, signal, sys
from reprise.startup import prepare_process
prepare_process()
second = os.open("/", os.O_RDONLY)
print("lost")
print("lost too", file=sys.stderr)
sys.stdin.read()
os.write(int(sys.argv[1]), repr((second > 2, signal.getsignal(signal.SIGCHLD) is signal.SIG_DFL)).encode())
"""


@pytest.mark.parametrize("closed", COMBINATIONS, ids=str)
def test_closed_descriptors_are_open_and_streams_work(closed: tuple[int, ...]) -> None:
    def prepare() -> None:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        for descriptor in closed:
            os.close(descriptor)

    ours, theirs = os.pipe()
    subprocess.run(
        [sys.executable, "-c", REPORT, str(theirs)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        pass_fds=[theirs],
        preexec_fn=prepare,
        check=True,
    )
    os.close(theirs)
    with os.fdopen(ours) as answer:
        assert answer.read() == "(True, True)"


def test_open_descriptors_stay_what_they_are() -> None:
    before = [os.fstat(descriptor) for descriptor in range(3)]
    assert occupy_standard_descriptors() == []
    assert [os.fstat(descriptor) for descriptor in range(3)] == before
