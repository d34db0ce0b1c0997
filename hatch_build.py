"""Puts the one file of plotly that our pages use into the wheel: it is 5 MB of 40.

plotly is needed to build a wheel, and not to use one.
"""

from __future__ import annotations

from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER = "reprise/ui/bundled"


class PlotlyBundle(BuildHookInterface[Any]):
    """An editable install gets the files too, beside its metadata: the page asks that where they are."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        included = build_data["force_include_editable" if version == "editable" else "force_include"]
        for file in distribution("plotly").files or ():
            if file.match("plotly/package_data/plotly.min.js"):
                included[str(Path(file.locate()))] = f"{FOLDER}/plotly.min.js"
            elif file.match("plotly-*.dist-info/licenses/LICENSE.txt"):
                included[str(Path(file.locate()))] = f"{FOLDER}/plotly.LICENSE.txt"
