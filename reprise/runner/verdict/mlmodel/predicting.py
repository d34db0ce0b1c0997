"""Runs inside the environment of a run, where MLflow is, and not in ours: a model predicts its own example.

    python predicting.py MODEL_FOLDER

prints one line that begins with ``reprise-predictions``: JSON with all digits of every number. It imports
nothing of reprise, for the environment need not have it.
"""

from __future__ import annotations

import json
import sys
from typing import Any

MARK = "reprise-predictions "

_LONGEST = 500  # characters of what went wrong


def main(folder: str) -> None:
    import mlflow.pyfunc
    from mlflow.models import Model

    example = Model.load(folder).load_input_example(folder)
    print(f"\n{MARK}{json.dumps(to_plain(mlflow.pyfunc.load_model(folder).predict(example)))}", flush=True)


def to_plain(value: Any) -> Any:
    """What MLflow's models return, as JSON has it: frames by column, arrays with their type.

    Raises:
        TypeError: it is something else.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [to_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(name): to_plain(item) for name, item in value.items()}
    if isinstance(value, bytes):
        return value.hex()
    if hasattr(value, "toarray"):  # a sparse matrix
        return to_plain(value.toarray())
    if hasattr(value, "columns"):  # a frame
        return {str(name): to_plain(value[name]) for name in value.columns}
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if hasattr(value, "dtype") and hasattr(value, "tolist"):
        return {"type": str(value.dtype), "values": to_plain(value.tolist())}
    if hasattr(value, "detach"):  # a tensor
        return to_plain(value.detach().cpu().numpy())
    if hasattr(value, "numpy"):
        return to_plain(value.numpy())
    raise TypeError(f"predictions of type {type(value).__name__} cannot be written down")


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except Exception as error:  # of whatever the model does
        sys.exit(" ".join(f"{type(error).__name__}: {error}".split())[:_LONGEST])
