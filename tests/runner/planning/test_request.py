"""Parameters from a file: what it may hold, and files that are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from reprise.errors import ProjectError, UsageError
from reprise.runner.planning.request import read_params_file


def test_values_are_the_text_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("C: 0.050\nlist: [1, 2]\nnothing: null\nflag: yes\n")
    assert read_params_file(path) == {"C": "0.050", "list": "[1, 2]", "flag": "yes"}


def test_a_file_without_an_end_is_refused() -> None:
    with pytest.raises(ProjectError, match="larger than 1 MiB"):
        read_params_file(Path("/dev/zero"))


@pytest.mark.parametrize("name", ["absent", "."])
def test_a_file_that_cannot_be_read_is_told(name: str) -> None:
    with pytest.raises(UsageError, match="--params-file: cannot read"):
        read_params_file(Path(name))
