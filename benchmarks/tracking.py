"""What tracking costs: `reprise server` beside `mlflow server`, both on SQLite, over plain HTTP.

Each measurement is made on one side, then on the other, on fresh stores. The client is Python's own
http.client with a kept connection, on the same machine. Times are wall-clock.

    python benchmarks/tracking.py [--quick] [--save]

--quick takes less than a minute: without MLflow, with fewer requests, and no search beyond 10,000 runs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import shutil
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from launch import found
from tracking_servers import EXPERIMENT, MLFLOW, OURS, Client, Server, Side

RESULTS = Path(__file__).resolve().parent / "results" / "tracking.md"
PAGE, DEEP = 100, 90
POINTS = 100_000
HISTORY = f"history of {POINTS:,} points"
FILTERED = {"filter": "params.model = 'boost'", "order_by": ["metrics.acc DESC"]}
SEARCHES: Mapping[str, Mapping[str, Any]] = {
    "newest first": {},
    "sort by metric": {"order_by": ["metrics.acc DESC"]},
    "filter by param, sort by metric": FILTERED,
    "filter by metric, sort by metric": {"filter": "metrics.loss < 0.5", "order_by": ["metrics.acc ASC"]},
    "rare filter (1 %), sort by metric": {
        "filter": "metrics.loss < 0.01",
        "order_by": ["metrics.acc DESC"],
    },
    "two params and a tag, sort by metric": {
        "filter": "params.model = 'boost' AND params.depth = '7' AND tags.team = 'a'",
        "order_by": ["metrics.acc DESC"],
    },
    "sort by param": {"order_by": ["params.model ASC"]},
    "part of a text, sort by metric": {"filter": "params.lr LIKE '%99%'", "order_by": ["metrics.acc DESC"]},
}


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured; ``patience`` is the seconds that writers at once are given."""

    starts: int
    requests: int
    batches: int
    rounds: int
    searches: int
    patience: float
    runs: Sequence[int]


QUICK = Size(starts=1, requests=100, batches=5, rounds=3, searches=1, patience=4, runs=(10_000,))
FULL = Size(
    starts=5,
    requests=1000,
    batches=60,
    rounds=9,
    searches=2,
    patience=60,
    runs=(10_000, 100_000, 1_000_000),
)


@dataclass(slots=True)
class Row:
    """One figure of both sides; ``goal`` is for reprise, ``cpu`` the server's milliseconds per request."""

    what: str
    unit: str
    more_is_better: bool = False
    goal: float | None = None
    taken: dict[str, float] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a look, in less than a minute")
    parser.add_argument("--save", action="store_true", help=f"write {RESULTS.name} into results/")
    args = parser.parse_args()
    size = QUICK if args.quick else FULL
    installed = shutil.which("mlflow", path=Path(sys.executable).parent)
    sides = [OURS, *([MLFLOW] if installed and not args.quick else [])]
    rows: dict[str, Row] = {}
    with tempfile.TemporaryDirectory(prefix="reprise-bench-") as root:
        for side in sides:
            measure_writing(side, Path(root) / side.name, size, rows)
        for count in size.runs:
            for side in sides if count == min(size.runs) else [OURS]:
                measure_search(side, Path(root) / f"{side.name}-{count}", count, size, rows)
    text = report(list(rows.values()), [side.name for side in sides])
    print(text)
    if args.save:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(text)


def measure_writing(side: Side, folder: Path, size: Size, rows: dict[str, Row]) -> None:
    def note(what: str, unit: str, value: float, cpu: float = 0, **more: Any) -> None:
        tell(side, what, value, unit)
        row = rows.setdefault(what, Row(what, unit, **more))
        row.taken[side.name], row.cpu[side.name] = value, cpu * 1000

    with side.serving(folder):
        pass  # the store is made
    started = []
    for _ in range(size.starts):
        with side.serving(folder) as server:
            started.append(server.started)
            memory = server.memory
    note("cold start", "ms", median(started) * 1000, goal=300)
    note("memory after the start", "MiB", memory / 2**20, goal=60)
    with side.serving(folder) as server:
        client = server.client()
        experiment = client.post("experiments/create", {"name": "bench"})["experiment_id"]
        run_id = new_run(client, experiment)
        times, cpu = requests(server, lambda step: log_metric(client, run_id, step), size.requests)
        times.sort()
        note("log-metric, median", "ms", median(times) * 1000, cpu, goal=1)
        note("log-metric, 99 % below", "ms", times[int(len(times) * 0.99)] * 1000)
        times, cpu = requests(server, lambda number: log_batch(client, run_id, number, 1000), size.batches)
        rate = 1000 / median(times)
        note("log-batch of 1,000 metrics", "rows/s", rate, cpu, more_is_better=True, goal=50_000)
        for writers in (16, 64):
            rate, errors = at_once(server, experiment, writers, size)
            note(f"{writers} writers, batches of 100", "rows/s", rate, more_is_better=True)
            note(f"{writers} writers that failed", "", errors, goal=0)
        client = server.client()  # the first one's connection may have been closed meanwhile
        run_id = new_run(client, experiment)
        for number in range(POINTS // 1000):
            log_batch(client, run_id, number, 1000, keys=1)
        path = f"/api/2.0/mlflow/metrics/get-history?run_id={run_id}&metric_key=k0&max_results={POINTS}"
        times, cpu = requests(server, lambda _: client.get(path), 5)
        note(HISTORY, "ms", median(times) * 1000, cpu)
    if side is OURS:
        query = "SELECT timestamp, step, value FROM point WHERE series = (SELECT max(id) FROM series)"
        with closing(sqlite3.connect(folder / side.database)) as connection:
            seconds = median(each(lambda _: connection.execute(query).fetchall(), 5))
        note("the same points read from SQLite by Python", "ms", seconds * 1000)
        note("the history over these", "times", rows[HISTORY].taken[side.name] / seconds / 1000, goal=2)


def measure_search(side: Side, folder: Path, count: int, size: Size, rows: dict[str, Row]) -> None:
    goal = {10_000: 5, 100_000: 10, 1_000_000: 50}[count]
    rounds = size.rounds if side is OURS else size.searches
    with side.serving(folder) as server:
        server.client().post("experiments/create", {"name": "bench"})
    side.fill(folder, count)
    with side.serving(folder) as server:
        client = server.client()
        search(client, {})
        for name, asked in SEARCHES.items():
            row = Row(f"{name}, {count:,} runs", "ms", goal=goal if asked is FILTERED else None)
            rows.setdefault(row.what, row)
            times, cpu = requests(server, lambda _, asked=asked: search(client, asked), rounds)
            rows[row.what].taken[side.name], rows[row.what].cpu[side.name] = (
                median(times) * 1000,
                cpu * 1000,
            )
            tell(side, row.what, median(times) * 1000, row.unit)
        if side is OURS:
            row = Row(f"page {DEEP} of a sort by metric, {count:,} runs", "ms")
            rows[row.what] = row
            row.taken[side.name] = deep(client, DEEP) * 1000


def new_run(client: Client, experiment: str) -> str:
    run: str = client.post("runs/create", {"experiment_id": experiment})["run"]["info"]["run_id"]
    return run


def log_metric(client: Client, run_id: str, step: int) -> None:
    point = {"key": "m", "value": step * 0.1, "timestamp": step, "step": step}
    client.post("runs/log-metric", {"run_id": run_id, **point})


def log_batch(client: Client, run_id: str, number: int, size: int, keys: int = 10) -> None:
    first = number * size
    metrics = [
        {"key": f"k{step % keys}", "value": step * 0.1, "timestamp": step, "step": step}
        for step in range(first, first + size)
    ]
    client.post("runs/log-batch", {"run_id": run_id, "metrics": metrics})


def at_once(server: Server, experiment: str, writers: int, size: Size) -> tuple[float, int]:
    """Rows per second of all together, and how many writers failed or were not answered in time."""
    errors: list[Exception] = []
    written: list[int] = []
    runs = [new_run(server.client(), experiment) for _ in range(writers)]
    end = time.perf_counter() + size.patience

    def write(run_id: str) -> None:
        client = server.client(size.patience)
        try:
            for number in range(size.batches):
                log_batch(client, run_id, number, 100)
                written.append(100)
                if time.perf_counter() > end:
                    raise TimeoutError
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(run_id,)) for run_id in runs]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(written) / (time.perf_counter() - began), len(errors)


def search(client: Client, asked: Mapping[str, Any], token: str | None = None) -> bytes:
    body = {"experiment_ids": [str(EXPERIMENT)], "max_results": PAGE, **asked}
    return client.posted("runs/search", body if token is None else {**body, "page_token": token})


def deep(client: Client, page: int) -> float:
    """Seconds for the page with this number, of the sort by metric."""
    asked, token, taken = SEARCHES["sort by metric"], None, 0.0
    for _ in range(page):
        began = time.perf_counter()
        answer = search(client, asked, token)
        taken = time.perf_counter() - began
        token = json.loads(answer).get("next_page_token")
    return taken


def tell(side: Side, what: str, value: float, unit: str) -> None:
    print(f"{side.name}: {what}: {shown(value)} {unit}", file=sys.stderr, flush=True)


def requests(server: Server, call: Callable[[int], object], times: int) -> tuple[list[float], float]:
    """Seconds of each call, and the seconds of CPU that the server spent on one."""
    before = server.cpu()
    taken = each(call, times)
    return taken, (server.cpu() - before) / times


def each(call: Callable[[int], object], times: int) -> list[float]:
    """Seconds of each call."""
    taken = []
    for number in range(times):
        began = time.perf_counter()
        call(number)
        taken.append(time.perf_counter() - began)
    return taken


def report(rows: Sequence[Row], names: Sequence[str]) -> str:
    """The figures as Markdown, with the command that made them."""
    versions = ", ".join(f"{name} {found(name)}" for name in ("reprise-ml", "mlflow"))
    lines = [
        "# Tracking",
        "",
        f"Made by `python {shlex.join([Path(sys.argv[0]).as_posix(), *sys.argv[1:]])}`.",
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {versions}.",
        "",
        f"Medians. A search shows {PAGE} runs. *Times* is how many times better reprise is; below 1 it",
        "loses. In brackets: milliseconds of CPU that the server spent on one request.",
        "",
        f"| | unit | {' | '.join(names)} | times | goal |",
        f"|---|---|{'---|' * len(names)}---|---|",
    ]
    lines += [line(row, names) for row in rows if row.taken]
    lost = [row.what for row in rows if (times := ratio(row)) is not None and times < 1]
    missed = [row.what for row in rows if row.goal is not None and not reached(row)]
    lines += ["", f"Lost against MLflow: {', '.join(lost) or 'nothing'}."]
    lines += [f"Goals missed: {', '.join(missed) or 'none'}."]
    return "\n".join(lines) + "\n"


def line(row: Row, names: Sequence[str]) -> str:
    times = ratio(row)
    cells = [row.what, row.unit, *(cell(row, name) for name in names)]
    cells.append("" if times is None else f"{times:.1f}")
    judged = "" if row.goal is None else f"{row.goal:,g}: {'reached' if reached(row) else 'MISSED'}"
    return f"| {' | '.join([*cells, judged])} |"


def cell(row: Row, name: str) -> str:
    cpu = row.cpu.get(name)
    return f"{shown(row.taken.get(name))}{f' ({shown(cpu)})' if cpu else ''}"


def shown(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.2f}"


def ratio(row: Row) -> float | None:
    ours, theirs = row.taken.get(OURS.name), row.taken.get(MLFLOW.name)
    if not ours or not theirs:
        return None
    return ours / theirs if row.more_is_better else theirs / ours


def reached(row: Row) -> bool:
    assert row.goal is not None
    ours = row.taken[OURS.name]
    return ours >= row.goal if row.more_is_better else ours <= row.goal


if __name__ == "__main__":
    main()
