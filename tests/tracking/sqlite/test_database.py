"""Many threads, many processes, kill -9, and databases of other versions."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from pathlib import Path

import pytest

from reprise.errors import TrackingError
from reprise.schemas.entities import Metric
from reprise.tracking.sqlite import migrations
from reprise.tracking.sqlite.store import EmbeddedStore

WRITER = """
import sys
from pathlib import Path
from reprise.schemas.entities import Metric
from reprise.tracking.sqlite.store import EmbeddedStore

folder, run_id, writer, count = sys.argv[1:]
with EmbeddedStore(Path(folder)) as store:
    for step in range(int(count)):
        point = Metric(f"m{writer}", step, step, step)
        store.log_batch(run_id, metrics=[point], params={f"p{writer}.{step}": str(step)})
        print(step, flush=True)
"""
OPENER = """
import sys
from pathlib import Path
from reprise.tracking.sqlite.store import EmbeddedStore

sys.stdin.readline()
with EmbeddedStore(Path(sys.argv[1])) as store:
    print(store.create_run("0", start_time=1, user_id="ada").run_id)
"""


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_sixteen_processes_write_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    folder = tmp_path / "mlruns"
    with EmbeddedStore(folder) as store:
        run_id = store.create_run("0", start_time=1, user_id="ada").run_id
        writers = [start(WRITER, folder, run_id, writer, 50) for writer in range(16)]
        for writer in writers:
            writer.communicate(timeout=120)
        assert [writer.returncode for writer in writers] == [0] * 16
        run = store.get_run(run_id)
        assert run.params == {f"p{writer}.{step}": str(step) for writer in range(16) for step in range(50)}
        assert {key: metric.step for key, metric in run.metrics.items()} == {f"m{i}": 49 for i in range(16)}
        assert [point.step for point in store.metric_history(run_id, "m7")] == list(range(50))


def test_what_was_answered_outlives_kill_9(tmp_path: Path) -> None:
    folder = tmp_path / "mlruns"
    with EmbeddedStore(folder) as store:
        run_id = store.create_run("0", start_time=1, user_id="ada").run_id
    with start(WRITER, folder, run_id, "x", 1_000_000) as writer:
        assert writer.stdout is not None
        for answered in range(40):
            assert writer.stdout.readline() == f"{answered}\n"
        writer.send_signal(signal.SIGKILL)
    with EmbeddedStore(folder) as store:
        params = store.get_run(run_id).params
        history = store.metric_history(run_id, "mx")
        assert {f"px.{step}" for step in range(40)} <= params.keys()
        assert [point.step for point in history] == list(range(len(params)))
        store.log_param(run_id, "after", "1")


def test_processes_that_make_the_store_at_once_share_it(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "mlruns"
    openers = [start(OPENER, folder) for _ in range(6)]
    for opener in openers:
        assert opener.stdin is not None
        opener.stdin.write("go\n")
        opener.stdin.flush()
    made = {opener.communicate(timeout=60)[0].strip() for opener in openers}
    assert [opener.returncode for opener in openers] == [0] * 6
    with EmbeddedStore(folder) as store:
        assert {run.run_id for run in store.search_runs(["0"]).items} == made
    assert (folder / ".gitignore").read_text() == "*\n"
    assert not list(folder.glob("*.new*"))


def test_a_creation_that_was_killed_half_way_is_begun_again(tmp_path: Path) -> None:
    folder = tmp_path / "mlruns"
    folder.mkdir()
    (folder / "reprise.db.new").write_bytes(b"half a database")
    (folder / "reprise.db.new-wal").write_bytes(b"and its log")
    with EmbeddedStore(folder) as store:
        assert store.get_experiment("0").name == "Default"


def test_many_threads_share_one_store(tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path / "mlruns") as store:
        run_id = store.create_run("0", start_time=1, user_id="ada").run_id

        def work(thread: int) -> None:
            for step in range(25):
                store.log_metric(run_id, Metric(f"m{thread}", step, step, step))
                store.get_run(run_id)

        with ThreadPoolExecutor(12) as pool:
            list(pool.map(work, range(12)))
        assert all(len(store.metric_history(run_id, f"m{thread}")) == 25 for thread in range(12))


def test_a_newer_database_is_refused_with_a_sentence(tmp_path: Path) -> None:
    folder = tmp_path / "mlruns"
    with EmbeddedStore(folder) as store:
        store.get_experiment("0")
    with closing(sqlite3.connect(folder / "reprise.db")) as connection, connection:
        connection.execute("INSERT INTO migration (name) VALUES ('of_the_future')")
    with pytest.raises(TrackingError, match=r"newer version of reprise.*'of_the_future'") as refused:
        EmbeddedStore(folder).get_experiment("0")
    assert refused.value.hint and "upgrade" in refused.value.hint


def test_an_older_database_is_brought_up_to_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "mlruns"
    with EmbeddedStore(folder) as store:
        run_id = store.create_run("0", start_time=1, user_id="ada").run_id

    def notes(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE note (text TEXT)")

    def broken(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE half (text TEXT)")
        connection.execute("INSERT INTO nowhere VALUES (1)")

    def use(*steps: migrations.Migration) -> None:
        monkeypatch.setattr(migrations, "MIGRATIONS", steps)
        monkeypatch.setattr(migrations, "NAMES", tuple(step.__name__ for step in steps))

    released = migrations.MIGRATIONS
    use(*released, notes, broken)
    with pytest.raises(TrackingError, match="lacks what this version of reprise expects"):
        EmbeddedStore(folder).get_experiment("0")
    use(*released, notes)
    with EmbeddedStore(folder) as store:
        assert store.get_run(run_id).run_id == run_id
    with closing(sqlite3.connect(folder / "reprise.db")) as connection:
        assert list(migrations.applied(connection)) == [*(step.__name__ for step in released), "notes"]
        assert connection.execute("SELECT name FROM sqlite_master WHERE name = 'half'").fetchone() is None


RELEASED = sorted((Path(__file__).parent / "released").glob("*.sql"))


@pytest.mark.parametrize("dump", RELEASED, ids=lambda dump: dump.stem)
def test_a_database_of_a_release_is_searched_and_written_like_a_new_one(tmp_path: Path, dump: Path) -> None:
    """Each dump holds five runs r0..r4 in the experiment ``old``, the last of them deleted."""
    folder = tmp_path / "mlruns"
    folder.mkdir()
    with closing(sqlite3.connect(folder / "reprise.db")) as connection, connection:
        connection.executescript(dump.read_text())
        released = list(migrations.applied(connection))
    assert released == list(migrations.NAMES[: len(released)]) != list(migrations.NAMES)

    def found(filter: str = "", *order_by: str) -> str:
        page = store.search_runs([old], filter=filter, order_by=order_by)
        return "".join(run.run_name.removeprefix("r") for run in page.items)

    with EmbeddedStore(folder) as store:
        experiment = store.get_experiment_by_name("old")
        assert experiment is not None
        old = experiment.experiment_id
        assert found("", "metrics.acc DESC") == "2301"
        assert found("metrics.acc > 0", "params.depth", "metrics.acc") == "032"
        assert found("tags.team = 'a'", "end_time") == "20"
        assert found(f"tags.note LIKE '{'n' * 120}%'", "status", "start_time ASC") == "1302"
        run = store.search_runs([old], filter="run_name = 'r3'").items[0]
        assert [point.value for point in store.metric_history(run.run_id, "acc")] == [0.9, 0.75]
        store.log_batch(
            run.run_id, metrics=[Metric("acc", -9, 3, 3)], params={"new": "1"}, tags={"team": "c"}
        )
        assert found("metrics.acc < 0") == found("params.new = '1'") == found("tags.team = 'c'") == "3"
        assert found("", "metrics.acc DESC") == "2031"


@pytest.mark.parametrize(
    "content", [b"not a database at all, just text" * 40, b"SQLite format 3\0" + b"\xff" * 200]
)
def test_a_file_that_is_no_database_is_told_by_its_path(tmp_path: Path, content: bytes) -> None:
    folder = tmp_path / "mlruns"
    folder.mkdir()
    (folder / "reprise.db").write_bytes(content)
    with pytest.raises(TrackingError, match=r"reprise\.db is not a database"):
        EmbeddedStore(folder).get_experiment("0")


def test_a_database_of_something_else_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "mlruns"
    folder.mkdir()
    with closing(sqlite3.connect(folder / "reprise.db")) as connection, connection:
        connection.execute("CREATE TABLE run (mine TEXT)")
    with pytest.raises(TrackingError, match=r"reprise\.db: not a database of reprise"):
        EmbeddedStore(folder).get_experiment("0")
    with closing(sqlite3.connect(folder / "reprise.db")) as connection:
        names = {
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        }
    assert names == {"run"}


@pytest.mark.parametrize("again", [False, True])
def test_a_store_that_was_removed_or_replaced_takes_nothing_that_would_be_lost(
    tmp_path: Path, again: bool
) -> None:
    with EmbeddedStore(tmp_path / "mlruns") as store:
        store.create_experiment("first")
        (tmp_path / "mlruns").rename(tmp_path / "elsewhere")
        if again:
            with EmbeddedStore(tmp_path / "mlruns") as other:
                other.create_experiment("in the other one")
        for verb in (lambda: store.create_experiment("lost"), store.search_experiments):
            with pytest.raises(TrackingError, match="was removed or replaced while it was in use"):
                verb()


def test_who_waits_for_another_process_can_be_told_to_stop(tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path / "mlruns") as store, ThreadPoolExecutor(8) as threads:
        store.create_experiment("first")
        with closing(sqlite3.connect(tmp_path / "mlruns" / "reprise.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            waiting = [threads.submit(store.create_experiment, f"{number}") for number in range(8)]
            assert not wait(waiting, 0.5).done
            store.stop_waiting()
            for one in waiting:
                with pytest.raises(TrackingError) as told:
                    one.result(60)
                assert told.value.code == "TEMPORARILY_UNAVAILABLE"
