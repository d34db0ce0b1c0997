"""How one store bears load: writers at once, many runs and points, large files, much output.

    python benchmarks/load.py [--quick] [--save]

--quick: fewer of everything, in about a minute.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from statistics import quantiles
from typing import NamedTuple

import psutil
from launch import found

from reprise.schemas.entities import Metric
from reprise.tracking.sqlite.store import EmbeddedStore

RESULTS = Path(__file__).resolve().parent / "results" / "load.md"
REPRISE = Path(sys.executable).with_name("reprise")
PROJECT = "entry_points: {main: {command: 'true'}}\n"
PRINTER = "entry_points: {{main: {{command: 'timeout {seconds} yes {line} || true'}}}}\n"


class Figure(NamedTuple):
    """What was measured, as a row of the report."""

    what: str
    value: str
    bound: str = ""


class Size(NamedTuple):
    """How much is tried."""

    processes: int
    seconds: float
    runs: int
    points: int
    file_mb: int


FULL = Size(processes=64, seconds=30, runs=100_000, points=10_000_000, file_mb=2048)
QUICK = Size(processes=16, seconds=5, runs=5_000, points=200_000, file_mb=128)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--save", action="store_true", help=f"write {RESULTS.name}")
    given = parser.parse_args()
    size = QUICK if given.quick else FULL
    figures: list[Figure] = []
    for measure in (write_at_once, start_runs, fill_with_runs, fill_with_points, store_file, print_much):
        with tempfile.TemporaryDirectory(prefix="load-") as folder:
            for figure in measure(Path(folder), size):
                print("  ".join(figure), flush=True)
                figures.append(figure)
    text = report(figures, "--quick " if given.quick else "")
    if given.save:
        RESULTS.write_text(text)


def write_at_once(folder: Path, size: Size) -> Iterator[Figure]:
    """How long each of many processes waits for its write, which lasts as long as its commit."""
    with EmbeddedStore(folder / "s") as store:
        store.get_experiment("0")
    answers: multiprocessing.Queue[list[float]] = multiprocessing.Queue()
    writers = [
        multiprocessing.Process(target=write_for, args=(folder / "s", size.seconds, answers), daemon=True)
        for _ in range(size.processes)
    ]
    for writer in writers:
        writer.start()
    each = [answers.get(timeout=size.seconds + 120) for _ in writers]
    waits = [wait for some in each for wait in some]
    what = f"{size.processes} processes that write without pause"
    yield Figure(f"{what}: writes a second", f"{len(waits) / size.seconds:,.0f}")
    yield Figure(f"{what}: 99 of 100 take less than", f"{quantiles(waits, n=100)[98]:.2f} s")
    yield Figure(f"{what}: the longest took", f"{max(waits):.2f} s", "5 s")
    yield Figure(f"{what}: fewest and most of one", f"{min(map(len, each))} and {max(map(len, each))}")


def write_for(folder: Path, seconds: float, answers: Queue[list[float]]) -> None:
    waits = []
    with EmbeddedStore(folder) as store:
        run_id = store.create_run("0", start_time=1, user_id="load").run_id
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            began = time.monotonic()
            store.log_param(run_id, f"p{len(waits)}", "x")
            waits.append(time.monotonic() - began)
    answers.put(waits)


def start_runs(folder: Path, size: Size) -> Iterator[Figure]:
    """Many `reprise run` at once in one store."""
    (folder / "MLproject").write_text(PROJECT)
    command = [REPRISE, "-q", "run", folder, "--env-manager=local", "--tracking-uri", folder / "s"]
    began = time.monotonic()
    runs = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(size.processes)]
    failed = sum(run.wait() != 0 for run in runs)
    yield Figure(
        f"{size.processes} `reprise run` at once: all ended in", f"{time.monotonic() - began:.0f} s"
    )
    yield Figure(f"{size.processes} `reprise run` at once: failed", str(failed), "0")


def fill_with_runs(folder: Path, size: Size) -> Iterator[Figure]:
    with EmbeddedStore(folder) as store:
        store.get_experiment("0")
        with sqlite3.connect(folder / "reprise.db") as database:
            database.execute("PRAGMA foreign_keys=ON")
            ids = [f"{number:032x}" for number in range(size.runs)]
            database.executemany(
                "INSERT INTO run (run_id, experiment, name, user_id, status, start_time, artifact_uri,"
                " lifecycle_stage) VALUES (?, 0, ?, 'load', 'FINISHED', ?, ?, 'active')",
                ((one, f"run-{n}", n, f"mlflow-artifacts:/0/{one}/artifacts") for n, one in enumerate(ids)),
            )
            database.execute("INSERT INTO run_param SELECT id, 'depth', id % 20 || '' FROM run")
            database.execute(
                "INSERT INTO series (run, key, value, timestamp, step)"
                " SELECT id, 'loss', (id * 7919 % 100000) / 1e5, 1, 1 FROM run"
            )
        database.close()
        searches: dict[str, Callable[[], object]] = {
            "newest": lambda: store.search_runs(["0"], max_results=100),
            "by metric": lambda: store.search_runs(["0"], order_by=["metrics.loss DESC"], max_results=100),
            "by param": lambda: store.search_runs(["0"], filter="params.depth = '7'", max_results=100),
            "one run": lambda: store.get_run(ids[size.runs // 2]),
        }
        for name, search in searches.items():
            yield Figure(f"{size.runs:,} runs: {name}", f"{median_of(search):.1f} ms")


def fill_with_points(folder: Path, size: Size) -> Iterator[Figure]:
    with EmbeddedStore(folder) as store:
        run_id = store.create_run("0", start_time=1, user_id="load").run_id
        began = time.monotonic()
        for start in range(0, size.points, 10_000):
            batch = [Metric("loss", step / 3, step, step) for step in range(start, start + 10_000)]
            store.log_batch(run_id, metrics=batch)
        taken = time.monotonic() - began
        yield Figure(
            f"{size.points:,} points of one metric: logged a second", f"{size.points / taken:,.0f}"
        )
        yield Figure(
            f"{size.points:,} points: the run itself", f"{median_of(lambda: store.get_run(run_id)):.1f} ms"
        )
    wal = folder / "reprise.db-wal"
    yield Figure("write-ahead log after that", f"{wal.stat().st_size if wal.exists() else 0:,} bytes")


def store_file(folder: Path, size: Size) -> Iterator[Figure]:
    """A large file goes to a server and comes back."""
    (folder / "large").write_bytes(b"")
    os.truncate(folder / "large", size.file_mb << 20)
    with EmbeddedStore(folder / "s") as store:
        run_id = store.create_run("0", start_time=1, user_id="load").run_id
    with served(folder / "s") as (uri, process):
        for command in (
            ["artifacts", "put", run_id, folder / "large"],
            ["artifacts", "get", run_id, "large", "-o", folder / "back"],
        ):
            began = time.monotonic()
            subprocess.run(
                [REPRISE, "-q", *command, "--tracking-uri", uri], check=True, stdout=subprocess.PIPE
            )
            yield Figure(f"{size.file_mb} MiB, {command[1]}", f"{time.monotonic() - began:.0f} s")
        peak = next(
            line for line in Path(f"/proc/{process.pid}/status").read_text().splitlines() if "VmHWM" in line
        )
        yield Figure(
            f"{size.file_mb} MiB: most memory of the server", f"{int(peak.split()[1]) / 1e3:.0f} MB"
        )
    client = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3
    yield Figure(f"{size.file_mb} MiB: most memory of a process that was started", f"{client:.0f} MB")


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    command = [REPRISE, "server", "--store", folder, "-p", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            yield process.stderr.readline().split()[-1], psutil.Process(process.pid)
        finally:
            process.terminate()


def print_much(folder: Path, size: Size) -> Iterator[Figure]:
    """A script prints as fast as it can; what it printed is kept whole."""
    (folder / "MLproject").write_text(PRINTER.format(seconds=size.seconds, line="x" * 200))
    command = [REPRISE, "-q", "run", folder, "--env-manager=local", "--tracking-uri", folder / "s"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as run:
        most = 0
        while run.poll() is None:
            time.sleep(0.2)
            try:
                most = max(most, psutil.Process(run.pid).memory_info().rss)
            except psutil.NoSuchProcess:
                break
    (log,) = folder.glob("s/artifacts/0/*/artifacts/reprise/output.log")
    rate = log.stat().st_size / size.seconds / 1e6
    yield Figure(f"output for {size.seconds:g} s: kept a second", f"{rate:.0f} MB")
    yield Figure(f"output for {size.seconds:g} s: most memory of `reprise run`", f"{most / 1e6:.0f} MB")


def median_of(work: Callable[[], object], times: int = 9) -> float:
    """Milliseconds."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return sorted(taken)[times // 2] * 1000


def report(figures: list[Figure], options: str) -> str:
    lines = [
        "# Load",
        "",
        f"Made by `python benchmarks/load.py {options}--save`.",
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
        f"reprise-ml {found('reprise-ml')}.",
        "",
        "| | measured | bound |",
        "|---|---|---|",
        *(f"| {' | '.join(figure)} |" for figure in figures),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
