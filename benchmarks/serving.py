"""What the front of ``reprise models serve`` costs: the same requests to it, and to MLflow's server.

Both serve the iris model in the environment of this script, with one process, and take turns.

    python benchmarks/serving.py [--requests 300] [--clients 4] [--rounds 5] [--save]
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import httpx

from reprise.server.sockets import listen

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "serving.md"
IRIS = HERE.parent / "example_projects" / "iris"
COLUMNS = ["sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"]
BODY = {"dataframe_split": {"columns": COLUMNS, "data": [[5.1, 3.5, 1.4, 0.2]]}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--save", action="store_true", help=f"write {RESULTS.name} into results/")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="reprise-bench-") as root:
        text = measured(Path(root), args.requests, args.clients, args.rounds)
    command = f"python benchmarks/serving.py --requests {args.requests} --clients {args.clients}"
    busy = os.getloadavg()[0]
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, load {busy:.1f}"
    made = f"Made by `{command} --rounds {args.rounds}`.\n{machine}, Python {platform.python_version()}."
    text = f"{made}\n\n{text}"
    print(text)
    if args.save:
        RESULTS.write_text(f"# Serving a model\n\n{text}")


def measured(root: Path, requests: int, clients: int, rounds: int) -> str:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "REPRISE_"))
    }
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
    environ = {**kept, "PATH": path, "HOME": str(root)}
    environ |= {"REPRISE_CACHE_DIR": f"{root}/cache", "REPRISE_STATE_DIR": f"{root}/state"}
    ours = [sys.executable, "-m", "reprise"]
    run = [*ours, "run", str(IRIS), "--env-manager", "local"]
    subprocess.run(run, cwd=root, env=environ, check=True, capture_output=True)
    model = next(root.glob("mlruns/artifacts/*/models/*/artifacts"))
    local = ["--env-manager", "local"]
    commands = {
        "mlflow models serve": [
            sys.executable,
            "-m",
            "mlflow",
            "models",
            "serve",
            "-m",
            str(model),
            *local,
        ],
        "reprise models serve": [*ours, "models", "serve", "-m", "models:/iris/1", *local],
    }
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    processes, urls = [], {}
    try:
        for name, argv in commands.items():
            with listen() as found:
                port = found.getsockname()[1]
            silent = subprocess.DEVNULL
            argv = [*argv, "-p", str(port)]
            processes.append(subprocess.Popen(argv, cwd=root, env=environ, stdout=silent, stderr=silent))
            urls[name] = f"http://127.0.0.1:{port}"
        for url in urls.values():
            wait(url)
            load(url, requests // 3, clients)
        for _ in range(rounds):
            for name, url in urls.items():
                spent[name].append(load(url, requests, clients))
    finally:
        for process in processes:
            process.terminate()
            process.wait()
    return table(spent)


def wait(url: str) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/ping").status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise SystemExit(f"{url} does not answer")


def load(url: str, requests: int, clients: int) -> tuple[float, float]:
    """Requests a second, and the median of their milliseconds."""
    took: list[float] = []

    def ask(count: int) -> None:
        with httpx.Client(trust_env=False) as client:
            for _ in range(count):
                started = time.perf_counter()
                client.post(f"{url}/invocations", json=BODY).raise_for_status()
                took.append(time.perf_counter() - started)

    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(ask, [requests // clients] * clients))
    return len(took) / (time.perf_counter() - started), median(took) * 1000


def table(spent: dict[str, list[tuple[float, float]]]) -> str:
    lines = ["| server | requests/s | p50, ms |", "|---|---|---|"]
    rates = {name: median(rate for rate, _ in found) for name, found in spent.items()}
    middles = {name: median(middle for _, middle in found) for name, found in spent.items()}
    lines += [f"| `{name}` | {rates[name]:.0f} | {middles[name]:.1f} |" for name in spent]
    theirs, ours = spent
    rate, middle = rates[ours] / rates[theirs], middles[ours] / middles[theirs]
    lines += ["", f"Ours against theirs: {rate:.2f} of the requests, {middle:.2f} times the p50.", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
