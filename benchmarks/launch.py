"""What it costs to start a project: bare Python, reprise and MLflow, side by side in one run.

Every side runs the same train.py, which does nothing, in a git repository with an MLproject. The sides
take turns, so that a busy moment of the machine meets all of them. CPU is user + system time of the
process and of everything it started, also of what it left behind. A first round that fills caches is
not counted.

    python benchmarks/launch.py [--quick] [--save]
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from statistics import median

RESULTS = Path(__file__).resolve().parent / "results" / "launch.md"
BARE = "python train.py"
FILES = {
    "MLproject": "name: nothing\npython_env: python_env.yaml\nentry_points:\n"
    "  main:\n    parameters:\n      C: {type: float, default: 1.0}\n    command: python train.py {C}\n",
    "python_env.yaml": "dependencies: []\n",
    "train.py": "pass\n",
}
COMPLETION = {"_REPRISE_COMPLETE": "zsh_complete", "COMP_WORDS": "reprise ru", "COMP_CWORD": "1"}
# The goals of the project: CPU as a multiple of that of a bare start in the same run.
GOALS = {"reprise, local": 8, "reprise, virtualenv": 8, "reprise --help": 3, "completion of a verb": 3}
WARM_GOAL = 0.8
WARM_CALLS = """
import json, resource, subprocess, sys, time
from reprise import projects

def cpu():
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(used.ru_utime + used.ru_stime for used in both)

def measured(call):
    before, started = cpu(), time.perf_counter()
    call()
    return cpu() - before, time.perf_counter() - started

bare = lambda: subprocess.run(["python", "train.py", "1.0"], check=True)
ours = lambda: projects.run(".", env_manager="local")
ours()
pairs = [(measured(bare), measured(ours)) for _ in range(int(sys.argv[1]))]
print(json.dumps({
    "cpu": [o[0] - b[0] for b, o in pairs],
    "wall": [o[1] - b[1] for b, o in pairs],
    "bare": [b[0] for b, o in pairs],
}))
"""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the commands that are compared, with its measurements in seconds."""

    name: str
    argv: Sequence[str]
    environ: Mapping[str, str] = field(default_factory=dict)
    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, help="measurements of each side")
    parser.add_argument("--quick", action="store_true", help="a look: 3 rounds, 10 warm calls")
    parser.add_argument("--save", action="store_true", help=f"write {RESULTS.name} into results/")
    args = parser.parse_args()
    rounds = args.rounds or (3 if args.quick else 20)
    calls = 10 if args.quick else 100

    with project() as (folder, environ):
        sides = [side for side in all_sides() if shutil.which(side.argv[0], path=environ["PATH"])]
        for number in range(rounds + 1):
            for side in sides:
                cpu, wall = measure(side.argv, folder, {**environ, **side.environ})
                if number > 0:
                    side.cpu.append(cpu)
                    side.wall.append(wall)
        warm = subprocess.run(
            [sys.executable, "-c", WARM_CALLS, str(calls)],
            cwd=folder,
            env=environ,
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    text = report(sides, json.loads(warm.stdout.splitlines()[-1]), rounds, calls)
    print(text)
    if args.save:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(text)


def all_sides() -> list[Side]:
    return [
        Side(BARE, ["python", "train.py", "1.0"]),
        Side("reprise, local", ["reprise", "run", ".", "--env-manager=local"]),
        Side("reprise, virtualenv", ["reprise", "run", ".", "--env-manager=virtualenv"]),
        Side("reprise --help", ["reprise", "--help"]),
        Side("completion of a verb", ["reprise"], COMPLETION),
        Side("mlflow, local", ["mlflow", "run", ".", "--env-manager=local"]),
    ]


@contextmanager
def project() -> Iterator[tuple[Path, dict[str, str]]]:
    """A project in a git repository, and an environment with a home of its own."""
    with tempfile.TemporaryDirectory(prefix="reprise-bench-") as root:
        folder = Path(root) / "project"
        folder.mkdir()
        for name, text in FILES.items():
            (folder / name).write_text(text)
        environ = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "REPRISE_", "XDG_"))}
        environ.pop("PYTHONDONTWRITEBYTECODE", None)
        environ |= {
            "HOME": root,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "GIT_CONFIG_GLOBAL": os.devnull,
        }
        me = ["-c", "user.name=Bench", "-c", "user.email=bench@example.org"]
        for words in (["init", "-q"], ["add", "."], [*me, "commit", "-q", "-m", "Start"]):
            subprocess.run(["git", *words], cwd=folder, env=environ, check=True)
        adopt_orphans()
        yield folder, environ


def adopt_orphans() -> None:
    """Make what a side leaves behind ours, so that its time is counted too (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def measure(argv: Sequence[str], folder: Path, environ: Mapping[str, str]) -> tuple[float, float]:
    """Run ``argv`` to its end; CPU and wall time in seconds."""
    with tempfile.TemporaryFile() as output:
        started = time.perf_counter()
        process = subprocess.Popen(argv, cwd=folder, env=environ, stdout=output, stderr=output)
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            output.seek(0)
            raise SystemExit(
                f"{shlex.join(argv)} ended with {process.returncode}\n{output.read().decode()}"
            )
    cpu = used.ru_utime + used.ru_stime
    try:
        while True:
            _, _, used = os.wait4(-1, 0)
            cpu += used.ru_utime + used.ru_stime
    except ChildProcessError:
        return cpu, wall


def report(sides: Sequence[Side], warm: Mapping[str, Sequence[float]], rounds: int, calls: int) -> str:
    """The figures as Markdown, with the command that made them."""
    versions = ", ".join(
        f"{name} {version}" for name in ("reprise-ml", "mlflow") if (version := found(name))
    )
    is_shared = os.getloadavg()[0] > (os.cpu_count() or 1)
    busy = " Other work shared the machine, which makes all figures larger." if is_shared else ""
    lines = [
        "# Launch",
        "",
        f"Made by `python {shlex.join([Path(sys.argv[0]).as_posix(), *sys.argv[1:]])}`: "
        f"{rounds} rounds after one that is not counted, the sides taking turns.",
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, "
        f"Python {platform.python_version()}, {versions}.{busy}",
        "",
        "Milliseconds, as min / median / max. *starts* is the CPU as a multiple of a bare start's, by the",
        "least of each: what else runs on the machine only adds. *over* compares the medians.",
        "",
        "| side | CPU | starts | goal | CPU over | wall | wall over |",
        "|---|---|---|---|---|---|---|",
    ]
    bare = sides[0]
    starts = min(warm["cpu"]) / min(warm["bare"])
    lines += [row(side, bare) for side in sides]
    lines += [
        "",
        f"`projects.run()` in a warm process, {calls} calls, each compared with starting "
        f"`{BARE}` by `subprocess.run` just before it:",
        "",
        "| | over |",
        "|---|---|",
        f"| CPU, with that of git and all others it starts | {spread(warm['cpu'])} |",
        f"| the same in bare starts | {starts:.2f} (goal {WARM_GOAL}: {verdict(starts, WARM_GOAL)}) |",
        f"| wall | {spread(warm['wall'])} |",
    ]
    return "\n".join([*lines, *ratios(sides)]) + "\n"


def row(side: Side, bare: Side) -> str:
    starts = min(side.cpu) / min(bare.cpu)
    goal = GOALS.get(side.name)
    cells = [
        side.name,
        spread(side.cpu),
        f"{starts:.1f}",
        f"{goal}: {verdict(starts, goal)}" if goal else "",
        f"{over_of(side, bare, lambda one: one.cpu):.0f}",
        spread(side.wall),
        f"{over_of(side, bare, lambda one: one.wall):.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def ratios(sides: Sequence[Side]) -> list[str]:
    """How the launchers compare with each other, whoever wins."""
    names = {side.name: side for side in sides}
    ours, theirs = names.get("reprise, local"), names.get("mlflow, local")
    if ours is None or theirs is None:
        return []
    cpu, wall = median(theirs.cpu) / median(ours.cpu), median(theirs.wall) / median(ours.wall)
    return ["", f"mlflow, local / reprise, local: {cpu:.1f} times the CPU, {wall:.1f} times the wall time."]


def over_of(side: Side, bare: Side, of: Callable[[Side], Sequence[float]]) -> float:
    return (median(of(side)) - median(of(bare))) * 1000


def verdict(value: float, goal: float) -> str:
    return "reached" if value <= goal else "MISSED"


def spread(seconds: Sequence[float]) -> str:
    return " / ".join(f"{value * 1000:.1f}" for value in (min(seconds), median(seconds), max(seconds)))


def found(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "not installed"


if __name__ == "__main__":
    main()
