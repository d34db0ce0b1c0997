"""What it costs to observe Python: the start of a process, an example project, a loader of images.

Each case is run without the observer, with it, and with an audit hook that does nothing: what Python itself
takes for any observer. They take turns, so that a busy moment of the machine meets all. CPU is user and
system time of the process, with libraries of numbers on one thread: threads that wait spin. The loader
reads and decodes 10,000 images, which is what costs most: each file that is new is a line in the notes.

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
NO_WORK = "import sys\nsys.addaudithook({}.get)\n"
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
STARTS = 5  # goal: milliseconds
SHARES = {"example": 1.0, "loader": 5.0}  # goals: per cent


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
            "example project iris (scikit-learn, MLflow)": [str(EXAMPLE)],
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


def measured(words: list[str], root: Path, rounds: int) -> list[list[float]]:
    """CPU seconds without, with a hook that does nothing, and observed, after a round that fills caches."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("REPRISE_")}
    plain |= {**ONE_THREAD, "MLFLOW_TRACKING_URI": f"sqlite:///{root}/mlflow.db"}
    plain.pop("PYTHONDONTWRITEBYTECODE", None)
    hooked = root / "hooked"
    hooked.mkdir(exist_ok=True)
    (hooked / "sitecustomize.py").write_text(NO_WORK)
    notes = root / "notes"
    observed = {**plain, "PYTHONPATH": str(OBSERVER), OBSERVED_VARIABLE: str(notes)}
    rows = []
    for _ in range(rounds + 1):
        shutil.rmtree(notes, ignore_errors=True)
        notes.mkdir()
        sides = (plain, {**plain, "PYTHONPATH": str(hooked)}, observed)
        rows.append([cpu(words, environ, root) for environ in sides])
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


def row(name: str, rows: list[list[float]]) -> str:
    plain, hooked, observed = (min(side) for side in zip(*rows, strict=True))
    more = observed - plain
    share = 100 * more / plain
    if goal := next((goal for case, goal in SHARES.items() if name.startswith(case)), None):
        verdict = f"{goal:g} %: {'reached' if share <= goal else 'MISSED'}"
    else:
        verdict = f"{STARTS} ms: {'reached' if more * 1000 <= STARTS else 'MISSED'}"
    milliseconds = [f"{plain * 1000:.1f}", f"{observed * 1000:.1f}", f"{more * 1000:+.1f}"]
    shares = [f"{share:+.2f} %", f"{100 * (hooked - plain) / plain:+.2f} %"]
    return f"| {' | '.join([name, *milliseconds, *shares, verdict])} |"


def report(rows: list[str], rounds: int) -> str:
    """The figures as Markdown, with the command that made them."""
    lines = [
        "# Observing",
        "",
        f"Made by `python {shlex.join([Path(sys.argv[0]).as_posix(), *sys.argv[1:]])}`: {rounds} rounds.",
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, "
        f"Python {platform.python_version()}.",
        "",
        "Milliseconds of CPU, the least of each side: what else runs on the machine only adds to it.",
        "",
        "| case | without | observed | more | share | of it Python's own | goal |",
        "|---|---|---|---|---|---|---|",
        *rows,
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
