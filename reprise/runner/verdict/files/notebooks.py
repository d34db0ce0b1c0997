"""Jupyter notebooks: their cells and outputs, without the ids of cells and the times of their execution."""

from __future__ import annotations

from typing import Any

from reprise.runner.verdict.comparison_rules import Looking
from reprise.runner.verdict.files.contents import compare_contents
from reprise.runner.verdict.files.tables import read_json
from reprise.runner.verdict.values import IDENTICAL, Finding

_OF_ONE_EXECUTION = ("execution", "papermill", "ExecuteTime")
"""What programs that execute notebooks keep in the metadata: when each cell began and ended."""


def compare_notebooks(a: str, b: str, looking: Looking) -> Finding:
    """Two notebooks.

    Raises:
        ValueError: one is not JSON, or has a name twice in one object.
    """
    one, other = (_without_execution(read_json(text)) for text in (a, b))
    found = compare_contents(one, other, looking)
    return found._replace(note="the same cells and outputs") if found == IDENTICAL else found


def _without_execution(notebook: Any) -> Any:
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        return notebook
    cells = [_drop_names(cell, "id") for cell in notebook["cells"]]
    return {**_drop_names(notebook), "cells": cells}


def _drop_names(part: Any, *names: str) -> Any:
    """A notebook or a cell without ``names`` and without what its metadata say of one execution."""
    if not isinstance(part, dict):
        return part
    kept = {name: value for name, value in part.items() if name not in names}
    if isinstance(metadata := kept.get("metadata"), dict):
        kept["metadata"] = {
            name: value for name, value in metadata.items() if name not in _OF_ONE_EXECUTION
        }
    return kept
