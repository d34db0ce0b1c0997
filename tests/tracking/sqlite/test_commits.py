"""Writes that share a commit: none is lost, none is answered early, one that fails fails alone."""

from __future__ import annotations

import random
import select
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from reprise.errors import TrackingError, UsageError
from reprise.schemas.entities import Metric
from reprise.tracking.sqlite.commits import Commits
from reprise.tracking.sqlite.store import EmbeddedStore

WRITER = """
import sys
from pathlib import Path
from reprise.schemas.entities import Metric
from reprise.tracking.sqlite.store import EmbeddedStore

folder, run_id, writer, count = sys.argv[1:]
sys.stdin.readline()
with EmbeddedStore(Path(folder)) as store:
    for step in range(int(count)):
        point = Metric(f"m{writer}", step, step, step)
        store.log_batch(run_id, metrics=[point], tags={f"t{writer}": str(step)})
        print(step, flush=True)
"""
INTERRUPTED = """
import signal, sys, threading
from pathlib import Path
from reprise.schemas.entities import Metric
from reprise.tracking.sqlite.store import EmbeddedStore

answered = []
armed = False

def interrupt(*_):
    global armed
    if armed:
        armed = False
        raise KeyboardInterrupt

signal.signal(signal.SIGINT, interrupt)

def write(store, run_id, writer):
    for step in range(300):
        store.log_metric(run_id, Metric(f"m{writer}", step, step, step))
        answered.append(writer)

with EmbeddedStore(Path(sys.argv[1])) as store:
    run_id = store.create_run("0", start_time=1, user_id="ada").run_id
    threads = [threading.Thread(target=write, args=(store, run_id, writer)) for writer in range(4)]
    for thread in threads:
        thread.start()
    print("ready", flush=True)
    interrupted = 0
    while any(thread.is_alive() for thread in threads):
        try:
            armed = True
            store.set_tag(run_id, "t", "x")
            armed = False
        except KeyboardInterrupt:
            interrupted += 1
    stored = [len(store.metric_history(run_id, f"m{writer}")) for writer in range(4)]
    print(len(answered), stored, interrupted > 0)
"""


class Watched:
    """A table of one database, written through ``Commits``; ``ended`` holds how transactions ended."""

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.connection.execute("PRAGMA journal_mode=WAL")
        self.connection.execute("CREATE TABLE note (text TEXT)")
        self.ended: list[str] = []
        self.connection.set_trace_callback(self._trace)
        self.commits = Commits(
            lambda: self.connection, lambda connection: None, lambda begun: begun.execute("BEGIN IMMEDIATE")
        )
        self.first_is_in, self.go = threading.Event(), threading.Event()

    def _trace(self, statement: str) -> None:
        if statement in {"COMMIT", "ROLLBACK"}:
            self.ended.append(statement)

    def put(
        self, text: str, then: Callable[[sqlite3.Connection], object] = lambda connection: None
    ) -> None:
        with self.commits.write() as connection:
            connection.execute("INSERT INTO note VALUES (?)", (text,))
            then(connection)

    def together(self, *writes: Callable[[], None]) -> list[Future[None]]:
        """Perform the writes in threads that all wait for one write, ``first``, to come to its end."""

        def wait(connection: sqlite3.Connection) -> None:
            self.first_is_in.set()
            assert self.go.wait(30)

        with ThreadPoolExecutor(len(writes) + 1) as pool:
            first = pool.submit(self.put, "first", wait)
            assert self.first_is_in.wait(30)
            rest = [pool.submit(write) for write in writes]
            time.sleep(0.2)  # they come to the door
            self.go.set()
        return [first, *rest]

    def notes(self) -> set[str]:
        return {text for (text,) in self.connection.execute("SELECT text FROM note")}


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    table = Watched(tmp_path / "notes.db")
    with closing(table.connection):
        yield table


def test_writers_that_wait_share_a_commit(watched: Watched) -> None:
    texts = [f"note {number}" for number in range(12)]
    done = watched.together(*(partial(watched.put, text) for text in texts))
    assert [future.exception() for future in done] == [None] * 13
    assert watched.notes() == {"first", *texts}
    assert watched.ended.count("COMMIT") < 6


def test_a_writer_alone_is_committed_at_once(watched: Watched) -> None:
    watched.put("a")
    watched.put("b")
    assert watched.ended == ["COMMIT", "COMMIT"]


def test_one_that_fails_is_undone_alone(watched: Watched) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO note VALUES ('half')")
        raise ValueError("no")

    writes: list[Callable[[], None]] = []
    for number in range(5):
        writes += [partial(watched.put, f"good {number}"), partial(watched.put, f"bad {number}", fail)]
    done = watched.together(*writes)
    failures = [future.exception() for future in done]
    assert [type(failure) for failure in failures] == [type(None), *[type(None), ValueError] * 5]
    assert watched.notes() == {"first", *(f"good {number}" for number in range(5))}


def test_when_all_fail_nothing_is_left_open(watched: Watched) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        watched.put("a", fail)
    assert watched.notes() == set() and not watched.connection.in_transaction
    watched.put("b")
    assert watched.notes() == {"b"}


def test_who_shares_a_transaction_that_sqlite_gave_up_is_told(watched: Watched) -> None:
    def give_up(connection: sqlite3.Connection) -> None:
        connection.execute("ROLLBACK")  # what SQLite does when the disk is full
        raise sqlite3.OperationalError("database or disk is full")

    good, late = [f"good {number}" for number in range(4)], [f"late {number}" for number in range(4)]
    done = watched.together(
        *(partial(watched.put, text) for text in good),
        partial(watched.put, "bad", give_up),
        *(partial(watched.put, text) for text in late),
    )
    texts = ["first", *good, "bad", *late]
    answered = {text for text, future in zip(texts, done, strict=True) if future.exception() is None}
    assert watched.notes() == answered and "bad" not in answered


@pytest.mark.slow
def test_sixty_four_processes_write_at_once_and_some_are_killed(tmp_path: Path) -> None:
    folder, count, killed = tmp_path / "mlruns", 12, 8
    with EmbeddedStore(folder) as store:
        run_id = store.create_run("0", start_time=1, user_id="ada").run_id
        writers = [
            subprocess.Popen(
                [sys.executable, "-c", WRITER, str(folder), run_id, str(number), str(count)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for number in range(64)
        ]
        for writer in writers:
            assert writer.stdin is not None
            writer.stdin.write("go\n")
            writer.stdin.flush()
        answers = [0] * 64
        for number in range(killed):
            stdout = writers[number].stdout
            assert stdout is not None
            for _ in range(random.randrange(1, count)):
                answers[number] += bool(stdout.readline())
            writers[number].send_signal(signal.SIGKILL)
        for number, writer in enumerate(writers):
            answers[number] += len(writer.communicate(timeout=300)[0].splitlines())
        assert [writer.returncode for writer in writers[killed:]] == [0] * (64 - killed)
        assert answers[killed:] == [count] * (64 - killed)
        stored = [[point.step for point in store.metric_history(run_id, f"m{n}")] for n in range(64)]
        assert all(steps == list(range(len(steps))) for steps in stored)
        assert all(len(steps) >= answered for steps, answered in zip(stored, answers, strict=True))


@pytest.mark.slow
def test_an_interrupted_thread_takes_no_write_of_another_along(tmp_path: Path) -> None:
    """Ctrl-C reaches the main thread, maybe just when the others count on it to commit for them."""
    command = [sys.executable, "-c", INTERRUPTED, str(tmp_path / "mlruns")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writers:
        assert writers.stdout is not None and writers.stdout.readline() == "ready\n"
        while writers.poll() is None:
            time.sleep(0.003)
            said, _, _ = select.select([writers.stdout], [], [], 0)
            if said:
                break
            writers.send_signal(signal.SIGINT)
        assert writers.stdout.read() == "1200 [300, 300, 300, 300] True\n"


@pytest.mark.parametrize(("word", "level"), [("", 3), ("FULL", 3), ("normal", 1)])
def test_how_sure_a_commit_is_can_be_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str, level: int
) -> None:
    monkeypatch.setenv("REPRISE_SYNCHRONOUS", word)
    with EmbeddedStore(tmp_path / "mlruns") as store, store._database.reading() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (level,)


def test_another_word_for_it_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPRISE_SYNCHRONOUS", "off")
    with pytest.raises(UsageError, match="REPRISE_SYNCHRONOUS is 'off'; it can be full or normal"):
        EmbeddedStore(tmp_path / "mlruns").get_experiment("0")


def test_a_full_disk_is_told_and_the_store_goes_on(tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path / "mlruns") as store:
        run_id = store.create_run("0", start_time=1, user_id="ada").run_id
        with store._database.reading() as connection:
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count={pages}")
        with pytest.raises(TrackingError, match="full"):
            for step in range(10_000):
                store.log_batch(run_id, metrics=[Metric(f"m{step}", 1.0, i) for i in range(100)])
        with store._database.reading() as connection:
            connection.execute("PRAGMA max_page_count=1000000")
        store.set_tag(run_id, "after", "1")
        assert store.get_run(run_id).tags["after"] == "1"
