"""Parallel coordinates: where values stand on axes, and what the page draws of them."""

from __future__ import annotations

import json
import re

import pytest
from starlette.datastructures import QueryParams

from reprise.schemas.entities import Metric
from reprise.tracking.sqlite.store import EmbeddedStore
from reprise.ui.compare.chart_data import Column, column_of
from reprise.ui.compare.parallel import (
    HEIGHT,
    AxisScale,
    axes,
    colours,
    lines,
    scale_of,
)
from tests.ui.asking import Ask


def _column(id: str, *values: float | str | None) -> Column:
    return column_of(id, id.partition(".")[2], values)


DEPTH, RATE = _column("params.depth", 2, 4, None), _column("params.rate", 1e-5, 1e-3, 1e-1)
KIND, LOSS = _column("params.kind", "b", "a", "b"), _column("metrics.loss", 0.5, 0.25, -1e308)


@pytest.mark.parametrize(
    ("scale", "value", "place", "told"),
    [
        (AxisScale(2, 4), 3, 0.5, "3"),
        (AxisScale(1e-5, 1e-1, is_log=True), 1e-3, 0.5, "0.001"),
        (AxisScale(-1e308, 1e308), 0, 0.5, "0"),
        (AxisScale(7, 7), 7, 0, "7"),
        (AxisScale(words=("a", "b")), "b", 0.75, "b"),
    ],
)
def test_a_value_has_its_place_and_a_place_its_value(
    scale: AxisScale, value: float | str, place: float, told: str
) -> None:
    assert scale.place(value) == pytest.approx(place)
    assert scale.told(place) == told


def test_what_spans_decades_is_shown_by_logarithms_unless_it_is_turned() -> None:
    assert scale_of(RATE).is_log and not scale_of(RATE, turned=True).is_log
    assert not scale_of(DEPTH).is_log and scale_of(DEPTH, turned=True).is_log
    assert not scale_of(LOSS, turned=True).is_log  # of what is not above zero there is none


def test_axes_are_those_of_the_address_in_its_order_with_its_ranges() -> None:
    asked = (
        "axis=metrics.loss&axis=params.depth&axis=gone&range=0.5~1.000~params.depth&range=x~1~metrics.loss"
    )
    found = axes([DEPTH, RATE, KIND, LOSS], QueryParams(asked))
    assert [(axis.id, axis.range) for axis in found] == [
        ("metrics.loss", None),
        ("params.depth", (0.5, 1.0)),
    ]


def test_a_run_without_a_value_stands_below_the_axis() -> None:
    found = axes([DEPTH, KIND], QueryParams(""))
    first, second, third = lines(found, 3)
    assert first == f"0.5,{HEIGHT:.1f} 1.5,{HEIGHT / 4:.1f}"
    assert second.startswith("0.5,0.0 ")
    assert float(third.split()[0].partition(",")[2]) > HEIGHT
    assert [tick.text for tick in found[0].ticks] == ["2", "2.5", "3", "3.5", "4", "none"]
    assert [tick.text for tick in found[1].ticks] == ["a", "b"]


def test_lines_are_coloured_by_number_or_by_word() -> None:
    assert colours(None, 2) == ["", ""]
    assert colours(KIND, 3) == ["var(--series-1)", "var(--series-0)", "var(--series-1)"]
    low, high, none = colours(DEPTH, 3)
    assert (low, high) == (
        "color-mix(in oklab, var(--scale-1) 0%, var(--scale-0))",
        "color-mix(in oklab, var(--scale-4) 100%, var(--scale-3))",
    )
    assert none == "var(--line-strong)"


def test_hidden_runs_are_not_drawn_and_hundreds_of_params_leave_room_for_metrics(
    store: EmbeddedStore, ask: Ask
) -> None:
    ids = []
    for number in range(3):
        run = store.create_run("0", start_time=1_790_000_000_000, user_id="ada", run_name=f"run {number}")
        store.log_batch(
            run.run_id,
            params={f"p{at}": str(number) for at in range(400)},
            metrics=[Metric("loss", 0.1 * number, run.start_time)],
        )
        ids.append(run.run_id)
    text = ask(f"/compare?runs={','.join(ids)}&hidden={ids[1]}&tab=parallel").text
    found = re.search(r'<script type="application/json" id="axes">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    given = json.loads(found[1])
    assert given["runs"] == [ids[0], ids[2]]
    assert [axis["id"] for axis in given["axes"]][-1] == "metrics.loss"
    assert "101 more columns not shown" in text
