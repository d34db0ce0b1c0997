"""What it costs to observe Python: the start of a process, an example project, a loader of images.

The start of a process is run without the observer and with it, in turns; CPU is its user and system time.
A longer program differs from itself by more than the observer takes: by up to a third on a shared machine.
So a clock around the observer says what it takes there: its start, each call of its hook, the clock itself.
The least of the rounds counts, for whatever else runs only adds to it. Libraries of numbers get one thread,
for threads that wait spin. The loader reads and decodes 10,000 images of the size that models are usually
fed with: each new file is a line in the notes. Thumbnails are the worst case and have no goal.

    python benchmarks/observe.py [--rounds 15] [--images 10000] [--side 224] [--save]
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from reprise.envs.base import OBSERVED_VARIABLE
from reprise.runner.capture.observing import OBSERVER

RESULTS = Path(__file__).resolve().parent / "results" / "observe.md"
LOADER = """
import sys
from pathlib import Path
from PIL import Image
for path in sorted(Path(sys.argv[1]).iterdir()):
    with Image.open(path) as image:
        image.convert("RGB").load()
"""
EXAMPLE = RESULTS.parents[2] / "example_projects" / "iris" / "train.py"
TIMED = """
import atexit, os, sys, time
clock = time.perf_counter_ns
spent = [0]
inside = []
add = sys.addaudithook
def add_timed(hook):
    def note(event, args):
        if inside:
            return hook(event, args)
        inside.append(event)
        start = clock()
        hook(event, args)
        spent[0] += clock() - start
        inside.pop()
    add(note)
def write():
    inside.append("exit")
    with open(os.environ["SPENT"], "w") as file:
        file.write(str(spent[0]))
atexit.register(write)
sys.addaudithook = add_timed
sys.path.remove(os.path.dirname(__file__))
del sys.modules[__name__]
start = clock()
try:
    inside.append("start")
    __import__(__name__)
finally:
    spent[0] += clock() - start
    inside.pop()
    sys.addaudithook = add
"""
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
STARTS = 5  # goal: milliseconds
SHARES = {"example": 1.0, "loader": 5.0}  # goals: per cent
SMALL = 96  # pixels of a thumbnail


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--side", type=int, default=224, help="pixels of an image")
    parser.add_argument("--save", action="store_true", help=f"write {RESULTS.name} into results/")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="reprise-bench-") as root:
        cases = {
            "start of a process": ["-c", "pass"],
            "example project iris (scikit-learn, MLflow)": [str(EXAMPLE)],
        }
        for name, side in {"loader": args.side, "thumbnails": SMALL}.items():
            write_images(Path(root, name), args.images, side)
            cases[f"{name}: {args.images} images of {side} x {side}"] = ["-c", LOADER, f"{root}/{name}"]
        rows = [row(name, measured(words, Path(root), args.rounds)) for name, words in cases.items()]
    text = report(rows, args.rounds)
    print(text)
    if args.save:
        RESULTS.write_text(text)


def write_images(folder: Path, count: int, side: int) -> None:
    """Noise, which does not compress, so that decoding it is work."""
    from PIL import Image

    folder.mkdir()
    for number in range(count):
        Image.frombytes("RGB", (side, side), os.urandom(side * side * 3)).save(folder / f"{number:05}.jpg")


def measured(words: list[str], root: Path, rounds: int) -> list[tuple[float, float, float]]:
    """CPU seconds without the observer and with it, and seconds in it, after a round that fills caches."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("REPRISE_")}
    plain |= {**ONE_THREAD, "MLFLOW_TRACKING_URI": f"sqlite:///{root}/mlflow.db"}
    plain.pop("PYTHONDONTWRITEBYTECODE", None)
    timed = root / "timed"
    timed.mkdir(exist_ok=True)
    (timed / "sitecustomize.py").write_text(TIMED)
    notes, spent = root / "notes", root / "spent"
    observed = {**plain, "PYTHONPATH": str(OBSERVER), OBSERVED_VARIABLE: str(notes)}
    clocked = {**observed, "PYTHONPATH": f"{timed}{os.pathsep}{OBSERVER}", "SPENT": str(spent)}
    rows = []
    for _ in range(rounds + 1):
        shutil.rmtree(notes, ignore_errors=True)
        notes.mkdir()
        seconds = [cpu(words, environ, root) for environ in (plain, observed)]
        shutil.rmtree(notes)
        notes.mkdir()
        cpu(words, clocked, root)
        rows.append((*seconds, int(spent.read_text()) / 1e9))
    return rows[1:]


def cpu(words: list[str], environ: dict[str, str], folder: Path) -> float:
    def spent() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    before = spent()
    quiet = subprocess.DEVNULL
    subprocess.run(
        [sys.executable, *words], env=environ, cwd=folder, check=True, stdout=quiet, stderr=quiet
    )
    return spent() - before


def row(name: str, rows: list[tuple[float, float, float]]) -> str:
    plain, observed, spent = (1000 * min(column) for column in zip(*rows, strict=True))
    share = 100 * spent / plain
    if goal := next((goal for case, goal in SHARES.items() if name.startswith(case)), None):
        verdict = f"{goal:g} %: {'reached' if share <= goal else 'MISSED'}"
    elif name.startswith("thumbnails"):
        verdict = "none"
    else:
        verdict = f"{STARTS} ms: {'reached' if observed - plain <= STARTS else 'MISSED'}"
    figures = [f"{plain:.1f}", f"{observed:.1f}", f"{spent:.1f}", f"{share:.2f} %"]
    return f"| {' | '.join([name, *figures, verdict])} |"


def report(rows: list[str], rounds: int) -> str:
    """The figures as Markdown, with the command that made them."""
    lines = [
        "# Observing",
        "",
        f"Made by `python {shlex.join([Path(sys.argv[0]).as_posix(), *sys.argv[1:]])}`: {rounds} rounds.",
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, "
        f"Python {platform.python_version()}.",
        "",
        "Milliseconds, the least of each column. *In it* is what a clock around the observer says.",
        "",
        "| case | without | observed | in it | share | goal |",
        "|---|---|---|---|---|---|",
        *rows,
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
