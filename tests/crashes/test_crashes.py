"""The harness itself, a few of its trials, and that docs/reliability.md claims what it tries."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.crashes import checks
from tests.crashes.campaign import Count
from tests.crashes.figures import ALL, add_tables, format_table, read_figures, read_table, write_figures
from tests.crashes.points import Calls, choose_point
from tests.crashes.scenarios import SCENARIOS
from tests.crashes.worlds import Tools, World

DOCUMENT = REPOSITORY / "docs" / "reliability.md"
NAMES = {scenario.name for scenario in SCENARIOS}


def test_each_promise_names_what_tries_it() -> None:
    table = DOCUMENT.read_text().partition("## What is promised")[2].partition("\n\nKilled means")[0]
    tried: set[str] = set()
    for row in table.strip().splitlines()[2:]:
        _, promise, by, _ = re.split(r"(?<!\\)\|", row)
        named = set(re.findall("`([^`]+)`", by))
        files = {name for name in named if name.startswith("tests/")}
        assert named - files <= NAMES, promise
        assert all((REPOSITORY / name).is_file() for name in files), promise
        assert named or by.strip() == "all of them", promise
        tried |= named
    assert tried >= NAMES


def test_the_figures_are_of_these_scenarios_and_no_promise_was_broken() -> None:
    figures = read_table(read_figures(DOCUMENT))
    assert set(figures) == {*NAMES, ALL}
    assert {name: count.broken for name, count in figures.items() if count.broken} == {}
    assert all(count.died > 0 for count in figures.values())
    assert figures[ALL] == Count(*map(sum, zip(*(figures[name] for name in NAMES), strict=True)))


def test_the_same_seed_chooses_the_same_points() -> None:
    calls = Calls(Counter(rename=3, write=2000), (Counter(rename=7),))
    points = {choose_point(calls, random.Random("1 7")) for _ in range(5)}
    assert len(points) == 1
    chosen = [choose_point(calls, random.Random(f"1 {number}"), power=True) for number in range(200)]
    assert {point.call for point in chosen} == {"rename", "write"}
    assert all(1 <= point.number <= (7 if point.deep else calls.own[point.call]) for point in chosen)
    assert {point.power for point in chosen} == {point.deep for point in chosen} == {True, False}


def test_tables_are_added_up(tmp_path: Path) -> None:
    one = {"run": Count(1200, 1000, 0), "lock": Count(3, 2, 1)}
    sums = add_tables([format_table(one), format_table(one)])
    assert sums == {"run": Count(2400, 2000, 0), "lock": Count(6, 4, 2)}
    document = tmp_path / "x.md"
    document.write_text("before\n<!-- figures -->\nold\n<!-- end of figures -->\nafter\n")
    write_figures(document, "the command", sums)
    assert read_table(read_figures(document)) == {**sums, ALL: Count(2406, 2004, 2)}
    assert document.read_text().startswith("before\n") and document.read_text().endswith("\nafter\n")


def test_what_is_wrong_in_a_world_is_seen(house: Path, tmp_path: Path) -> None:
    """A harness that never finds anything proves nothing."""
    world = World(tmp_path / "world", Tools(tmp_path / "tools"))
    assert checks.find_faults(world) == []
    for left in (world.cache / "work-v1" / "x", world.store / "jobs" / "y", world.temporary / "z"):
        left.mkdir(parents=True)
    (world.store / ".arriving-1-0").touch()
    kept = world.store / "objects" / "ab" / ("c" * 62)
    kept.parent.mkdir(parents=True)
    kept.write_text("something else")
    world.acknowledged.write_text('["0123", "param", "a", "1"]\n')
    found = "\n".join(checks.find_faults(world))
    assert found.count("left behind") == 4
    assert "is not what its name says" in found
    assert "what was acknowledged" in found


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_a_few_trials(house: Path) -> None:
    command = [sys.executable, "-m", "tests.crashes", "--seed", "7", "--minutes", "5", "--trials", "4"]
    only = ["--only", "run", "--only", "lock", "--real", "0.5"]
    done = subprocess.run([*command, *only], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert read_table(done.stdout)[ALL].trials == 4
