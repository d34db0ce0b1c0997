"""Packages of others that are installed for a test: in this process, and in those that it starts."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

CLUSTER = Path(__file__).with_name("cluster") / "reprise_fake_cluster.py"


def install(
    monkeypatch: pytest.MonkeyPatch, folder: Path, name: str, points: Mapping[str, str], *modules: Path
) -> None:
    """Install a package called ``name`` in ``folder``; ``points`` are lines of entry points by group."""
    described = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    described.mkdir(parents=True)
    (described / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = [line for group, point in points.items() for line in (f"[{group}]", point)]
    (described / "entry_points.txt").write_text("\n".join(lines))
    for module in modules:
        shutil.copy(module, folder)
    monkeypatch.syspath_prepend(str(folder))
    inherited = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(folder), inherited))))


def install_cluster(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Install the backend ``fake``."""
    points = {"reprise.backends": "fake = reprise_fake_cluster"}
    install(monkeypatch, folder, "reprise-fake-cluster", points, CLUSTER)
