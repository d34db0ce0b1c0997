"""What an environment costs: uv, pip, reprise and MLflow make the same one, side by side in one run.

The environment holds scikit-learn and pandas. Each side makes it three times: *cold* (no package was ever
downloaded), *cached* (packages are in the tool's cache, the environment is not), *warm* (it is there). Then
it is used twice to import both packages, since uv leaves compiling to the first import. The time is that of
the whole command, so for the launchers it holds the launch as well; "alone" is without it. The sides
take turns within each state. Python may write compiled files, as it may where users work.

    python benchmarks/envs.py [--quick] [--save]

--quick leaves out pip and MLflow, which take minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from launch import found

RESULTS = Path(__file__).resolve().parent / "results" / "envs.md"
PACKAGES = ("scikit-learn", "pandas")
IMPORTS = "import sklearn.linear_model, pandas"
FILES = {
    "MLproject": "name: envs\npython_env: python_env.yaml\nentry_points:\n"
    f"  main:\n    command: python -c pass\n  load:\n    command: python -c '{IMPORTS}'\n",
    "python_env.yaml": f"python: '{platform.python_version()}'\ndependencies: {json.dumps(PACKAGES)}\n",
    "requirements.txt": "".join(f"{package}\n" for package in PACKAGES),
}
STATES = ("cold", "cached", "warm")
COLUMNS = (*STATES, "first import", "second import")
WARM_LOOKUPS = """
import json, sys, time
from pathlib import Path
from reprise.envs.cache import store; from reprise.envs.virtualenv import manager as virtualenv
from reprise.schemas.environment import Policy
from reprise.schemas.loader import load_project

spec, log = load_project(Path.cwd()).environment, Path("env.log")
store.ensure_environment(virtualenv, spec, Policy(), log)
taken = []
for _ in range(int(sys.argv[1])):
    started = time.perf_counter()
    store.ensure_environment(virtualenv, spec, Policy(), log)
    taken.append(time.perf_counter() - started)
print(json.dumps(taken))
"""
GOALS = {"cold": "5 % over uv", "cached": "100 ms over uv", "lookup": "3 ms"}


@dataclass(frozen=True, slots=True)
class Side:
    """One tool: the commands that make the environment and load packages in it, and where it keeps what."""

    name: str
    make: Sequence[Sequence[str]]
    load: Sequence[str]
    environments: Sequence[str]
    packages: Sequence[str]
    rounds: Mapping[str, int]
    taken: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in COLUMNS})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a look: uv and reprise only, fewer rounds")
    parser.add_argument("--save", action="store_true", help=f"write {RESULTS.name} into results/")
    args = parser.parse_args()
    with project() as (folder, environ):
        sides = [side for side in all_sides(args.quick) if can(side, environ)]
        for state in STATES:
            for number in range(max(side.rounds[state] for side in sides)):
                for side in sides:
                    if number < side.rounds[state]:
                        one_round(side, state, folder, environ)
        lookups = in_folder([sys.executable, "-c", WARM_LOOKUPS, "200"], folder, environ)
    text = report(sides, json.loads(lookups.splitlines()[-1]))
    print(text)
    if args.save:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(text)


def all_sides(quick: bool) -> list[Side]:
    uv = [sys.executable, "-m", "uv"]
    fast = {"cold": 2, "cached": 3, "warm": 3} if quick else {"cold": 5, "cached": 9, "warm": 9}
    slow = {"cold": 1, "cached": 2, "warm": 3}
    python = ["venv/bin/python", "-c", IMPORTS]
    pip = ["venv-pip/bin/python", "-m", "pip", "install", "-q", "-r", "requirements.txt"]
    ours = ["reprise", "run", ".", "--env-manager=virtualenv"]
    sides = [
        Side(
            "uv venv, uv pip install",
            [
                [*uv, "venv", "-q", "--clear", "--python", sys.executable, "venv"],
                [*uv, "pip", "install", "-q", "--python", "venv/bin/python", "-r", "requirements.txt"],
            ],
            python,
            ["venv"],
            ["home/uv"],
            fast,
        ),
        Side(
            "reprise run",
            [ours],
            [*ours, "-e", "load"],
            ["home/reprise/envs-v1", "home/reprise/locks-v1"],
            ["home/uv-of-reprise", "home/reprise/bytecode-v1"],
            fast,
        ),
    ]
    if quick:
        return sides
    theirs = ["mlflow", "run", "."]
    return [
        *sides,
        Side(
            "python -m venv, pip install",
            [[sys.executable, "-m", "venv", "--clear", "venv-pip"], pip],
            ["venv-pip/bin/python", "-c", IMPORTS],
            ["venv-pip"],
            ["home/pip"],
            slow,
        ),
        *(
            Side(
                f"mlflow run, {manager}",
                [[*theirs, f"--env-manager={manager}"]],
                [*theirs, f"--env-manager={manager}", "-e", "load"],
                ["home/mlflow-envs"],
                ["home/pip-of-mlflow", "home/uv-of-mlflow"],
                slow,
            )
            for manager in ("uv", "virtualenv")
        ),
    ]


def one_round(side: Side, state: str, folder: Path, environ: Mapping[str, str]) -> None:
    """Make the environment from ``state``, and after a cached one load packages in it twice."""
    if state != "warm":
        forget(folder, side.environments)
    if state == "cold":
        forget(folder, side.packages)
    settings = {**environ, **caches(side, folder)}
    made = sum(timed(argv, folder, settings) for argv in side.make) if applies(side, state) else None
    if made is not None:
        side.taken[state].append(made)
    if state == "cached":
        side.taken["first import"].append(timed(side.load, folder, settings))
        side.taken["second import"].append(timed(side.load, folder, settings))


def applies(side: Side, state: str) -> bool:
    """uv and pip alone have no word for "only if it is not there"."""
    return state != "warm" or len(side.make) == 1


def caches(side: Side, folder: Path) -> dict[str, str]:
    """Each tool has caches of its own, so that none lives on what another has downloaded."""
    word = side.name.split()[0]
    tail = {"uv": "", "reprise": "-of-reprise", "mlflow": "-of-mlflow"}.get(word, "")
    return {"UV_CACHE_DIR": f"{folder}/home/uv{tail}", "PIP_CACHE_DIR": f"{folder}/home/pip{tail}"}


def forget(folder: Path, names: Sequence[str]) -> None:
    for name in names:
        shutil.rmtree(folder / name, ignore_errors=True)


def timed(argv: Sequence[str], folder: Path, environ: Mapping[str, str]) -> float:
    started = time.perf_counter()
    in_folder(argv, folder, environ)
    return time.perf_counter() - started


def in_folder(argv: Sequence[str], folder: Path, environ: Mapping[str, str]) -> str:
    """Run ``argv`` to its end; its standard output."""
    done = subprocess.run(argv, cwd=folder, env=environ, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{shlex.join(argv)} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def can(side: Side, environ: Mapping[str, str]) -> bool:
    """Is the tool here? MLflow's virtualenv wants pyenv as well."""
    programs = [side.make[0][0], *(["pyenv"] if side.name.endswith("virtualenv") else [])]
    return all(shutil.which(program, path=environ["PATH"]) for program in programs)


@contextmanager
def project() -> Iterator[tuple[Path, dict[str, str]]]:
    with tempfile.TemporaryDirectory(prefix="reprise-bench-", ignore_cleanup_errors=True) as root:
        folder = Path(root)
        for name, text in FILES.items():
            (folder / name).write_text(text)
        environ = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("MLFLOW_", "REPRISE_", "XDG_", "UV_", "PYTHON", "VIRTUAL_ENV"))
        }
        environ |= {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "REPRISE_CACHE_DIR": f"{folder}/home/reprise",
            "MLFLOW_ENV_ROOT": f"{folder}/home/mlflow-envs",
            "MLFLOW_TRACKING_URI": f"{folder}/mlruns",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "UV_PYTHON_DOWNLOADS": "never",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }
        if links := os.environ.get("PIP_FIND_LINKS"):
            environ["UV_FIND_LINKS"] = links  # reprise hands pip's settings to uv; plain uv gets them here
        yield folder, environ


def report(sides: Sequence[Side], lookups: Sequence[float]) -> str:
    """The figures as Markdown, with the command that made them."""
    versions = ", ".join(
        f"{name} {version}" for name in ("reprise-ml", "uv", "mlflow") if (version := found(name))
    )
    lines = [
        "# Environments",
        "",
        f"Made by `python {shlex.join([Path(sys.argv[0]).as_posix(), *sys.argv[1:]])}`, an environment "
        f"with {' and '.join(PACKAGES)}; the sides take turns.",
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, "
        f"Python {platform.python_version()}, {versions}.",
        "",
        "Seconds of wall time of the whole command, as min / median / max.",
        "",
        "| side | " + " | ".join(COLUMNS) + " |",
        "|---|" + "---|" * len(COLUMNS),
        *(row(side) for side in sides),
        "",
        *compared(sides),
        f"- Looking a known environment up in the cache: {median(lookups) * 1000:.1f} ms median, "
        f"{max(lookups) * 1000:.1f} ms at most, of {len(lookups)} (goal {GOALS['lookup']}).",
    ]
    return "\n".join(lines) + "\n"


def row(side: Side) -> str:
    return "| " + " | ".join([side.name, *(spread(side.taken[name]) for name in COLUMNS)]) + " |"


def compared(sides: Sequence[Side]) -> list[str]:
    """reprise beside uv, without what launching a run costs; and the others as multiples of reprise."""
    uv, ours, *others = sides
    launch = median(ours.taken["warm"])
    lines = []
    for state in ("cold", "cached"):
        alone, theirs = median(ours.taken[state]) - launch, median(uv.taken[state])
        lines.append(
            f"- {state}: reprise alone (without the {launch:.2f} s of a warm run) {alone:.2f} s, "
            f"uv {theirs:.2f} s: {(alone - theirs) * 1000:+.0f} ms, {alone / theirs:.2f} times "
            f"(goal {GOALS[state]})."
        )
    used = [median(s.taken["cached"]) + median(s.taken["first import"]) for s in (ours, uv)]
    lines.append(
        f"- cached, with the first import: reprise {used[0]:.2f} s, uv {used[1]:.2f} s: "
        f"{used[0] / used[1]:.2f} times."
    )
    for other in others:
        ratios = [
            f"{name} {median(other.taken[name]) / median(ours.taken[name]):.1f}"
            for name in COLUMNS
            if other.taken[name] and ours.taken[name]
        ]
        lines.append(f"- {other.name} / reprise run: {', '.join(ratios)} times.")
    return lines


def spread(seconds: Sequence[float]) -> str:
    if not seconds:
        return ""
    return " / ".join(f"{value:.2f}" for value in (min(seconds), median(seconds), max(seconds)))


if __name__ == "__main__":
    main()
