"""What it costs to perform a run again: the time of `reprise reproduce` minus that of the run itself.

The project is a git repository of many files with uncommitted changes; its script works for a second and
logs a metric series and an artifact. "cold": the cache is removed before each round, so that the repository
is mirrored and checked out anew. The time of the run itself is that of its job, as its record tells.

    python benchmarks/reproduce.py [--quick] [--save]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

RESULTS = Path(__file__).resolve().parent / "results" / "reproduce.md"
GOAL = 2.0  # seconds, without making the environment
FILES = 1000
TRAIN = """\
import json, os, time, urllib.request

store = os.environ["MLFLOW_TRACKING_URI"] + "/api/2.0/"
run = os.environ["MLFLOW_RUN_ID"]

def call(method, path, data):
    headers = {"Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"]}
    headers["Content-Type"] = "application/json"
    urllib.request.urlopen(urllib.request.Request(store + path, data, headers, method=method)).close()

points = [{"key": "loss", "value": 1 / (n + 1), "timestamp": n, "step": n} for n in range(500)]
call("POST", "mlflow/runs/log-batch", json.dumps({"run_id": run, "metrics": points}).encode())
call("PUT", f"mlflow-artifacts/artifacts/0/{run}/artifacts/model.bin", bytes(1_000_000))
time.sleep(1)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, help="measurements of each case")
    parser.add_argument("--quick", action="store_true", help="a look: 3 rounds")
    parser.add_argument("--save", action="store_true", help=f"write {RESULTS.name} into results/")
    args = parser.parse_args()
    rounds = args.rounds or (3 if args.quick else 10)
    with project() as (folder, environ):
        rows = [
            (f"{manager}, {'cold' if cold else 'warm'}", measured(folder, environ, manager, cold, rounds))
            for manager in ("local", "virtualenv")
            for cold in (False, True)
        ]
    text = report(rows, rounds)
    print(text)
    if args.save:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(text)


class Over(NamedTuple):
    """Seconds beyond those of the job: on the clock, and of CPU by all processes together."""

    wall: float
    cpu: float


def measured(folder: Path, environ: dict[str, str], manager: str, cold: bool, rounds: int) -> list[Over]:
    original = reprise(folder, environ, "run", ".", f"--env-manager={manager}", "--json")["run_id"]
    found = []
    for number in range(rounds + 1):
        if cold:
            shutil.rmtree(environ["REPRISE_CACHE_DIR"], ignore_errors=True)
        started, before = time.perf_counter(), children_cpu()
        again = reprise(folder, environ, "reproduce", original, "--json")
        took, used = time.perf_counter() - started, children_cpu() - before
        if again["verdict"]["verdict"] != "identical":
            raise SystemExit(f"not reproduced: {again['verdict']}")
        if number > 0:
            job = usage(folder, again["run_id"])
            found.append(Over(took - job["wall_seconds"], used - job["cpu_seconds"]))
    return found


def children_cpu() -> float:
    found = resource.getrusage(resource.RUSAGE_CHILDREN)
    return found.ru_utime + found.ru_stime


def reprise(folder: Path, environ: dict[str, str], *args: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "reprise", "--quiet", *args],
        cwd=folder,
        env=environ,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def usage(folder: Path, run_id: str) -> dict[str, float]:
    """What the job of a run took, as its record tells."""
    (record,) = (folder / "mlruns").glob(f"artifacts/**/{run_id}/artifacts/reprise/run.json")
    found: dict[str, float] = json.loads(record.read_text())["usage"]
    return found


@contextmanager
def project() -> Iterator[tuple[Path, dict[str, str]]]:
    with tempfile.TemporaryDirectory(prefix="reprise-bench-") as root:
        folder = Path(root) / "project"
        folder.mkdir()
        (folder / "MLproject").write_text("entry_points:\n  main:\n    command: python train.py\n")
        (folder / "train.py").write_text("pass\n")
        for number in range(FILES):
            (folder / f"data{number // 100}").mkdir(exist_ok=True)
            (folder / f"data{number // 100}" / f"{number}.txt").write_text(f"{number}\n" * 100)
        kept = {
            key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "REPRISE_"))
        }
        environ = kept | {
            "HOME": root,
            "REPRISE_CACHE_DIR": f"{root}/cache",
            "REPRISE_STATE_DIR": f"{root}/state",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "GIT_CONFIG_GLOBAL": os.devnull,
        }
        (folder / ".gitignore").write_text("mlruns\n")
        me = ["-c", "user.name=Bench", "-c", "user.email=bench@example.org"]
        for words in (["init", "-q"], ["add", "."], [*me, "commit", "-q", "-m", "Start"]):
            subprocess.run(["git", *words], cwd=folder, env=environ, check=True)
        (folder / "train.py").write_text(TRAIN)
        (folder / "untracked.txt").write_text("new\n")
        yield folder, environ


def report(rows: list[tuple[str, list[Over]]], rounds: int) -> str:
    lines = [
        "# What it costs to perform a run again",
        "",
        f"`python benchmarks/reproduce.py --rounds {rounds}`, {platform.platform()}, "
        f"Python {platform.python_version()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, "
        f"{time.strftime('%Y-%m-%d')}. On a busy machine the CPU time tells more than the clock.",
        "",
        "Time of `reprise reproduce` minus that of the job itself, in s (minimum / median / maximum); "
        f"a repository of {FILES} files with uncommitted changes, 500 metric points, 1 MB of artifacts. "
        "Restoring the source, comparing and writing the verdict are in it; with virtualenv, cold, making "
        "the environment as well.",
        "",
        f"| environment, cache | wall | CPU | goal {GOAL:g} s of wall plus environment |",
        "|---|---|---|---|",
    ]
    for name, overs in rows:
        wall, cpu = [over.wall for over in overs], [over.cpu for over in overs]
        judged = "reached" if median(wall) <= GOAL else "MISSED"
        lines.append(f"| {name} | {spread(wall)} | {spread(cpu)} | {judged} |")
    return "\n".join(lines) + "\n"


def spread(seconds: list[float]) -> str:
    return " / ".join(f"{value:.2f}" for value in (min(seconds), median(seconds), max(seconds)))


if __name__ == "__main__":
    main()
