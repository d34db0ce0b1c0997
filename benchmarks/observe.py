"""What it costs to observe Python: the start of a process, the example of a training, a loader of images.

Each case is run with and without the observer, in turns, so that a busy moment of the machine meets both.
CPU is user + system time of the process. The loader reads and decodes 10,000 images, which is what costs
most: each file that is new is a line in the notes of the process.

    python benchmarks/observe.py [--rounds 15] [--images 10000] [--side 96] [--save]
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
from statistics import median

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
TRAINING = """
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
import joblib, matplotlib
X, y = load_iris(return_X_y=True)
for C in (0.01, 0.1, 1, 10):
    cross_val_score(LogisticRegression(C=C, max_iter=500), X, y, cv=5)
"""
STARTS = 5  # goal: milliseconds
SHARES = {"training (scikit-learn on iris)": 1.0, "loader": 5.0}  # goals: per cent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--side", type=int, default=96, help="pixels of an image")
    parser.add_argument("--save", action="store_true", help=f"write {RESULTS.name} into results/")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="reprise-bench-") as root:
        write_images(Path(root, "images"), args.images, args.side)
        loader = f"loader of {args.images} images of {args.side} x {args.side}"
        cases = {
            "start of a process": ["-c", "pass"],
            "training (scikit-learn on iris)": ["-c", TRAINING],
            loader: ["-c", LOADER, f"{root}/images"],
        }
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


def measured(words: list[str], root: Path, rounds: int) -> list[tuple[float, float]]:
    """CPU seconds without and with the observer, after a round that fills caches."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("REPRISE_")}
    plain.pop("PYTHONDONTWRITEBYTECODE", None)
    pairs = []
    for _ in range(rounds + 1):
        notes = root / "notes"
        shutil.rmtree(notes, ignore_errors=True)
        notes.mkdir()
        observed = {**plain, "PYTHONPATH": str(OBSERVER), OBSERVED_VARIABLE: str(notes)}
        pairs.append((cpu(words, plain), cpu(words, observed)))
    return pairs[1:]


def cpu(words: list[str], environ: dict[str, str]) -> float:
    def spent() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    before = spent()
    subprocess.run([sys.executable, *words], env=environ, check=True)
    return spent() - before


def row(name: str, pairs: list[tuple[float, float]]) -> str:
    plain, observed = (median(side) for side in zip(*pairs, strict=True))
    more = median(b - a for a, b in pairs)
    share = 100 * more / plain
    if goal := next((goal for case, goal in SHARES.items() if name.startswith(case)), None):
        verdict = f"{goal:g} %: {'reached' if share <= goal else 'MISSED'}"
    else:
        verdict = f"{STARTS} ms: {'reached' if more * 1000 <= STARTS else 'MISSED'}"
    cells = [
        name,
        f"{plain * 1000:.1f}",
        f"{observed * 1000:.1f}",
        f"{more * 1000:+.1f}",
        f"{share:+.1f} %",
    ]
    return f"| {' | '.join([*cells, verdict])} |"


def report(rows: list[str], rounds: int) -> str:
    """The figures as Markdown, with the command that made them."""
    lines = [
        "# Observing",
        "",
        f"Made by `python {shlex.join([Path(sys.argv[0]).as_posix(), *sys.argv[1:]])}`: {rounds} rounds.",
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, "
        f"Python {platform.python_version()}.",
        "",
        "Milliseconds of CPU, medians; *more* is the median of the differences between two neighbours.",
        "",
        "| case | without | observed | more | share | goal |",
        "|---|---|---|---|---|---|",
        *rows,
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
