"""Logs what projects log, by the REST API alone: points, a dataset, files of all kinds, a model."""

import json
import math
import os
import struct
import sys
import time
import urllib.request
import zlib

RUN = os.environ["MLFLOW_RUN_ID"]
API = f"{os.environ['MLFLOW_TRACKING_URI']}/api/2.0"
FILES = f"mlflow-artifacts/artifacts/{os.environ['MLFLOW_EXPERIMENT_ID']}/{RUN}/artifacts"
PAGE = b"<h1>A report</h1><script>document.body.append('it ran'); parent.document.title = 'owned'</script>"
MODEL = b"""flavors:
  python_function:
    loader_module: mlflow.sklearn
    python_version: 3.11.4
model_uuid: 0123456789abcdef
"""


def ask(method: str, path: str, body: object) -> None:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {
        "Authorization": f"Bearer {os.environ['MLFLOW_TRACKING_TOKEN']}",
        "Content-Type": "application/json",
    }
    urllib.request.urlopen(urllib.request.Request(f"{API}/{path}", data, headers, method=method)).read()


def put(path: str, content: bytes) -> None:
    ask("PUT", f"{FILES}/{path}", content)


def png(width: int, height: int, seed: int) -> bytes:
    rows = b"".join(
        b"\0" + bytes((x * 7 + y * seed * 5) % 256 for x in range(width * 3)) for y in range(height)
    )
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def points(depth: int, rate: float) -> list[dict[str, object]]:
    now = int(time.time() * 1000)
    found: list[dict[str, object]] = []
    for step in range(20):
        loss = 1 / (1 + depth * (step + 1) * rate) + 0.02 * math.sin(step * depth)
        at = {"step": step, "timestamp": now + step * 1000}
        found.append({"key": "loss", "value": loss, **at})
        found.append({"key": "system/cpu_utilization_percentage", "value": 40 + step, **at})
        print(f"epoch {step:2} loss {loss:.4f}")
    accuracy = 0.7 + 0.05 * depth - 0.1 * abs(rate - 0.1)
    return [*found, {"key": "accuracy", "value": accuracy, "step": 0, "timestamp": now}]


def main(depth: int, rate: float, kind: str) -> None:
    print("\x1b[1mtraining\x1b[0m a", kind)
    print("\x1b[32mok\x1b[0m loaded 150 flowers", flush=True)
    if kind == "broken":
        print("\x1b[31mno such data\x1b[0m", file=sys.stderr)
        sys.exit(3)
    logged = {"metrics": points(depth, rate), "tags": [{"key": "team", "value": "vision"}]}
    ask("POST", "mlflow/runs/log-batch", {"run_id": RUN, **logged})
    dataset = {"name": "iris", "digest": "a1b2c3", "source_type": "local", "source": '{"uri": "iris.csv"}'}
    context = [{"key": "mlflow.data.context", "value": "training"}]
    used = [{"dataset": dataset, "tags": context}]
    ask("POST", "mlflow/runs/log-inputs", {"run_id": RUN, "datasets": used})
    put("confusion.png", png(60, 40, depth))
    put("report/table.csv", b"flower,found\nsetosa,50\nversicolor,47\n")
    put("report/summary.json", json.dumps({"depth": depth, "scores": [0.9, 0.95]}).encode())
    put("report/page.html", PAGE)
    put("notes.md", b"# Notes\n\nplain *text*\n")
    put("model/MLmodel", MODEL)
    put("model/model.bin", bytes(2000))


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3])
