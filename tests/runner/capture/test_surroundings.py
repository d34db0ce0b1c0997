"""The folders and addresses of a run that its texts may name."""

from __future__ import annotations

from pathlib import Path

from reprise.runner.capture.surroundings import find_places
from reprise.schemas.job import Command


def test_places_of_a_virtual_environment(house: Path, tmp_path: Path) -> None:
    python = tmp_path / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch(mode=0o755)
    (tmp_path / "venv" / "pyvenv.cfg").write_text("home = /opt/python3.11/bin\nversion = 3.11.7\n")
    environ = {
        "PATH": str(python.parent),
        "HOME": "/home/ann/",
        "TMPDIR": "/scratch",
        "MLFLOW_TRACKING_URI": "http://ann:secret@127.0.0.1:5000",
    }
    found = find_places(Command(("true",), (), tmp_path / "project"), environ)
    assert {role: place for role, place in found.items() if role != "cache"} == {
        "project folder": f"{tmp_path}/project",
        "home": "/home/ann",
        "temporary folder": "/scratch",
        "tracking address": "http://127.0.0.1:5000",
        "environment": f"{tmp_path}/venv",
        "interpreter": "/opt/python3.11",
    }


def test_what_is_not_known_has_no_role(house: Path, tmp_path: Path) -> None:
    found = find_places(Command(("true",), (), tmp_path), {"PATH": str(tmp_path), "HOME": ""})
    assert not {"home", "tracking address", "environment", "interpreter"} & found.keys()
