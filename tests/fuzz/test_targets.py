"""A few hostile inputs for each parser: none ends in an error of another kind than it promises."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.fuzz.inputs import some
from tests.fuzz.targets import TARGETS, Target

CORPUS = Path(__file__).parent / "corpus"


def try_once(it: Target, data: bytes) -> None:
    """Give one input to a target, with a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            it.try_input(data, Path(folder))
        except it.expected:
            pass


@pytest.mark.parametrize("it", TARGETS, ids=lambda it: it.name)
def test_hostile_input_is_refused_or_read(it: Target, house: Path) -> None:
    for file in sorted((CORPUS / it.name).glob("*")):  # what failed before
        try_once(it, file.read_bytes())
    for seed in it.seeds:
        try_once(it, seed)

    @settings(
        max_examples=12,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(some(it.seeds, it.words))
    def try_some(data: bytes) -> None:
        try_once(it, data)

    try_some()
