"""The predictions of a run's model, made in the run's own environment: we unpickle nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from reprise import process
from reprise.errors import EnvError, RepriseError
from reprise.file_lock import scratch
from reprise.runner.verdict.mlmodel import predicting
from reprise.runner.verdict.mlmodel.entering import run_python
from reprise.runner.verdict.recorded import Recorded

_PATIENCE = 600.0  # seconds


def predict_example(run: Recorded, model: Path) -> Any:
    """What the model in the folder ``model`` says of its input example, as plain values.

    Raises:
        RepriseError: the environment cannot be made, or the model does not load or predict there.
    """
    with scratch() as folder:
        script = Path(predicting.__file__)
        shutil.copytree(model, folder / "model")
        shutil.copy(script, folder / script.name)
        return _read_predictions(run_python(run, folder, (script.name, "model"), _PATIENCE))


def _read_predictions(done: process.Completed) -> Any:
    for line in reversed(done.stdout.splitlines()):
        if done.exit_code == 0 and line.startswith(predicting.MARK):
            return json.loads(line.removeprefix(predicting.MARK))
    said = (done.stderr.strip().splitlines() or ["it printed no predictions"])[-1]
    error = EnvError if "No module named" in said else RepriseError
    raise error(f"the model does not predict in the run's environment: {said}")
