"""What a live log costs: from a child that prints a line to the browser, and large logs by line number.

    python benchmarks/ui_log.py

The child is a real run. Its line holds the time (of the machine's one clock) at which it was printed; the
reader is a plain HTTP client on the same machine, so what a browser takes to draw it is not in the figure.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from urllib.parse import urlsplit

LINES = 60
MEGABYTES = 500

_PROJECT = """name: talker
entry_points:
  main:
    command: "python talk.py"
"""
_TALKER = f"""import time
time.sleep(3)
for line in range({LINES}):
    print("at", time.time(), flush=True)
    time.sleep(0.0731)
"""


def log_lines() -> Mapping[str, float]:
    """Figures by name, in milliseconds."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        return {**_live(folder), **_large(folder)}


def _live(folder: Path) -> Mapping[str, float]:
    (folder / "MLproject").write_text(_PROJECT)
    (folder / "talk.py").write_text(_TALKER)
    with _serving(folder) as url, _running(folder):
        run_id = _run_id(folder)
        delays = [
            (arrived - float(line.split()[1])) * 1000
            for arrived, line in _streamed(url, f"/runs/{run_id}/log/stream")
            if line.startswith("at ")
        ]
    assert len(delays) == LINES, f"{len(delays)} lines arrived"
    return {"log line p50": median(delays), "log line p95": quantiles(delays, n=20)[-1]}


def _large(folder: Path) -> Mapping[str, float]:
    from reprise.ui.log.lines import LineIndex

    log = folder / "large.log"
    block = b"".join(b"epoch %d loss 0.123456 accuracy 0.9876\n" % line for line in range(25_000))
    with log.open("wb") as file:
        while file.tell() < MEGABYTES * 1_000_000:
            file.write(block)
        file.write(b"the needle\n")
    index = LineIndex()
    with log.open("rb") as stream:
        times = [time.perf_counter()]
        index.extend(stream)
        index.window(stream, index.total - 500, 500)
        times.append(time.perf_counter())
        index.window(stream, index.total // 2, 500)
        times.append(time.perf_counter())
        assert index.search(stream, "the needle").lines == [index.total - 1]
        times.append(time.perf_counter())
    names = ("opened at its end", "a window in its middle", "searched")
    return {
        f"log of {MEGABYTES} MB {name}": (end - start) * 1000
        for name, start, end in zip(names, times, times[1:], strict=False)
    }


@contextmanager
def _serving(folder: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "reprise", "ui", "--no-browser", "--port", "0"]
    store = ["--store", str(folder / "mlruns")]
    with subprocess.Popen([*command, *store], stderr=subprocess.PIPE, text=True, cwd=folder) as process:
        assert process.stderr is not None
        told = ""
        while (found := re.search(r"http://\S+", told)) is None:
            told += process.stderr.readline()
        try:
            yield found.group()
        finally:
            process.terminate()


@contextmanager
def _running(folder: Path) -> Iterator[None]:
    command = [sys.executable, "-m", "reprise", "run", ".", "--env-manager=local"]
    environ = {**os.environ, "MLFLOW_TRACKING_URI": str(folder / "mlruns")}
    nothing = subprocess.DEVNULL
    with subprocess.Popen(command, cwd=folder, env=environ, stdout=nothing, stderr=nothing) as process:
        yield
        assert process.wait(60) == 0


def _run_id(folder: Path) -> str:
    """Of the one run, once it prints to its log."""
    while True:
        for log in folder.glob("mlruns/artifacts/*/*/artifacts/reprise/output.log"):
            return log.parts[-4]
        time.sleep(0.05)


def _streamed(url: str, path: str) -> Iterator[tuple[float, str]]:
    """Each new line of the log, and when it arrived."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    connection.request("GET", path)
    response = connection.getresponse()
    event = ""
    while raw := response.readline():
        arrived = time.time()
        name, _, value = raw.decode().strip("\n").partition(": ")
        event = value if name == "event" else event
        if event == "end":
            return
        if name == "data" and event == "lines":
            for line in re.findall("<code>(.*?)</code>", json.loads(value)["html"]):
                yield arrived, line


if __name__ == "__main__":
    for name, figure in log_lines().items():
        print(f"{name}: {figure:.1f} ms")
