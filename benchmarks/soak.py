"""What becomes of `reprise server` under constant load: memory, descriptors, logs, latencies.

Clients create runs, log batches, upload and download files, search, read histories, and delete, without
pause. The slopes are those of the second half, by least squares: what is bounded has none.

    python benchmarks/soak.py [--minutes 30] [--clients 8] [--save]
"""

from __future__ import annotations

import argparse
import http.client
import os
import platform
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import linear_regression, quantiles
from typing import NamedTuple

import psutil
from launch import found
from tracking_servers import OURS, Client, Server

RESULTS = Path(__file__).resolve().parent / "results" / "soak.md"
PAUSE = 15.0  # seconds between two samples
FILE = os.urandom(300_000)
ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts/0"


class Sample(NamedTuple):
    """The server at one time; latencies are those of the interval before."""

    minutes: float
    rss_mb: float
    descriptors: int
    wal_mb: float
    log_kb: float
    requests: int
    median_ms: float
    slow_ms: float  # 99 of 100 are faster


@dataclass
class Counts:
    """What the clients have met; ``latencies`` are those since the last sample, in seconds."""

    latencies: list[float]
    errors: list[str]
    done: int = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--save", action="store_true", help=f"write {RESULTS.name}")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder, OURS.serving(Path(folder) / "s") as server:
        samples, counts = soak(server, Path(folder) / "s", given.minutes, given.clients)
    text = report(samples, counts, given.minutes, given.clients)
    print(text)
    if given.save:
        RESULTS.write_text(text)
    if counts.errors:
        raise SystemExit(f"{len(counts.errors)} requests failed; the first: {counts.errors[0]}")


def soak(server: Server, store: Path, minutes: float, clients: int) -> tuple[list[Sample], Counts]:
    """The samples of a server that ``clients`` ask for ``minutes``."""
    counts, stop = Counts([], []), threading.Event()
    threads = [
        threading.Thread(target=ask, args=(server, counts, stop), daemon=True) for _ in range(clients)
    ]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    samples: list[Sample] = []
    while time.monotonic() - began < minutes * 60:
        time.sleep(PAUSE)
        samples.append(take_sample(server.pid, store, counts, (time.monotonic() - began) / 60))
        print("  ".join(f"{value:,.1f}" for value in samples[-1]), flush=True)
    stop.set()
    for thread in threads:
        thread.join()
    return samples, counts


def ask(server: Server, counts: Counts, stop: threading.Event) -> None:
    """One client: the life of one run after the other."""
    client = server.client()
    files = http.client.HTTPConnection("127.0.0.1", server.port, timeout=600)

    def timed(work: Callable[[], object]) -> None:
        began = time.perf_counter()
        work()
        counts.latencies.append(time.perf_counter() - began)
        counts.done += 1

    while not stop.is_set():
        try:
            live_a_run(client, files, timed)
        except (OSError, RuntimeError, http.client.HTTPException) as error:
            counts.errors.append(repr(error))
            client = server.client()
            files = http.client.HTTPConnection("127.0.0.1", server.port, timeout=600)


def live_a_run(
    client: Client, files: http.client.HTTPConnection, timed: Callable[[Callable[[], object]], None]
) -> None:
    body = {"experiment_id": "0", "start_time": int(time.time() * 1000), "tags": []}
    run_id = client.post("runs/create", body)["run"]["info"]["run_id"]
    for batch in range(20):
        points = [
            {"key": f"m{number % 10}", "value": number, "timestamp": batch, "step": batch * 100 + number}
            for number in range(100)
        ]
        timed(lambda points=points: client.posted("runs/log-batch", {"run_id": run_id, "metrics": points}))
    place = f"{ARTIFACTS}/{run_id}/artifacts/file"
    timed(lambda: exchange(files, "PUT", place, FILE))
    timed(lambda: exchange(files, "GET", place))
    search = {"experiment_ids": ["0"], "max_results": 50, "order_by": ["metrics.m1 DESC"]}
    timed(lambda: client.posted("runs/search", search))
    timed(lambda: client.get(f"/api/2.0/mlflow/metrics/get-history?run_id={run_id}&metric_key=m1"))
    timed(lambda: client.get(f"/runs/{run_id}"))
    timed(lambda: client.posted("runs/update", {"run_id": run_id, "status": "FINISHED", "end_time": 1}))
    timed(lambda: client.posted("runs/delete", {"run_id": run_id}))


def exchange(files: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None) -> None:
    files.request(method, path, body)
    response = files.getresponse()
    content = response.read()
    if response.status != 200:
        raise RuntimeError(f"{method} {path}: {response.status} {content[:200]!r}")


def take_sample(pid: int, store: Path, counts: Counts, minutes: float) -> Sample:
    latencies, counts.latencies = counts.latencies, []
    process = psutil.Process(pid)
    wal = store / "reprise.db-wal"
    cuts = quantiles(latencies, n=100) if len(latencies) > 1 else [0.0] * 99
    return Sample(
        minutes,
        process.memory_info().rss / 1e6,
        process.num_fds(),
        wal.stat().st_size / 1e6 if wal.exists() else 0.0,
        (store / "server.log").stat().st_size / 1e3,
        counts.done,
        cuts[49] * 1000,
        cuts[98] * 1000,
    )


def report(samples: Sequence[Sample], counts: Counts, minutes: float, clients: int) -> str:
    half = samples[len(samples) // 2 :]  # of a soak of a minute at least: two
    lines = [
        "# Soak",
        "",
        f"Made by `python benchmarks/soak.py --minutes {minutes:g} --clients {clients} --save`.",
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
        f"reprise-ml {found('reprise-ml')}.",
        "",
        f"{counts.done:,} requests by {clients} clients in {samples[-1].minutes:.0f} minutes, "
        f"{len(counts.errors)} of them failed.",
        "",
        "| | first | middle | last | most | slope of the second half, a minute |",
        "|---|---|---|---|---|---|",
    ]
    for name in Sample._fields[1:]:
        if name == "requests":
            continue
        values = [getattr(sample, name) for sample in samples]
        slope = linear_regression([one.minutes for one in half], [getattr(one, name) for one in half]).slope
        shown = (values[0], half[0]._asdict()[name], values[-1], max(values))
        lines.append(
            f"| {name.replace('_', ' ')} | {' | '.join(f'{v:,.1f}' for v in shown)} | {slope:+.2f} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
