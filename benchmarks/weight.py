"""What installing reprise brings: the size of each package in a fresh environment.

python benchmarks/weight.py [--save]

Builds the wheel, installs it alone, and adds up the files of each package. Bytecode, which pip makes and uv
does not, is not counted.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
RESULTS = REPOSITORY / "benchmarks" / "results" / "weight.md"
GOAL = 60.0  # MB, of all that is neither uv nor py-rattler
APART = ("uv", "py-rattler")
SMALL = 0.3  # MB; what is smaller is one line together

READ_SIZES = """
import json
from importlib.metadata import distributions
sizes = {}
for one in distributions():
    files = {path.resolve() for file in one.files or () if (path := one.locate_file(file)).is_file()}
    sizes[one.name] = sum(file.stat().st_size for file in files if file.suffix != ".pyc")
print(json.dumps(sizes))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--save", action="store_true", help=f"write {RESULTS.name} into results/")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="reprise-bench-") as root:
        wheel = build_wheel(Path(root))
        base = measure_packages(wheel, Path(root) / "base")
        conda = measure_packages(f"{wheel}[conda]", Path(root) / "conda")
    text = report(base, conda)
    print(text)
    if args.save:
        RESULTS.write_text(text)


def build_wheel(folder: Path) -> str:
    uv("build", "--quiet", "--wheel", "--out-dir", str(folder), str(REPOSITORY))
    (wheel,) = folder.glob("*.whl")
    return str(wheel)


def measure_packages(what: str, environment: Path) -> Mapping[str, float]:
    """MB by package, of an environment with ``what`` and nothing else."""
    uv("venv", "--quiet", str(environment))
    python = str(environment / "bin" / "python")
    uv("pip", "install", "--quiet", "--python", python, what)
    done = subprocess.run([python, "-c", READ_SIZES], check=True, capture_output=True, text=True)
    return {name: size / 1e6 for name, size in json.loads(done.stdout).items()}


def uv(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "uv", *words], check=True)


def report(base: Mapping[str, float], conda: Mapping[str, float]) -> str:
    counted = sum(size for name, size in base.items() if name not in APART)
    rows = [(name, size) for name, size in sorted(base.items(), key=lambda item: -item[1]) if size >= SMALL]
    small = {name: size for name, size in base.items() if size < SMALL}
    verdict = "met" if counted <= GOAL else "NOT MET"
    extra = sum(conda.values()) - sum(base.values())
    lines = [
        "# Weight of an installation",
        "",
        "Made by `benchmarks/weight.py`: the files of each package after `pip install reprise-ml`, in MB",
        "and without bytecode. The goal counts everything but uv and py-rattler.",
        "",
        "| package | MB |",
        "|---|---|",
        *(f"| {name} | {size:.1f} |" for name, size in rows),
        f"| {len(small)} more | {sum(small.values()):.1f} |",
        f"| **all** | **{sum(base.values()):.1f}** |",
        f"| **counted (goal: at most {GOAL:.0f}): {verdict}** | **{counted:.1f}** |",
        f"| the extra `conda` adds | {extra:.1f} |",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
