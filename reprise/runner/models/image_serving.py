"""Runs in the image of a model, where MLflow is, and not in ours: starts MLflow's scoring server.

    python serving.py MODEL PORT

It imports nothing of reprise. It is the container's first process, which is deaf to a signal until it asks
for it, and a server asks only when it is up: so the server is a second process, and signals are passed on.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

# conda's packages have scripts that are run before anything else, in the shell that becomes the server.
_ACTIVATED = """\
for script in "$@"; do . "$script" 1>&2; done
exec {}
"""


def main(words: list[str]) -> None:
    if len(words) != 2:
        said = " ".join(words[2:])
        sys.exit(f"the image takes no arguments: {said}\nuse docker run --entrypoint to run something else")
    workers = os.environ.get("MLFLOW_MODELS_WORKERS") or "1"
    if not workers.isdecimal() or int(workers) < 1:
        sys.exit(f"MLFLOW_MODELS_WORKERS is {workers}, and must be a number from 1")
    signals = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)  # a signal during the set-up is not lost
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)  # Ctrl-C on a terminal reaches it once, from the first process
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
        serve(words[0], int(words[1]), int(workers))
    for number in signals:
        signal.signal(number, lambda got, _: os.kill(child, got))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
    ended, status = os.wait()
    while ended != child:  # the first process of a container has to reap orphans
        ended, status = os.wait()
    code = os.waitstatus_to_exitcode(status)
    sys.exit(code if code >= 0 else 128 - code)


def serve(model: str, port: int, workers: int) -> NoReturn:
    """Become MLflow's server."""
    from mlflow.pyfunc import scoring_server

    everywhere: Any = "0.0.0.0"  # MLflow says that a host is an int
    command, environ = scoring_server.get_cmd(model, port, everywhere, nworkers=workers)
    settings = Path(environ.get("CONDA_PREFIX", "/nowhere"), "etc", "conda")
    scripts = sorted(map(str, (settings / "activate.d").glob("*.sh")))
    shell = "bash" if scripts and shutil.which("bash") else "sh"
    # MLflow writes it for a shell: that of MLflow 2 has a variable in it
    argv = [shell, "-c", _ACTIVATED.format(command), shell, *scripts]
    os.execvpe(shell, argv, {**environ, **variables(settings / "env_vars.d")})


def variables(folder: Path) -> dict[str, str]:
    """Those that conda's packages keep in files."""
    found: dict[str, Any] = {}
    for path in sorted(folder.glob("*.json")):
        found |= json.loads(path.read_bytes())
    return {name: str(value) for name, value in found.items()}


if __name__ == "__main__":
    main(sys.argv[1:])
