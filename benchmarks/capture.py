"""What it costs to capture a run of many files: in git, clean and dirty, and without git.

Each case is run in one warm process, after a first run that fills caches and the store. *before* is the
time from the open run to the start of its command: all that the user waits for. *beside* is the CPU time
that is spent while the command runs, *after* the time to complete the record when it has ended. *status*
is what git itself takes to tell whether the tree is clean, which is in no other column. *first* is the
first run: before its start, and how long it waits at its end for the commit to be packed, which happens
once for a commit and beside a command that takes longer than these, that do nothing.

    python benchmarks/capture.py [--files 10000] [--rounds 20] [--save]
"""

from __future__ import annotations

import argparse
import logging
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from reprise import projects
from reprise.runner.capture.recording import Recording
from reprise.runner.runs import executor, lifecycle
from reprise.runner.sources import provenance

RESULTS = Path(__file__).resolve().parent / "results" / "capture.md"
GOAL = 30  # milliseconds before the start, on a clean repository
COLUMNS = ("before", "beside", "after", "status", "waited")
SHOWN = COLUMNS[:4]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--save", action="store_true", help=f"write {RESULTS.name} into results/")
    args = parser.parse_args()
    logging.disable(logging.WARNING)
    for name in [name for name in os.environ if name.startswith(("MLFLOW_", "REPRISE_"))]:
        del os.environ[name]
    spent: dict[str, list[float]] = {name: [] for name in COLUMNS}
    observe(spent)
    rows = []
    with tempfile.TemporaryDirectory(prefix="reprise-bench-") as root:
        os.environ |= {
            "HOME": root,
            "REPRISE_CACHE_DIR": f"{root}/cache",
            "REPRISE_STATE_DIR": f"{root}/state",
        }
        os.chdir(root)
        for name, prepare in CASES.items():
            folder = Path(root) / "project"
            shutil.rmtree(folder, ignore_errors=True)
            write(folder, args.files)
            prepare(folder)
            first = measured(folder, spent)
            rounds = [measured(folder, spent) for _ in range(args.rounds)]
            rows.append(row(name, first, {key: [one[key] for one in rounds] for key in COLUMNS}))
    text = report(rows, args.files, args.rounds)
    print(text)
    if args.save:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(text)


def observe(spent: dict[str, list[float]]) -> None:
    """Take the time of the steps where the executor calls them."""

    def timed(owner: Any, name: str, column: str, clock: Callable[[], float]) -> None:
        step = getattr(owner, name)

        def measured_step(*args: Any, **options: Any) -> Any:
            started = clock()
            try:
                return step(*args, **options)
            finally:
                spent[column].append(clock() - started)

        setattr(owner, name, measured_step)

    timed(executor, "opening", "before", time.perf_counter)
    timed(Recording, "_complete_record", "beside", time.thread_time)
    timed(Recording, "ended", "waited", time.perf_counter)
    timed(lifecycle, "closing", "after", time.perf_counter)
    timed(provenance, "read_repository", "status", time.perf_counter)


def measured(folder: Path, spent: dict[str, list[float]]) -> dict[str, float]:
    """One run; its steps in seconds."""
    for times in spent.values():
        times.clear()
    projects.run(str(folder), env_manager="local")
    return {name: sum(times) for name, times in spent.items()}


def write(folder: Path, files: int) -> None:
    for number in range(files):
        path = folder / f"part{number // 100:03}" / f"module{number:05}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# {number}\n" + "x = 1\n" * (number % 200))
    (folder / "MLproject").write_text("entry_points: {main: {command: 'true'}}\n")


def commit(folder: Path) -> None:
    me = ["-c", "user.name=Bench", "-c", "user.email=bench@example.org", "-c", "gc.auto=0"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "Start"], ["status"]):
        subprocess.run(["git", *me, *words], cwd=folder, check=True, stdout=subprocess.DEVNULL)


def dirty(folder: Path) -> None:
    commit(folder)
    for path in sorted(folder.glob("part*/*"))[:20]:
        path.write_text("changed\n")
    for number in range(20):
        (folder / f"untracked{number}.py").write_text("new\n" * 50)


CASES: dict[str, Callable[[Path], None]] = {
    "git, clean": commit,
    "git, 20 changed and 20 untracked files": dirty,
    "no git": lambda folder: None,
}


def row(name: str, first: dict[str, float], times: dict[str, list[float]]) -> str:
    cells = [name, f"{first['before'] * 1000:.0f} + {first['waited'] * 1000:.0f}"]
    cells += [spread(times[column]) for column in SHOWN]
    if name == "git, clean":
        cells.append(f"{GOAL}: {'reached' if median(times['before']) * 1000 <= GOAL else 'MISSED'}")
    return f"| {' | '.join(cells)} |"


def report(rows: list[str], files: int, rounds: int) -> str:
    """The figures as Markdown, with the command that made them."""
    lines = [
        "# Capture",
        "",
        f"Made by `python {shlex.join([Path(sys.argv[0]).as_posix(), *sys.argv[1:]])}`: {files} files, "
        f"{rounds} rounds after a first one.",
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, "
        f"Python {platform.python_version()}.",
        "",
        "Milliseconds, as min / median / max. *before* is what the user waits for before the command",
        "starts; *beside* is CPU time while it runs, *after* completes the record. *first*: before the",
        "start of the first run, and at its end, when its commit is packed. *status* is git's own answer",
        "whether the tree is clean, before all of these.",
        "",
        "| project | first | before | beside | after | status | goal (before) |",
        "|---|---|---|---|---|---|---|",
        *rows,
    ]
    return "\n".join(lines) + "\n"


def spread(seconds: list[float]) -> str:
    return " / ".join(f"{value * 1000:.1f}" for value in (min(seconds), median(seconds), max(seconds)))


if __name__ == "__main__":
    main()
