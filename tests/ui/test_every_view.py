"""What holds for every view: accessible in either theme, no script fails, nothing is too wide."""

from __future__ import annotations

import pytest

from tests.ui.conftest import Opened, accessible
from tests.ui.sample import Sample

pytestmark = pytest.mark.browser

VIEWS = (
    "/experiments",
    "/experiments?q=nothing%20is%20called%20so",
    "/experiments/{experiment}",
    "/experiments/{experiment}?view=deleted",
    "/experiments/{experiment}?filter=metrics.accuracy%20%3E",
    "/runs/{best}",
    "/runs/{hostile}",
    "/runs/{parent}",
    "/runs/{best}/metrics",
    "/runs/{hostile}/metrics",
    "/runs/{best}/system",
    "/runs/{best}/artifacts",
    "/runs/{best}/artifacts?path=model/MLmodel",
    "/runs/{best}/artifacts?path=../x",
    "/runs/{hostile}/artifacts",
    "/runs/{failed}/log",
    "/runs/{hostile}/log?which=environment&q=x&wrap=no",
    "/runs/{dirty}/provenance",
    "/runs/{hostile}/provenance",
    "/compare?runs={best},{dirty},{hostile}",
    "/compare?runs={best}",
    "/models",
    "/models?q=nothing",
    "/models/iris",
    "/models/iris/2",
    "/models/iris/compare?versions=1,2",
    "/sweeps",
    "/nothing",
    "/runs/nothing",
)


@pytest.mark.parametrize(("theme", "width"), (("light", 1360), ("dark", 700)))
def test_every_view_is_accessible_and_fits(sample: Sample, opened: Opened, theme: str, width: int) -> None:
    size = {"width": width, "height": 860}
    page = opened(f"{sample.url}/nothing", theme=theme, viewport=size)
    runs = {name: getattr(sample, name).run_id for name in ("hostile", "parent", "failed", "dirty")}
    for view in VIEWS:
        path = view.format(experiment=sample.experiment_id, best=sample.runs[-1].run_id, **runs)
        page.goto(f"{sample.url}{path}")
        page.locator("main").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, view
        assert page.title() != "owned", view
        accessible(page)
