"""Runs in the image of a model, where MLflow is, and not in ours: becomes MLflow's scoring server.

    python serving.py MODEL PORT

It imports nothing of reprise. The process is replaced, so that the server itself gets the signals.
"""

from __future__ import annotations

import os
import sys
from typing import Any


def main(model: str, port: str) -> None:
    from mlflow.pyfunc import scoring_server

    workers = int(os.environ.get("MLFLOW_MODELS_WORKERS") or 1)
    everywhere: Any = "0.0.0.0"  # MLflow says that a host is an int
    command, environ = scoring_server.get_cmd(model, int(port), everywhere, nworkers=workers)
    # MLflow writes it for a shell: that of MLflow 2 has a variable in it
    os.execvpe("sh", ["sh", "-c", f"exec {command}"], environ)


if __name__ == "__main__":
    main(*sys.argv[1:])
