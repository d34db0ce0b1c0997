"""The predictions of a run's model, made in the run's own environment: we unpickle nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from reprise import process
from reprise.envs import registry as envs
from reprise.errors import EnvError, RepriseError
from reprise.lock import scratch
from reprise.runner import environments
from reprise.runner.verdict import predicting
from reprise.runner.verdict.recorded import Recorded
from reprise.schemas.job import Command

_PATIENCE = 600.0  # seconds


def predict(run: Recorded, model: Path) -> Any:
    """What the model in the folder ``model`` says of its input example, as plain values.

    Raises:
        RepriseError: the environment cannot be made, or the model does not load or predict there.
    """
    named = environments.Named(
        f"the environment of run {run.run_id[:8]}",
        environments.add_credentials(environments.lock_of(run.tracking, run.run), run.tracking, run.run),
        None,
    )
    with scratch() as folder, environments.inside(named) as environment:
        script = Path(predicting.__file__)
        shutil.copytree(model, folder / "model")
        shutil.copy(script, folder / script.name)
        command = Command(("python", script.name, "model"), (("MLFLOW_TRACKING_URI", None),), folder)
        entered = envs.MANAGERS[environment.manager].enter(environment, command)
        try:
            done = process.run(
                entered.argv,
                cwd=entered.cwd,
                environ=dict(entered.environ),
                check=False,
                timeout=_PATIENCE,
            )
        finally:
            if entered.release:
                process.run(entered.release, check=False)
    return _read(done)


def _read(done: process.Completed) -> Any:
    for line in reversed(done.stdout.splitlines()):
        if done.exit_code == 0 and line.startswith(predicting.MARK):
            return json.loads(line.removeprefix(predicting.MARK))
    said = (done.stderr.strip().splitlines() or ["it printed no predictions"])[-1]
    error = EnvError if "No module named" in said else RepriseError
    raise error(f"the model does not predict in the run's environment: {said}")
